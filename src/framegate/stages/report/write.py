"""Write a report beside what it is about: ``report.html``, ``report.json``, ``verdict.json``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from framegate.domain.layout import REPORT, REPORT_PAGE, VERDICT
from framegate.domain.policy import Verdict
from framegate.domain.report import ReportInput
from framegate.stages.report import evidence
from framegate.stages.report.document import document_schema, to_document
from framegate.stages.report.page import render
from framegate.storage.atomic import writing

REPORT_SCHEMA = "framegate.report/1"
VERDICT_SCHEMA = "framegate.verdict/1"


def write_report(folder: Path, report: ReportInput) -> None:
    """Write the three files into ``folder``, which exists and is not yet published.

    Raises `DiskFull` and `OutputNotWritable`.
    """
    files = {
        REPORT_PAGE: render(report),
        REPORT: _text(report_document(report)),
        VERDICT: _text(verdict_document(report)),
    }
    for name, text in files.items():
        with writing(name):
            (folder / name).write_text(text, "utf-8", errors="replace", newline="\n")


def report_document(report: ReportInput) -> dict[str, Any]:
    """All of it, for programs; schema ``report.schema.json``.

    Perceptual hashes are blanked after a child-safety match: a picture can be guessed from them.
    """
    if evidence.child_safety_match(report.screening):
        screened = report.screening
        blank = tuple(replace(sample, pdq="") for sample in screened.samples)
        report = replace(report, screening=replace(screened, samples=blank))
    return {"schema": REPORT_SCHEMA, **to_document(report)}


def verdict_document(report: ReportInput) -> dict[str, Any]:
    """The verdict alone, for programs; schema ``verdict.schema.json``."""
    return {"schema": VERDICT_SCHEMA, "asset_id": report.asset.id, **to_document(report.verdict)}


def schemas() -> dict[str, str]:
    """File name to text of the JSON schemas that are checked in under ``schemas/``."""
    verdict = document_schema(Verdict, title="framegate verdict", version=VERDICT_SCHEMA)
    verdict["properties"] = {
        "schema": verdict["properties"].pop("schema"),
        "asset_id": {"type": "string"},
        **verdict["properties"],
    }
    verdict["required"].insert(1, "asset_id")
    report = document_schema(ReportInput, title="framegate report", version=REPORT_SCHEMA)
    return {"report.schema.json": _text(report), "verdict.schema.json": _text(verdict)}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
