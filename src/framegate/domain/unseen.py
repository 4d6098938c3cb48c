"""Published = screened, picture by picture: frames that no screened frame accounts for. Pure.

Between two samples a motion picture changes, so being unlike both says nothing yet. A frame is
accounted for when one of these holds:

- it belongs to a stretch without a jump in which a sample lies;
- it is like a sample next to it, or lies between the two (a dissolve, a fade, brightness that
  changes), and so is some frame of its stretch.

What remains is a stretch between two jumps that nobody saw, or a frame that is very unlike what was
seen around it, however smoothly the picture came there.

     a a a a a a a a ┃ x ┃ a a a a a a
             sample      │     sample       ┃ jump: a step of `JUMP` levels or more, `RATIO` times
                         └ unseen             the steps beside it; or one frame out and back

Films at 24 frames a second in files of 30, 50 or 60 show some pictures two or three times. Beside
such a held picture every step of a pan looks like a jump, so what lies beyond it counts: of a step
under `SWEEP`, which no cut to another picture needs.

Thresholds: on real clips and two films, every whip pan, dissolve and flash of titles taken together
made one look in a hundred more; frames of other clips differ by 29 to 90 levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from framegate.domain.imprint import Codes, Imprints, distance

JUMP = 8.0  # levels between two frames from which a step may be a jump …
RATIO = 2.0  # … and times the smaller of the steps before and after it
BACK = 0.5  # a frame is out and back when its neighbours are so much nearer than it is to either
STILL = 3.0  # levels under which a step is a picture held: shown again, but for the codec's noise
HELD = 2  # times that rate conversion shows a picture again, at most: film in 60 frames a second
SWEEP = 24.0  # levels from which a step beside a held picture may be a jump: pans stay under it
ALIKE = 8.0  # levels within which two frames show the same
FAR = 36.0  # levels from everything seen nearby: unseen without any jump; pans reach 31
COVERED = 16.0  # levels around a frame that is looked at again, within its stretch
RECENT = 8  # looks that a later stretch may be like: what flashes is looked at once
MOST = 256  # looks that one video gets: 4 minutes of the default gap

type _Column = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Look:
    """A frame to look at again, and how many unseen frames it stands for, itself included."""

    pts: int
    frames: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """``unlike`` frames are accounted for by nothing that was screened; ``looks`` cover them but
    for those ``beyond`` what one video gets.
    """

    frames: int
    unlike: int
    looks: tuple[Look, ...] = ()
    beyond: int = 0


def find_unseen(
    screened: Imprints, parts: Sequence[Callable[[], Imprints]], *, most: int = MOST
) -> Comparison:
    """Compare all frames of a video with the screened ones.

    Each of ``parts`` gives a stretch of frames, in order, and may be asked twice: only one of them
    is held at a time.
    """
    found = _Columns()
    for part in parts:
        found.add(part(), screened)
    table = found.table()
    stretches = [*_unseen_stretches(table), *_far_frames(table)]
    suspects = np.zeros(len(table.pts), bool)
    for first, end in stretches:
        suspects[first:end] |= table.near[first:end] > ALIKE
    unlike = int(np.count_nonzero(suspects))
    if not unlike:
        return Comparison(len(table.pts), 0)
    chosen = _Chosen(most)
    for frames in _stretches_of(suspects, sorted(stretches), parts):
        chosen.cover(table.pts[frames.at], table.near[frames.at], frames.codes)
    return Comparison(len(table.pts), unlike, chosen.looks(), chosen.beyond)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """One row a frame. ``step`` to the frame before, ``skip`` from that one to the next."""

    pts: NDArray[np.int64]
    step: _Column
    skip: _Column
    near: _Column  # to what was screened around it
    seen: NDArray[np.bool_]


class _Columns:
    """Gathers the table part by part; keeps two frames' imprints in between."""

    def __init__(self) -> None:
        self._tail: Codes | None = None  # the last two frames
        self._pts: list[NDArray[np.int64]] = []
        self._step: list[_Column] = []
        self._skip: list[_Column] = []  # of each frame: from two before it to it
        self._near: list[_Column] = []
        self._seen: list[NDArray[np.bool_]] = []

    def add(self, part: Imprints, screened: Imprints) -> None:
        """The next frames."""
        if not len(part):
            return
        held = 0 if self._tail is None else len(self._tail)
        codes = part.codes if self._tail is None else np.concatenate((self._tail, part.codes))
        self._step.append(_against(codes, 1, held))
        self._skip.append(_against(codes, 2, held))
        self._tail = codes[-2:]
        self._pts.append(part.pts)
        near = _nearness(part, screened)
        self._near.append(near)
        # at a sample's own PTS, near is how far this frame is from that sample: a decoder that
        # began elsewhere may have made another picture of it
        self._seen.append(np.isin(part.pts, screened.pts) & (near <= ALIKE))

    def table(self) -> _Table:
        """All of it."""
        if not self._pts:
            none = np.zeros(0, np.float32)
            return _Table(np.zeros(0, np.int64), none, none, none, np.zeros(0, bool))
        skip = np.concatenate(self._skip)
        return _Table(
            np.concatenate(self._pts),
            np.concatenate(self._step),
            np.append(skip[1:], np.float32(0)),
            np.concatenate(self._near),
            np.concatenate(self._seen),
        )


