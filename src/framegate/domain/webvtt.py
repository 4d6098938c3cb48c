"""Cues as WebVTT (W3C) and back. Pure.

Only what every player understands is written: plain text, no settings, no styles. `parse` reads
what `render` wrote, and refuses anything else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from fractions import Fraction

from framegate.domain.captions import Cue
from framegate.errors import Internal

MAX_LINES = 12
MAX_CHARACTERS = 1_000  # of one cue: three screens full of captions
HEADER = "WEBVTT"

# Some scripts cannot be written without joiners and direction marks; other format characters
# (tags, interlinear notes) have no place in a caption.
_FORMATTING = frozenset("\u00ad\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069")
_MS = 1000
_TIMING = re.compile(r"(\d{2,}):(\d\d):(\d\d)\.(\d{3}) --> (\d{2,}):(\d\d):(\d\d)\.(\d{3})")


def clean(text: str) -> str:
    """A stranger's text as a cue may hold it: lines without control characters, none empty.

    Longer texts than a screen can show end in an ellipsis.
    """
    lines = (" ".join(_visible(line).split()) for line in text.splitlines())
    kept = "\n".join([line for line in lines if line][:MAX_LINES])
    return kept if len(kept) <= MAX_CHARACTERS else kept[: MAX_CHARACTERS - 1].rstrip() + "…"


def milliseconds(time: Fraction) -> int:
    """A time as WebVTT can say it."""
    return round(time * _MS)


def timestamp(ms: int) -> str:
    """``01:02:03.004``."""
    seconds, ms = divmod(ms, _MS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"


def ordered(cues: Iterable[Cue]) -> tuple[Cue, ...]:
    """Cues as they are written: by start and end, on whole milliseconds, those without any time
    or text left out, what is said twice at the same time once.
    """
    exact = {
        Cue(Fraction(milliseconds(cue.start), _MS), Fraction(milliseconds(cue.end), _MS), cue.text)
        for cue in cues
    }
    return tuple(
        sorted(
            (cue for cue in exact if 0 <= cue.start < cue.end and cue.text),
            key=lambda cue: (cue.start, cue.end, cue.text),
        )
    )


def render(cues: Iterable[Cue], *, header: str = "") -> str:
    """A WebVTT file of `ordered` cues; ``header`` is a line below the first one."""
    head = f"{HEADER}\n{header}\n" if header else f"{HEADER}\n"
    return head + "".join(f"\n{_block(cue)}\n" for cue in cues)


def parse(text: str) -> tuple[Cue, ...]:
    """The cues of a file that `render` made. Raises `Internal` for any other."""
    head, *blocks = text.removesuffix("\n").split("\n\n")
    if head.split("\n", 1)[0] != HEADER:
        raise Internal("A caption file cannot be read", "it does not start with WEBVTT")
    return tuple(_read(block) for block in blocks)


def _block(cue: Cue) -> str:
    times = f"{timestamp(milliseconds(cue.start))} --> {timestamp(milliseconds(cue.end))}"
    escaped = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{times}\n{escaped}"


def _read(block: str) -> Cue:
    timing, _, escaped = block.strip("\n").partition("\n")
    found = _TIMING.fullmatch(timing)
    if found is None or not escaped or "<" in escaped or ">" in escaped:
        raise Internal("A caption file cannot be read", "a cue is not as it was written")
    start, end = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
    plain = escaped.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
    return Cue(start, end, plain)


def _seconds(parts: Iterable[str]) -> Fraction:
    hours, minutes, seconds, ms = (int(part) for part in parts)
    return Fraction(((hours * 60 + minutes) * 60 + seconds) * _MS + ms, _MS)


def _visible(line: str) -> str:
    return "".join(_characters(line))


def _characters(line: str) -> Iterator[str]:
    for character in line:
        kind = unicodedata.category(character)
        if kind[0] == "Z":
            yield " "
        elif kind[0] != "C" or character in _FORMATTING:
            yield character
        elif kind == "Cc":
            yield " "
