"""Domain values to JSON and back: the one way values cross a process or a database.

``Fraction`` travels as ``"30000/1001"``, enums as their value, tuples as lists.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

type Json = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def dump(value: object) -> dict[str, Any]:
    """A dataclass as plain JSON types."""
    return cast("dict[str, Any]", _adapter(type(value)).dump_python(value, mode="json"))


def load[T](kind: type[T], data: object) -> T:
    """JSON types to a dataclass, validated; raises ``pydantic.ValidationError``."""
    return cast("T", _adapter(kind).validate_python(data))
