"""How lines lie in time, measured on decoded frames: whatever the flags say.

FFmpeg's idet compares each field with its neighbours. In a progressive picture both fields are of
one moment; in an interlaced one the second is a field later; in a 3:2 telecined one a field is
repeated twice in every five frames, top and bottom in turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from av.video.frame import VideoFrame

from framegate.domain.media import INTERLACED_LEAST, FieldOrder
from framegate.media.filters import Line, shape_of

SEEN_LEAST = 0.1  # share of frames that show enough motion for the measure to count
ORDER_LEAST = 0.8  # share of the combed frames that agree about the order of their fields

REPEAT = 1.4
"""How much more the other field must have changed for one to be a repetition. At idet's own 3, a
telecined MPEG-2 of 4 Mbit/s shows a third of its cadence; at this all of it, and video none."""

LEAST_LINES = 96
"""idet weighs even lines against odd ones; in fewer lines one more of either tips it."""

CYCLE = 5  # frames in which 3:2 pulldown repeats two fields
CADENCE_LEAST = 0.7  # share of the places of a cycle at which a field is repeated
CADENCE_STRAY = 0.2  # share of the repeated fields that may lie elsewhere
CADENCE_FRAMES = 2 * CYCLE  # fewer show no cadence


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What idet says of the frames of one window, in order: "tff", "bff", "progressive" or
    "undetermined" of each, and which field ("top", "bottom", "neither") repeats the frame before.
    """

    fields: tuple[str, ...]
    repeated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """``order`` is UNKNOWN where too little moves to tell."""

    combed: float  # share of the frames measured whose fields are of two moments
    order: FieldOrder
    telecine: bool


def measure(frames: Iterable[VideoFrame]) -> Verdicts:
    """One window of frames that follow each other."""
    found: list[VideoFrame] = []
    line, shape = None, None
    for number, frame in enumerate(frames):
        if frame.height < LEAST_LINES:
            continue
        if shape_of(frame) != shape:
            found += line.push(None) if line is not None else ()
            shape = shape_of(frame)
            line = Line(shape, [("idet", f"rep_thres={REPEAT}")], time_base=Fraction(1, 25))
        assert line is not None
        kept, frame.pts = frame.pts, number
        found += line.push(frame)
        frame.pts = kept
    found += line.push(None) if line is not None else ()
    said = [frame.metadata for frame in found]
    return Verdicts(
        tuple(each["lavfi.idet.multiple.current_frame"] for each in said),
        tuple(each["lavfi.idet.repeated.current_frame"] for each in said),
    )


def judge(windows: Sequence[Verdicts]) -> Scan:
    """What the windows show together. Pure."""
    fields = Counter(verdict for window in windows for verdict in window.fields)
    total = max(1, fields.total())
    combed = fields["tff"] + fields["bff"]
    if combed + fields["progressive"] < SEEN_LEAST * total:
        return Scan(combed / total, FieldOrder.UNKNOWN, telecine=False)
    if combed < INTERLACED_LEAST * total:
        return Scan(combed / total, FieldOrder.PROGRESSIVE, telecine=False)
    order = FieldOrder.UNKNOWN
    if fields["tff"] >= ORDER_LEAST * combed:
        order = FieldOrder.TOP_FIRST
    elif fields["bff"] >= ORDER_LEAST * combed:
        order = FieldOrder.BOTTOM_FIRST
    return Scan(combed / total, order, telecine=_has_cadence(windows))


def _has_cadence(windows: Iterable[Verdicts]) -> bool:
    """Whether fields are repeated as 3:2 pulldown does; each window by its own phase, since an
    edit after the telecine moves it.
    """
    places = found = stray = 0
    for window in windows:
        repeated = window.repeated
        if len(repeated) < CADENCE_FRAMES or not any(field != "neither" for field in repeated):
            continue  # too short, or nothing moves
        each = len(repeated) // CYCLE * 2
        best = max(_hits(repeated, phase, first) for phase in range(CYCLE) for first in _FIRST)
        places += each
        found += best
        stray += sum(field != "neither" for field in repeated) - best
    return bool(places) and found >= CADENCE_LEAST * places and stray <= CADENCE_STRAY * found


_FIRST = (("top", "bottom"), ("bottom", "top"))


def _hits(repeated: Sequence[str], phase: int, fields: tuple[str, str]) -> int:
    """Repeated fields where pulldown of this phase repeats them: two frames apart, then three."""
    return sum(
        repeated[at] == field
        for field, offset in zip(fields, (0, 2), strict=True)
        for at in range((phase + offset) % CYCLE, len(repeated), CYCLE)
    )
