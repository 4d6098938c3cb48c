"""Domain values as the documents that programs read, and the JSON schemas of those documents.

Both come from one walk over the dataclass fields, so that they cannot drift apart. Exact seconds
become floats whose names end in ``_s``; ratios (frame rates, sample aspects, time bases) stay
exact, as ``"30000/1001"``. The schemas are checked in beside this module and tested.
"""

from __future__ import annotations

import math
import types
import typing
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import PurePath
from typing import Any

from framegate.domain.report import ReportInput

# Fractions that are no seconds: (class, field).
RATIOS = frozenset(
    {
        ("FrameRate", "claimed"),
        ("FrameRate", "measured"),
        ("VideoFacts", "coded_aspect"),
        ("VideoFacts", "sample_aspect"),
        ("VideoFacts", "time_base"),
        ("Rendition", "frame_rate"),
        ("Rendition", "sample_aspect"),
        ("Grid", "frame_rate"),
    }
)

# Too long for a document, or private to this machine: (class, field).
LEFT_OUT = frozenset(
    {
        ("Signals", "frames"),
        ("VideoFacts", "keyframes"),
        ("ReportInput", "samples"),
    }
)


def to_document(value: object) -> Any:  # noqa: ANN401, PLR0911 -- one return for each JSON shape
    """``value`` (a domain dataclass, or what its fields hold) as plain JSON types."""
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value).__name__
        return {
            _key(kind, field.name): _ratio(getattr(value, field.name))
            if (kind, field.name) in RATIOS
            else to_document(getattr(value, field.name))
            for field in fields(value)
            if (kind, field.name) not in LEFT_OUT
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Fraction):
        return round(float(value), 9)
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no NaN; a reader must not take it for a number
    if isinstance(value, tuple | list):
        return [to_document(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    return value


def document_schema(kind: type, *, title: str, version: str) -> dict[str, Any]:
    """The JSON schema (2020-12) of `to_document` of a ``kind``, with its ``schema`` field."""
    definitions: dict[str, Any] = {}
    body = _object_schema(kind, definitions)
    body["properties"] = {"schema": {"const": version}, **body["properties"]}
    body["required"] = ["schema", *body["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{version.replace('/', ':')}",
        "title": title,
        **body,
        "$defs": dict(sorted(definitions.items())),
    }


def _key(kind: str, name: str) -> str:
    """Field name in documents; its type decides, so an unset time keeps its unit."""
    return f"{name}_s" if (kind, name) in _second_fields() else name


@cache
def _second_fields() -> frozenset[tuple[str, str]]:
    """Every (class, field) under a report that holds exact seconds."""
    found: set[tuple[str, str]] = set()
    seen: set[Any] = set()
    pending: list[Any] = [ReportInput]
    while pending:
        kind = pending.pop()
        if kind in seen:
            continue
        seen.add(kind)
        if is_dataclass(kind) and isinstance(kind, type):
            for name, hint in typing.get_type_hints(kind).items():
                if Fraction in {hint, *typing.get_args(hint)}:
                    found.add((kind.__name__, name))
                pending.append(hint)
        else:
            pending.extend(typing.get_args(kind))
    return frozenset(found - RATIOS)


def _ratio(value: Fraction | None) -> str | None:
    return None if value is None else f"{value.numerator}/{value.denominator}"


def _object_schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 -- a type expression
    properties: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(kind).items():
        if (kind.__name__, name) in LEFT_OUT:
            continue
        key = _key(kind.__name__, name)
        ratio = (kind.__name__, name) in RATIOS
        properties[key] = _ratio_schema(hint) if ratio else _schema(hint, definitions)
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _ratio_schema(hint: Any) -> dict[str, Any]:  # noqa: ANN401 -- a type expression
    one: dict[str, Any] = {"type": "string", "pattern": "^-?[0-9]+/[0-9]+$"}
    return {"anyOf": [one, {"type": "null"}]} if type(None) in typing.get_args(hint) else one


_PLAIN: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": ["number", "null"]},  # null where the number is not finite
    str: {"type": "string"},
    Fraction: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
    PurePath: {"type": "string"},
    type(None): {"type": "null"},
}


def _schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 -- a type expression
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_schema(arg, definitions) for arg in args]}
    if origin is tuple and args[-1] is ...:
        return {"type": "array", "items": _schema(args[0], definitions)}
    if origin is tuple:
        return {
            "type": "array",
            "prefixItems": [_schema(arg, definitions) for arg in args],
            "minItems": len(args),
            "maxItems": len(args),
        }
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if isinstance(hint, type) and is_dataclass(hint):
        name = hint.__name__
        if name not in definitions:
            definitions[name] = {}  # claimed first: a type may hold itself
            definitions[name] = _object_schema(hint, definitions)
        return {"$ref": f"#/$defs/{name}"}
    raise TypeError(f"no JSON schema for {hint!r}")
