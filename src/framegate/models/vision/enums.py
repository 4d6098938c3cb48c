"""How probable each value of an ``enum`` was where a model wrote one into its JSON. Pure.

The place in the text where the value begins is found, then the token that covers it; what the model
could have written there instead tells the other values' probabilities:

    {"severity":"mild"}        tokens  {"   severity   ":"   mild   "}
                 ▲                                           ▲ alternatives: none, mild, severe
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framegate.errors import VisionUnavailable

_DECODER = json.JSONDecoder()
_SPACE = " \t\n\r"


@dataclass(frozen=True, slots=True)
class Told:
    """A token that could have stood at a place, and the logarithm of its probability."""

    text: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class Token:
    """The token that stands there, and what could have."""

    text: bytes
    logprob: float
    alternatives: tuple[Told, ...]


def enum_probabilities(
    text: str, tokens: Sequence[Token], schema: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """By JSON pointer, for each string that the schema limits by ``enum``: value → probability,
    over the values of the enum. ``text`` follows the schema.

    A place is left out where one token may begin several values and is likely enough to matter.
    Raises `VisionUnavailable` when the tokens are not those of the text.
    """
    content = text.encode()
    written = b"".join(token.text for token in tokens)
    if not written.startswith(content):
        raise VisionUnavailable(
            "the vision model's server gave no usable answer",
            "its log-probabilities belong to another text",
        )
    found: dict[str, dict[str, float]] = {}
    for pointer, offset, options in _places(text, schema):
        start = len(text[:offset].encode())
        begin, token = _token_at(tokens, start)
        shares = _shares(token, content[begin:start], options)
        if shares is not None:
            found[pointer] = shares
    return found


def _token_at(tokens: Sequence[Token], start: int) -> tuple[int, Token]:
    """The token that holds the byte at ``start``, and where it begins."""
    begin = 0
    for token in tokens:
        if begin + len(token.text) > start:
            return begin, token
        begin += len(token.text)
    raise VisionUnavailable(
        "the vision model's server gave no usable answer", "its log-probabilities end too early"
    )


NEGLIGIBLE = 0.01


def _shares(token: Token, lead: bytes, options: Sequence[str]) -> dict[str, float] | None:
    """``lead`` is what the token holds before the value begins."""
    likely = {each.text: each.logprob for each in token.alternatives}
    likely.setdefault(token.text, token.logprob)
    whole = {
        option: lead + json.dumps(option, ensure_ascii=False)[1:].encode() for option in options
    }
    shares = dict.fromkeys(options, 0.0)
    unclear = 0.0
    for text, logprob in likely.items():
        share = math.exp(logprob)
        begins = [
            option
            for option, written in whole.items()
            if len(text) > len(lead) and (written.startswith(text) or text.startswith(written))
        ]
        if len(begins) == 1:
            shares[begins[0]] += share
        elif begins:
            unclear += share
    mass = math.fsum(shares.values())
    if not mass > 0 or unclear > NEGLIGIBLE:
        return None
    return {option: share / mass for option, share in shares.items()}


def _places(text: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, int, list[str]]]:
    """(JSON pointer, index in ``text`` after the opening quote, values) of each enum string."""
    yield from _value(text, _skip(text, 0), schema, "")


def _value(
    text: str, at: int, schema: Mapping[str, Any], pointer: str
) -> Iterator[tuple[str, int, list[str]]]:
    if not schema:
        return  # nothing is asked of what lies in here, however deep it is
    options = schema.get("enum")
    if text[at] == '"':
        if options and all(isinstance(option, str) for option in options):
            yield pointer, at + 1, list(options)
    elif text[at] == "{":
        properties = schema.get("properties", {})
        for key, place in _members(text, at):
            escaped = key.replace("~", "~0").replace("/", "~1")
            yield from _value(text, place, properties.get(key, {}), f"{pointer}/{escaped}")
    elif text[at] == "[":
        items = schema.get("items", {})
        for index, place in enumerate(_items(text, at)):
            yield from _value(text, place, items, f"{pointer}/{index}")


def _members(text: str, at: int) -> Iterator[tuple[str, int]]:
    """Each key of the object at ``at``, and where its value begins."""
    at = _skip(text, at + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)  # over the colon
        yield key, at
        at = _next(text, at)


def _items(text: str, at: int) -> Iterator[int]:
    """Where each item of the array at ``at`` begins."""
    at = _skip(text, at + 1)
    while text[at] != "]":
        yield at
        at = _next(text, at)


def _next(text: str, at: int) -> int:
    """Behind the value at ``at`` and its comma."""
    _read, at = _DECODER.raw_decode(text, at)
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at
