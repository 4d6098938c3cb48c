"""Measure the quality of what was encoded: which windows, and VMAF in the sandbox.

Sampled: windows of about a second spread evenly, four frames scored in each, and the two frames
before and the two after each of some joins. Scoring a frame of one rung costs less than encoding it
for all of them (at 1080p about 45 ms beside 60 ms), so this is a tenth of the encode's cost for a
clip of 5 s and a thirtieth from a minute on. Full: every frame is scored, in windows of one
segment, for three times the encode's cost.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from framegate.domain import codec
from framegate.domain.ladder import EncodedRendition, EncodePlan, QualityWindow
from framegate.domain.media import VideoFacts
from framegate.domain.proof import VmafDone, VmafWork, Window
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

TASK = "framegate.media.vmaf:measure"


def sampled_windows(plan: EncodePlan) -> tuple[Window, ...]:
    """Spread windows and joins, ascending, without overlap (a join wins over a spread window)."""
    grid = plan.grid
    wanted = []
    for join in _evenly([chunk.first_frame for chunk in plan.chunks[1:]], MOST_JOINS):
        first = max(0, join - JOIN_FRAMES // 2)
        frames = min(JOIN_FRAMES, grid.frames - first)
        wanted.append(Window(first, frames, 1, join=True))
    step = _odd(min(grid.frame_rate, Fraction(grid.frames)) / SCORED_IN_SPREAD)
    length = min(grid.frames, SCORED_IN_SPREAD * step)
    count = min(MOST_SPREAD, max(1, int(grid.frames / grid.frame_rate) // SPREAD_EVERY_S))
    for index in range(count):
        middle = int(grid.frames * Fraction(2 * index + 1, 2 * count))
        first = min(max(0, middle - length // 2), grid.frames - length)
        first -= first % max(rung.step(grid) for rung in plan.renditions)  # all show a picture
        wanted.append(Window(first, length, step, join=False))
    taken: list[Window] = []
    for window in wanted:
        if not any(_overlap(window, other) for other in taken):
            taken.append(window)
    return tuple(sorted(taken, key=lambda window: window.first))


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
) -> tuple[EncodedRendition, ...]:
    """The same renditions with their ``windows`` measured. ``fd`` is the open source.

    Raises `InputVanished`, `Undecodable`, `MediaLimit`, `MediaCrash`.
    """
    windows = full_windows(plan) if full else sampled_windows(plan)
    work = VmafWork(
        video=video,
        grid=plan.grid,
        renditions=tuple(encoded.rendition for encoded in videos),
        fields=plan.fields,
        windows=windows,
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
            codec.dump(work),
            fds=fds,
            limits=_limits(plan, len(windows), frames),
            on_message=heard,
        )
    done = codec.load(VmafDone, answer)
    context.progress.end("proof", f"{len(windows)} windows, {_lowest(done.windows)}")
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
