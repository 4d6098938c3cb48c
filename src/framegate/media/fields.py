"""Fields to whole pictures: deinterlacing, and undoing 3:2 pulldown.

What comes out depends on a few frames around it, never on where the reading began: a chunk gives
the same pictures alone as in the whole, if its input begins `margin` output frames early.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av.video.frame import VideoFrame

from framegate.domain.ladder import Chunk, Fields, FieldWork, Grid
from framegate.domain.media import FieldOrder, VideoFacts
from framegate.domain.slots import SlotRule, on_grid
from framegate.media.filters import Line, Shape, Step, shape_of

CYCLE_IN = 5  # frames of 3:2 pulldown …
CYCLE_OUT = 4  # … that are these many of film
SETTLE = 2
"""Cycles before the first one that is used: decimate compares with the frame before, fieldmatch
and bwdif with one more on either side."""

_PARITY = {FieldOrder.TOP_FIRST: "tff", FieldOrder.BOTTOM_FIRST: "bff"}

_MARGIN = {
    FieldWork.KEEP: 0,
    FieldWork.FRAMES: 3,  # bwdif looks one frame back; one more for a dropped field
    FieldWork.FIELDS: 6,
    FieldWork.FILM: (SETTLE + 1) * CYCLE_OUT,
}


def margin(fields: Fields) -> int:
    """Output frames before the first one wanted from which the source must be decoded."""
    return _MARGIN[fields.work]


def timed_pictures(
    frames: Iterator[VideoFrame], video: VideoFacts, fields: Fields, grid: Grid, chunk: Chunk
) -> Iterator[tuple[int, VideoFrame]]:
    """(grid slot, whole picture) in presentation order, from decoded frames with PTS."""
    timed = ((frame.pts, frame) for frame in frames if frame.pts is not None)
    if fields.work is FieldWork.KEEP:
        rule = _rule(video, 1, grid.frame_rate)
        return ((rule.slot(pts), frame) for pts, frame in timed)
    if fields.work is FieldWork.FILM:
        return _film(timed, video, fields, grid, chunk)
    rule = _rule(video, 2, grid.frame_rate)
    pictures = _deinterlaced((frame for _, frame in timed), video.time_base, fields)
    return ((rule.slot(frame.pts), frame) for frame in pictures if frame.pts is not None)


def _rule(video: VideoFacts, parts: int, rate: Fraction) -> SlotRule:
    """For PTS that count ``parts`` to the tick."""
    return SlotRule.of(time_base=video.time_base / parts, start=video.start, frame_rate=rate)


def _deinterlaced(
    frames: Iterator[VideoFrame], time_base: Fraction, fields: Fields
) -> Iterator[VideoFrame]:
    """Through bwdif: a picture for each frame or for each field; PTS in half ticks."""
    mode = "send_field" if fields.work is FieldWork.FIELDS else "send_frame"
    parity = _PARITY.get(fields.order, "auto")
    # every frame: the frames' own flags were measured and found wanting
    steps = [("bwdif", f"mode={mode}:parity={parity}:deint=all")]
    line: Line | None = None
    shape: Shape | None = None
    for frame in frames:
        if shape_of(frame) != shape:
            if line is not None:
                yield from line.push(None)
            shape = shape_of(frame)
            line = Line(shape, steps, time_base=time_base)
        assert line is not None
        yield from line.push(frame)
    if line is not None:
        yield from line.push(None)


def _film(
    timed: Iterator[tuple[int, VideoFrame]],
    video: VideoFacts,
    fields: Fields,
    grid: Grid,
    chunk: Chunk,
) -> Iterator[tuple[int, VideoFrame]]:
    """3:2 pulldown taken back: fields matched to the pictures that they came from, and of each
    five the one dropped that repeats. Pictures that still are combed (edits made after the
    telecine) are deinterlaced.

    Fives are counted from the video's first frame, so that each chunk drops the same ones.
    """
    rate = grid.frame_rate * CYCLE_IN / CYCLE_OUT
    rule = _rule(video, 1, rate)
    parity = _PARITY.get(fields.order, "auto")
    steps: list[Step] = [
        ("fieldmatch", f"order={parity}"),
        ("bwdif", f"mode=send_frame:parity={parity}:deint=interlaced"),
        ("decimate", f"cycle={CYCLE_IN}"),
    ]
    first = max(0, chunk.first_frame // CYCLE_OUT - SETTLE)
    end = -(-(chunk.first_frame + chunk.frames) // CYCLE_OUT) + 1
    slots = ((rule.slot(pts), frame) for pts, frame in timed)
    line: Line | None = None
    shape: Shape | None = None
    place = 0
    for number, frame in on_grid(slots, first=first * CYCLE_IN, frames=(end - first) * CYCLE_IN):
        if shape_of(frame) != shape:
            if line is not None:
                yield from enumerate(line.push(None), place)
            shape, place = shape_of(frame), number * CYCLE_OUT // CYCLE_IN
            line = Line(shape, steps, time_base=1 / rate, frame_rate=rate)
        assert line is not None
        frame.pts, frame.time_base = number, 1 / rate
        for picture in line.push(frame):
            yield place, picture
            place += 1
    if line is not None:
        yield from enumerate(line.push(None), place)
