"""Measure the quality of what was encoded: which windows, and VMAF in the sandbox.

Sampled: windows of about a second spread evenly, four frames scored in each, and the two frames
before and the two after each of some joins. Their number is bounded, so they are a thirtieth of the
encode's cost from a minute on. Short videos get fewer of them, and fewer frames in the one that is
left, so that they stay under `MOST_COST` of it: what a window costs is estimated from its scored
frames, the rungs and what has to be decoded for them. Full: every frame is scored, in windows of
one segment, for three times the encode's cost.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from framegate.domain import serial
from framegate.domain.blurring import frames_of
from framegate.domain.counted import counted
from framegate.domain.ladder import EncodedRendition, EncodePlan, Grid, QualityWindow
from framegate.domain.media import VideoFacts
from framegate.domain.proof import VmafDone, VmafWork, Window
from framegate.domain.span import Span
from framegate.errors import InputVanished
from framegate.security.sandbox.limits import Limits
from framegate.stages.base import StageContext
from framegate.storage.source import reopened

SPREAD_EVERY_S = 30  # one spread window for each half minute …
MOST_SPREAD = 10  # … up to this many
MOST_JOINS = 6
SCORED_IN_SPREAD = 4
"""With an odd step four frames in a row of scores fall on each place of a four-frame B-pyramid
once. An even step would hit only its cheap frames, or only its dear ones: up to 4 VMAF apart."""
JOIN_FRAMES = 4

MOST_COST = 0.15  # of the encode's CPU
SCORE_COST = 1.6
"""Of scoring one frame of one rung, in frames of the top rung's size encoded by x264 veryfast (60
beside 37 ms at 1080p). That is the fastest of the default encoders; beside others it is less."""
SOURCE_COST, RUNG_COST = 0.25, 0.1  # of decoding a frame of the source, of the rungs
READ_BACK_S = 2.5  # from a window back to the source's keyframe: half of five seconds

TASK = "framegate.media.vmaf:measure"


def sampled_windows(plan: EncodePlan) -> tuple[Window, ...]:
    """Spread windows and joins, ascending, without overlap (a join wins over a spread window), as
    many as cost at most `MOST_COST`; always one.
    """
    grid = plan.grid
    joins = []
    for join in _evenly([chunk.first_frame for chunk in plan.chunks[1:]], MOST_JOINS):
        begin = max(0, join - JOIN_FRAMES // 2)
        joins.append(Window(begin, min(JOIN_FRAMES, grid.frames - begin), 1, join=True))
    count = min(MOST_SPREAD, max(1, int(grid.frames / grid.frame_rate) // SPREAD_EVERY_S))
    middles = [int(grid.frames * Fraction(2 * index + 1, 2 * count)) for index in range(count)]
    spread = [_spread(plan, middle, SCORED_IN_SPREAD) for middle in middles]
    spread = [window for window in spread if not any(_overlap(window, join) for join in joins)]
    first, *others = spread or joins
    if spread:
        others = joins + others
    left = MOST_COST * _encode_cost(plan)
    if first.step > 1 and _cost(first, plan) > left:
        middle = first.first + first.frames // 2
        fewer = [_spread(plan, middle, scored) for scored in range(SCORED_IN_SPREAD - 1, 0, -1)]
        first = next((window for window in fewer if _cost(window, plan) <= left), fewer[-1])
    taken = [first]
    left -= _cost(first, plan)
    for window in others:
        left -= _cost(window, plan)
        if left < 0:
            break
        taken.append(window)
    return tuple(sorted(taken, key=lambda window: window.first))


def spread_step(grid: Grid) -> int:
    """Frames from one scored frame of a spread window to the next."""
    return _odd(min(grid.frame_rate, Fraction(grid.frames)) / SCORED_IN_SPREAD)


def _spread(plan: EncodePlan, middle: int, scored: int) -> Window:
    grid = plan.grid
    step = spread_step(grid)
    length = min(grid.frames, scored * step)
    first = min(max(0, middle - length // 2), grid.frames - length)
    first -= first % max(rung.step(grid) for rung in plan.renditions)  # all show a picture
    return Window(first, length, step, join=False)


def _encode_cost(plan: EncodePlan) -> float:
    """In frames of the top rung's size."""
    return plan.grid.frames * _ladder(plan)


