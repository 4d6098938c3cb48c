"""Domain values to JSON and back: the one way values cross a process or a database.

``Fraction`` travels as ``"30000/1001"``, enums as their value, tuples as lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from framegate.errors import Internal

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type) -> TypeAdapter[Any]:
    found = _ADAPTERS.get(kind)
    if found is None:
        found = _ADAPTERS[kind] = TypeAdapter(kind)
    return found


def prepare(*kinds: type) -> None:
    """Build what `dump` and `load` need now, once, before children are forked."""
    for kind in kinds:
        _adapter(kind).rebuild(force=False)


def dump(value: object) -> dict[str, Any]:
    """A dataclass as plain JSON types."""
    return cast("dict[str, Any]", _adapter(type(value)).dump_python(value, mode="json"))


def load[T](kind: type[T], data: object) -> T:
    """JSON types to a dataclass, validated. Raises `Internal`: what framegate's own parts said is
    not what they say.
    """
    try:
        return cast("T", _adapter(kind).validate_python(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Internal(f"no {kind.__name__} could be read", f"{place}: {first['msg']}") from error


@dataclass(frozen=True, slots=True)
class _Primer:
    ratio: Fraction | None = None
    values: tuple[float, ...] = ()


# pydantic imports parts of itself at the first schema; a sandboxed child could not any more
load(_Primer, dump(_Primer(Fraction(1, 2))))
