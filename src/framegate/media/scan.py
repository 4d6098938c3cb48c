"""How lines lie in time, measured on decoded frames: whatever the flags say.

FFmpeg's idet compares each field with its neighbours. In a progressive picture both fields are of
one moment; in an interlaced one the second is a field later; in a 3:2 telecined one a field is
repeated twice in every five frames, top and bottom in turn.

idet is wrong about progressive pictures whose even rows look otherwise than their odd ones: text
and ruled lines that scroll by two or four rows a frame are as lopsided as fields are. So where no
flag says that a frame is interlaced, the picture itself must show it: see `_is_woven`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from framegate.domain.media import INTERLACED_LEAST, FieldOrder
from framegate.media.filters import Line, shape_of
from framegate.media.luma import LumaReader

SEEN_LEAST = 0.1  # share of frames that show enough motion for the measure to count
ORDER_LEAST = 0.7  # share of the combed frames that agree about the order of their fields

LOPSIDED = 1.25
"""How much rougher the farther fields, woven, must be than the nearer ones to show two moments.
Scrolling text reaches 1.2, and 1.4 where the whole picture is text of 11 to 14 px at two rows a
frame; interlaced video begins at 1.1 where little moves and goes to 2."""

SMOOTHER = 0.25
"""Else a frame must not be much smoother than its nearer fields woven: by this share of what it is
smoother than the farther ones. Video that an encoder left whole is at 0 to 0.3, one that lost half
of its combs at 0.5 to 0.8, scrolling text at 0.3 to 1."""

COLUMN_STEP = 4  # every such column is enough to tell

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
    """What is said of the frames of one window, in order: "tff", "bff", "progressive" or
    "undetermined" of each that has one on either side, and of each which field ("top", "bottom",
    "neither") repeats the frame before.
    """

    fields: tuple[str, ...]
    repeated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """``order`` is UNKNOWN where too little moves to tell."""

    combed: float  # share of the frames whose fields are of two moments, of those that tell
    order: FieldOrder
    telecine: bool


def measure(frames: Iterable[VideoFrame]) -> Verdicts:
    """One window of frames that follow each other. The first and the last of it count for no
    fields: idet needs a frame on either side, and takes the frame itself where there is none.
    """
    fields: list[str] = []
    repeated: list[str] = []
    for shape, group in groupby(frames, key=shape_of):
        if shape[1] < LEAST_LINES:
            continue
        run = list(group)
        line = Line(shape, [("idet", f"rep_thres={REPEAT}")], time_base=Fraction(1, 25))
        found: list[VideoFrame] = []
        for number, frame in enumerate(run):
            kept, frame.pts = frame.pts, number
            found += line.push(frame)
            frame.pts = kept
        found += line.push(None)
        said = [frame.metadata for frame in found]
        # not "multiple": that carries a verdict on through frames in which nothing is seen
        single = [each["lavfi.idet.single.current_frame"] for each in said]
        repeated += (each["lavfi.idet.repeated.current_frame"] for each in said)
        for at in range(1, len(single) - 1):
            combed = single[at] in _COMBED
            doubted = combed and not run[at].interlaced_frame
            refuted = doubted and not _is_woven(*run[at - 1 : at + 2])
            fields.append("progressive" if refuted else single[at])
    return Verdicts(tuple(fields), tuple(repeated))


_COMBED = ("tff", "bff")


def _is_woven(before: VideoFrame, frame: VideoFrame, after: VideoFrame) -> bool:
    """Whether the fields of ``frame`` are of two moments, whatever its rows show.

    Its fields are woven with those of the frames beside it. Of video the nearer ones fit as well as
    its own two, for they are as far apart in time; where both are of one moment, none fits better.
    """
    past, own, future = (_rows(each) for each in (before, frame, after))
    above, below = own[:-2], own[2:]

    def rough(lines: NDArray[np.int16], parity: int) -> int:
        steps = np.abs(above + below - 2 * lines[1:-1])
        return int(steps[parity::2].sum(dtype=np.int64))

    whole = rough(own, 0) + rough(own, 1)
    one = rough(past, 1) + rough(future, 0)
    other = rough(past, 0) + rough(future, 1)
    near, far = min(one, other), max(one, other)
    return far >= LOPSIDED * near or near - whole <= SMOOTHER * (far - whole)


def _rows(frame: VideoFrame) -> NDArray[np.int16]:
    """Luma, every `COLUMN_STEP`-th column, 8 bits."""
    luma = LumaReader(full_range=True).read(frame)
    return (luma.plane[:, ::COLUMN_STEP] >> (luma.bits - 8)).astype(np.int16)


def judge(windows: Sequence[Verdicts]) -> Scan:
    """What the windows show together. Pure."""
    fields = Counter(verdict for window in windows for verdict in window.fields)
    total = max(1, fields.total())
    combed = fields["tff"] + fields["bff"]
    seen = combed + fields["progressive"]
    if seen < SEEN_LEAST * total or not seen:
        return Scan(combed / total, FieldOrder.UNKNOWN, telecine=False)
    share = combed / seen
    if share < INTERLACED_LEAST:
        return Scan(share, FieldOrder.PROGRESSIVE, telecine=False)
    order = FieldOrder.UNKNOWN
    if fields["tff"] >= ORDER_LEAST * combed:
        order = FieldOrder.TOP_FIRST
    elif fields["bff"] >= ORDER_LEAST * combed:
        order = FieldOrder.BOTTOM_FIRST
    return Scan(share, order, telecine=_has_cadence(windows))


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