def _cost(window: Window, plan: EncodePlan) -> float:
    """The same of a window: its scores, the source before it, and the GOPs that it touches."""
    grid = plan.grid
    source = min(window.first, READ_BACK_S * float(grid.frame_rate)) + window.frames
    gops = 2 if window.join else 1
    rungs = min(gops * grid.gop_frames, grid.frames) * _ladder(plan)
    scores = len(window.scored()) * len(plan.renditions)
    return SCORE_COST * scores + SOURCE_COST * source + RUNG_COST * rungs


def _ladder(plan: EncodePlan) -> float:
    """Pixels of all rungs over those of the top one."""
    pixels = [rung.width * rung.height for rung in plan.renditions]
    return sum(pixels) / max(pixels, default=1)


def full_windows(plan: EncodePlan) -> tuple[Window, ...]:
    """Every frame, in windows of one segment."""
    grid = plan.grid
    return tuple(
        Window(first, min(grid.segment_frames, grid.frames - first), 1, join=False)
        for first in range(0, grid.frames, grid.segment_frames)
    )


def prove(
    context: StageContext,
    fd: int,
    video: VideoFacts,
    plan: EncodePlan,
    videos: Sequence[EncodedRendition],
    *,
    full: bool = False,
    blur: Sequence[Span] = (),
) -> tuple[EncodedRendition, ...]:
    """The same renditions with their ``windows`` measured. ``fd`` is the open source; frames of the
    spans in ``blur`` are compared with the source blurred alike.

    Raises `InputVanished`, `Undecodable`, `MediaLimit`, `MediaCrash`.
    """
    windows = full_windows(plan) if full else sampled_windows(plan)
    work = VmafWork(
        video=video,
        grid=plan.grid,
        renditions=tuple(encoded.rendition for encoded in videos),
        fields=plan.fields,
        windows=windows,
        blurred=frames_of(blur, plan.grid, plan.fields),
    )
    frames = sum(window.frames for window in windows)
    context.progress.start("proof", float(frames), "frames")

    def heard(message: dict[str, Any]) -> None:
        context.progress.advance("proof", float(message.get("frames", 0)))

    with ExitStack() as stack:
        fds = {"source": stack.enter_context(reopened(fd))}
        for encoded in videos:
            path = context.work / encoded.path
            fds[f"in.{encoded.rendition.name}"] = _open(path, stack)
        answer = context.sandbox.run(
            TASK,
            serial.dump(work),
            fds=fds,
            limits=_limits(plan, len(windows), frames),
            on_message=heard,
        )
    done = serial.load(VmafDone, answer)
    context.progress.end("proof", f"{counted(len(windows), 'window')}, {_lowest(done.windows)}")
    return tuple(
        replace(
            encoded,
            windows=tuple(w for w in done.windows if w.rendition == encoded.rendition.name),
        )
        for encoded in videos
    )


def _limits(plan: EncodePlan, windows: int, frames: int) -> Limits:
    """Generous: a second for each megapixel of each rung's frames, and a long GOP a window."""
    pixels = max(rendition.width * rendition.height for rendition in plan.renditions)
    each = len(plan.renditions) * max(1, pixels >> 20)
    cpu_s = 120 + frames * each + windows * 60
    return Limits(memory_bytes=4 << 30, cpu_s=cpu_s, wall_s=4.0 * cpu_s)


def _lowest(windows: Sequence[QualityWindow]) -> str:
    worst = min(windows, key=lambda window: window.vmaf_mean, default=None)
    return "" if worst is None else f"lowest VMAF {worst.vmaf_mean:.1f} ({worst.rendition})"


def _open(path: Path, stack: ExitStack) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InputVanished(f"{path.name} cannot be read", error.strerror or "") from error
    stack.callback(os.close, fd)
    return fd


def _evenly(values: Sequence[int], most: int) -> list[int]:
    if len(values) <= most:
        return list(values)
    return [values[len(values) * index // most] for index in range(most)]


def _odd(value: Fraction) -> int:
    """The nearest odd number, at least 1."""
    return max(1, 2 * int(value / 2) + 1)


def _overlap(one: Window, other: Window) -> bool:
    return one.first < other.first + other.frames and other.first < one.first + one.frames
