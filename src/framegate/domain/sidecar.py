"""What a sender says about a video, in JSON beside it or by option. Pure.

``clip.mp4.framegate.json`` beside ``clip.mp4``; docs/reference/sidecar.md has the schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, replace

from framegate.domain.asset import AssetDetails
from framegate.errors import SidecarInvalid

SUFFIX = ".framegate.json"
MAX_BYTES = 64 << 10

LONGEST = {
    "tenant": 128,
    "creator": 128,
    "title": 500,
    "description": 10_000,
    "language": 35,
    "region": 2,
}
FIELDS = tuple(field.name for field in fields(AssetDetails))

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")  # BCP 47, by shape
_REGION = re.compile(r"[A-Z]{2}")
_IDENTITY = re.compile(r"[^\x00-\x1f\x7f]*")
_TEXT = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*")  # tabs and line breaks are fine

PATTERNS = {
    "tenant": (_IDENTITY, "printable characters"),
    "creator": (_IDENTITY, "printable characters"),
    "title": (_IDENTITY, "printable characters"),
    "description": (_TEXT, "text without control characters"),
    "language": (_LANGUAGE, 'a BCP 47 tag, for example "de-AT"'),
    "region": (_REGION, 'an ISO 3166-1 code, for example "AT"'),
}


def problem_with(values: Mapping[str, object]) -> str | None:
    """The first thing wrong with these details, in words; None when they can be used."""
    for name, value in values.items():
        if name not in LONGEST:
            return f"unknown field {name[:40]!r}; known are {', '.join(FIELDS)}"
        if not isinstance(value, str):
            return f"{name} must be text"
        if len(value) > LONGEST[name]:
            return f"{name} is longer than {LONGEST[name]} characters"
        pattern, wanted = PATTERNS[name]
        if value and not pattern.fullmatch(value):
            return f"{name} must be {wanted}"
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            return f"{name} is not valid Unicode"
    return None


def read_sidecar(data: bytes, given: AssetDetails) -> AssetDetails:
    """Details of the sidecar over those ``given`` for the whole run. Raises `SidecarInvalid`."""
    what = "The sidecar cannot be used"
    if len(data) > MAX_BYTES:
        raise SidecarInvalid(what, f"it has more than {MAX_BYTES} bytes")
    try:
        values = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise SidecarInvalid(what, "it is not JSON in UTF-8") from error
    except ValueError as error:
        raise SidecarInvalid(what, str(error)) from error
    if not isinstance(values, dict):
        raise SidecarInvalid(what, "it is not a JSON object")
    problem = problem_with(values)
    if problem is not None:
        raise SidecarInvalid(what, problem)
    return replace(given, **values)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a field is given twice")
    return dict(pairs)