def _against(codes: Codes, back: int, held: int) -> _Column:
    """Distance of each frame but the first ``held`` to the one ``back`` before it; 0 without."""
    apart = np.zeros(len(codes), np.float32)
    apart[back:] = distance(codes[back:], codes[:-back])
    return apart[held:]


def _nearness(part: Imprints, screened: Imprints) -> _Column:
    """Levels from each frame to the nearest of: the sample before, the sample after, the straight
    way from one to the other.
    """
    if not len(screened):
        return np.full(len(part), np.inf, np.float32)
    last = len(screened) - 1
    before = np.clip(np.searchsorted(screened.pts, part.pts, "right") - 1, 0, last)
    after = np.clip(np.searchsorted(screened.pts, part.pts, "left"), 0, last)
    frame = part.codes.astype(np.float32)
    one, other = (screened.codes[at].astype(np.float32) for at in (before, after))
    way = other - one
    length = (way * way).sum(axis=(1, 2, 3))
    share = ((frame - one) * way).sum(axis=(1, 2, 3)) / np.maximum(length, 1)
    between = one + share.clip(0, 1)[:, None, None, None] * way
    nearest: _Column = np.minimum.reduce(
        [distance(frame, one), distance(frame, other), distance(frame, between)]
    )
    return nearest


def _unseen_stretches(table: _Table) -> Iterator[tuple[int, int]]:
    """[first, end) of stretches between jumps in which no sample lies and no frame is like one."""
    count = len(table.pts)
    inner = np.flatnonzero(_jumps(table))
    for first, end in pairwise([0, *inner[inner > 0].tolist(), count]):
        if first < end and not table.seen[first:end].any() and table.near[first:end].min() > ALIKE:
            yield first, end


def _jumps(table: _Table) -> NDArray[np.bool_]:
    """Whether the picture jumps between each frame and the one before it."""
    step = table.step
    before, after = _shifted(step, -1), _shifted(step, 1)
    beside = np.where(
        step < SWEEP, np.minimum(_beyond(step, -1), _beyond(step, 1)), np.minimum(before, after)
    )
    jumps = (step >= JUMP) & (step >= RATIO * beside)
    both = np.minimum(step, after)
    out_and_back = (both >= JUMP) & (table.skip <= BACK * both)
    jumps |= out_and_back
    jumps[1:] |= out_and_back[:-1]
    return jumps


def _beyond(step: _Column, way: int) -> _Column:
    """The step beside each one, earlier (-1) or later (1), past a picture that is held."""
    nearest = found = _shifted(step, way)
    for count in range(2, HELD + 2):
        found = np.where(found < STILL, _shifted(step, way * count), found)
    return np.maximum(nearest, found)


def _shifted(column: _Column, by: int) -> _Column:
    """``column[n + by]`` at each n; 0 where there is none."""
    out = np.zeros_like(column)
    if by < 0:
        out[-by:] = column[:by]
    else:
        out[:-by] = column[by:]
    return out


def _far_frames(table: _Table) -> Iterator[tuple[int, int]]:
    """Stretches of frames that are far from all that was seen around them."""
    far = np.concatenate(([False], table.near > FAR, [False])).astype(np.int8)
    edges = np.flatnonzero(np.diff(far))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Stretch:
    at: NDArray[np.intp]  # rows of the table
    codes: Codes


def _stretches_of(
    suspects: NDArray[np.bool_],
    stretches: Sequence[tuple[int, int]],
    parts: Sequence[Callable[[], Imprints]],
) -> Iterator[_Stretch]:
    """The unlike frames of each stretch with their imprints, each frame once."""
    left = suspects.copy()
    wanted = np.flatnonzero(suspects)
    codes: dict[int, Codes] = {}
    rows = 0
    for part in parts:
        frames = part()
        inside = wanted[(wanted >= rows) & (wanted < rows + len(frames))]
        codes |= {int(at): frames.codes[at - rows].copy() for at in inside}
        rows += len(frames)
    for first, end in stretches:
        at = first + np.flatnonzero(left[first:end])
        left[first:end] = False
        if at.size:
            yield _Stretch(at, np.stack([codes[int(row)] for row in at]))


@dataclass(slots=True)
class _Chosen:
    """Picks frames so that every unlike one is covered by a look."""

    most: int
    beyond: int = 0
    _pts: list[int] = field(default_factory=list)
    _frames: list[int] = field(default_factory=list)
    _codes: list[Codes] = field(default_factory=list)

    def cover(self, pts: NDArray[np.int64], near: _Column, codes: Codes) -> None:
        """The unlike frames of one stretch: the farthest first."""
        left = np.ones(len(pts), bool)
        for known in range(max(0, len(self._codes) - RECENT), len(self._codes)):
            like = left & (distance(codes, self._codes[known]) <= ALIKE)
            self._frames[known] += int(np.count_nonzero(like))
            left &= ~like
        while left.any():
            at = int(np.argmax(np.where(left, near, -1)))
            covered = left & (distance(codes, codes[at]) <= COVERED)
            left &= ~covered
            count = int(np.count_nonzero(covered))
            if len(self._pts) >= self.most:
                self.beyond += count
                continue
            self._pts.append(int(pts[at]))
            self._frames.append(count)
            self._codes.append(codes[at])

    def looks(self) -> tuple[Look, ...]:
        """In the order of presentation."""
        pairs = zip(self._pts, self._frames, strict=True)
        return tuple(Look(pts, frames) for pts, frames in sorted(pairs))
