"""Text of ASS events, as FFmpeg's text decoders hand them out.

Every text codec (mov_text, SubRip, WebVTT, ASS) decodes to events of the form
``ReadOrder,Layer,Style,Name,MarginL,MarginR,MarginV,Effect,Text``. Styles, positions and drawings
go; words and line breaks stay.
"""

from __future__ import annotations

import re

MAX_EVENT_BYTES = 64 << 10  # what a person reads in a cue is a thousandth of it
_FIELDS = 8  # commas before the text

_DRAWING = re.compile(r"\\p(\d{1,4})")
_PART = re.compile(r"\\[{}]|\{[^}]*\}|\\[Nnh]|\\\u2060|[^\\{]+|.", re.DOTALL)


def words(event: bytes) -> str:
    """The text of one event, lines divided by a line feed; not yet `webvtt.clean`."""
    text = event[:MAX_EVENT_BYTES].decode("utf-8", "replace")
    parts = text.split(",", _FIELDS)
    if len(parts) <= _FIELDS:
        return ""
    kept: list[str] = []
    drawing = False
    for part in _PART.findall(parts[_FIELDS]):
        if part.startswith("{") and len(part) > 1:
            mode = _DRAWING.findall(part)
            drawing = int(mode[-1]) > 0 if mode else drawing
        elif not drawing:
            kept.append(_plain(part))
    return "".join(kept)


def _plain(part: str) -> str:
    if part in (r"\{", r"\}"):
        return part[1]
    if part in (r"\N", r"\n"):
        return "\n"
    return " " if part == r"\h" else "\\" if part == "\\\u2060" else part
