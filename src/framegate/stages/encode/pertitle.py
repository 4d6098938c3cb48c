"""Fit the ladder to its video: of the sizes and CRFs tried, those that pay. Pure.

1. The **top rung** is to have VMAF 93 to 95: below, the loss shows; above, bits buy nothing that
   anybody sees. A smaller size takes its place where that has as much for at least `TOP_GAIN` less
   and as many pictures a second.
2. **Below it** a size is kept where it is on the convex hull of all sizes (VMAF over log bitrate),
   give or take `NEAR`: there no other size looks better for the same bits. Each rung aims at a
   little less than half of the bitrate of the one above it, and leaves the hull for that only as
   far as it pays.
3. Rungs lie at least `LEAST_GAP` VMAF apart, with room for what was not tried; a switch that nobody
   sees helps nobody.
4. The **smallest size** is kept wherever rule 3 allows, for slow links.
5. No rung is planned above its ceiling (maxrate), whatever VMAF it would take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby, pairwise
from math import log, sqrt

from framegate.domain.ladder import EncodePlan, Rendition, VideoCodec
from framegate.domain.media import MediaFacts
from framegate.domain.pertitle import LeftOut, Prediction, Stretch, TitleLadder, TrialPoint
from framegate.domain.trial import TrialDone
from framegate.stages.encode.changes import changes, note
from framegate.stages.encode.curve import STEP, Operating, operating_points

TOP_VMAF = 94.0
TOP_RANGE = (93.0, 95.0)
TOP_GAIN = 0.15
LEAST_GAP = 6.0
GAP_SPREAD = 1.5
"""What a whole video lacks of VMAF is what its stretches lack, give or take a share that falls with
the root of the frames tried. Eight clips on 24 frames came out at 0.74 to 1.15 of it, one on 64 at
0.92 to 1.01. All rungs of a clip are off by much the same share, and so are the gaps between them:
the worst came out at 0.71 of what was planned. Room is for `GAP_SPREAD` over the root."""

NEAR = log(1.25)  # of the hull's bitrate, at the same VMAF
LOSS_WEIGHT = 2.0  # a rung off the hull may be so many times nearer to its aim (in log bitrate)
RATE_STEP = 0.45

BASE = {VideoCodec.H264: 24.0, VideoCodec.H265: 25.0, VideoCodec.AV1: 33.0}
UNIT = {VideoCodec.H264: 1.0, VideoCodec.H265: 1.0, VideoCodec.AV1: 1.6}
"""CRFs of which one costs an eighth of the bitrate: AV1 counts to 63, the others to 51."""

SUPERFAST = ("trellis=1", "aq-strength=0.6")
VERYFAST = (*SUPERFAST, "qcomp=0.7")
TUNED = {VideoCodec.H264: {"superfast": SUPERFAST, "veryfast": VERYFAST}}
"""What the fastest presets of x264 leave out and pays, at a tenth more CPU at most: quantisation by
rate and distortion (slower presets have it); adaptive quantisation at the strength that x264's own
tuning for animation has, which gives flat areas fewer of the bits of detailed ones; and three
quarters of the macroblock tree's strength, as ten frames of lookahead see too little for all of it.
At the same VMAF they save 7 to 13 %, 3 to 9 % and up to 3 % of the bits. Nothing was looked for in
x265 and SVT-AV1."""

SMALL = Fraction(1, 3)
TUNED_SMALL = {VideoCodec.H264: {"veryfast": (*VERYFAST, "subme=3", "rc-lookahead=20")}}
"""Rungs of at most `SMALL` of the largest one's pixels get what a whole ladder could not afford:
finer motion search (four tenths more CPU, of a sixth of the ladder's) and twice the lookahead. On
four clips that saved 13, 6, 3 and no per cent of their bits; those who watch them have the fewest.
"""

CRF_STEP = {VideoCodec.H264: STEP, VideoCodec.H265: STEP, VideoCodec.AV1: 1.0}
"""FFmpeg cuts what it is told of SVT-AV1's CRF down to a whole number."""

TOP_TRIALS = (-5.0, 1.0, 7.0)
FEW_TOP_TRIALS = (-4.0, 5.0)
OTHER_TRIALS = (-1.0, 8.0)
FREE = 8
"""Times the ceiling, for trials: a buffer that has just begun would squeeze the first frames of
each stretch, and only they are looked at."""

FILLED = 0.85
"""Of a ceiling, the highest mean that is planned: the encoder's own buffer drains a little below
it."""

MANY_FRAMES = 120  # tried: from here on a third CRF of the top rung costs little beside the encode


def tuned(rendition: Rendition, largest: Rendition) -> Rendition:
    """The rung with the parameters that a fitted ladder adds to its preset."""
    share = Fraction(rendition.width * rendition.height, largest.width * largest.height)
    added = TUNED.get(rendition.codec, {}).get(rendition.preset, ())
    if share <= SMALL:
        added = TUNED_SMALL.get(rendition.codec, {}).get(rendition.preset, added)
    return replace(rendition, tuned=added)


def trials(renditions: Sequence[Rendition], frames: int) -> tuple[Rendition, ...]:
    """Each size at each CRF that is to be tried on ``frames`` frames. The last rung is the top."""
    top = renditions[-1]
    made = []
    for rendition in renditions:
        base, unit = BASE[rendition.codec], UNIT[rendition.codec]
        steps: tuple[float, ...] = OTHER_TRIALS
        if rendition is top:
            steps = TOP_TRIALS if frames >= MANY_FRAMES else FEW_TOP_TRIALS
        free = replace(
            tuned(rendition, top),
            maxrate=FREE * rendition.maxrate,
            bufsize_bits=FREE * rendition.bufsize_bits,
        )
        made += [replace(free, crf=round(base + unit * step)) for step in steps]
    return tuple(made)


@dataclass(frozen=True, slots=True)
class Choice:
    """The rungs that stay, smallest first, with their operating points; and the others."""

    rungs: tuple[Operating, ...]
    left_out: tuple[LeftOut, ...]


def planned_gap(frames: int) -> float:
    """VMAF between two rungs that leaves `LEAST_GAP` of the whole where ``frames`` were tried."""
    return LEAST_GAP / (1 - min(0.5, GAP_SPREAD / sqrt(max(1, frames))))


def choose(renditions: Sequence[Rendition], points: Sequence[TrialPoint], frames: int) -> Choice:
    """Which sizes at which CRFs. ``renditions`` are the fixed ladder, smallest first; each has a
    trial point or more, of ``frames`` frames.
    """
    gap = planned_gap(frames)
    by_name = {
        name: operating_points(tuple(group), step=CRF_STEP[renditions[0].codec])
        for name, group in groupby(
            sorted(points, key=lambda point: point.rendition), key=lambda point: point.rendition
        )
    }
    curves = [_under_ceiling(by_name[each.name], each.maxrate) for each in renditions]
    # VMAF sees no motion: half of the pictures must not pass for as good
    full = [each.frame_rate for each in renditions].index(renditions[-1].frame_rate)
    at, top = _top(curves, full)
    left_out = [
        LeftOut(each.name, f"{renditions[at].name} looks as good for less")
        for each in renditions[at + 1 :]
    ]
    hull = upper_hull([point for curve in curves[: at + 1] for point in curve])
    rungs = [top]
    for rendition, curve in reversed(list(zip(renditions[:at], curves[:at], strict=True))):
        apart = [p for p in curve if p.vmaf <= rungs[-1].vmaf - gap]
        able = [point for point in apart if _loss(hull, point) <= NEAR]
        smallest = rendition is renditions[0]
        if able:
            aim = rungs[-1].log_rate + log(RATE_STEP)
            rungs.append(
                min(
                    able,
                    key=lambda p: abs(p.log_rate - aim) + LOSS_WEIGHT * max(0.0, _loss(hull, p)),
                )
            )
        elif apart and smallest:
            rungs.append(min(apart, key=lambda point: _loss(hull, point)))
        elif apart:
            left_out.append(LeftOut(rendition.name, "other sizes look better for the same bitrate"))
        else:
            why = f"it would lie within {gap:.1f} VMAF of {rungs[-1].rendition}"
            left_out.append(LeftOut(rendition.name, why))
    return Choice(tuple(reversed(rungs)), tuple(left_out))


def fit(
    plan: EncodePlan, done: TrialDone, facts: MediaFacts, *, crf_offset: float = 0.0
) -> EncodePlan:
    """The fixed plan with the ladder that the trials speak for. ``crf_offset`` comes on top."""
    tried = sum(window.frames for window in done.windows)
    choice = choose(plan.renditions, done.points, tried)
    by_name = {rendition.name: rendition for rendition in plan.renditions}
    largest = plan.renditions[-1]
    renditions = tuple(
        replace(tuned(by_name[rung.rendition], largest), crf=rung.crf + crf_offset)
        for rung in choice.rungs
    )
    title = TitleLadder(
        stretches=tuple(Stretch(window.first, window.frames) for window in done.windows),
        points=done.points,
        predictions=tuple(
            Prediction(rung.rendition, rung.crf, round(rung.bitrate), round(rung.vmaf, 2))
            for rung in choice.rungs
        ),
        left_out=choice.left_out,
    )
    told = changes(facts, plan.fields, renditions, plan.audio)  # of the rungs that are left
    return replace(
        plan,
        renditions=renditions,
        title=title,
        changes=told,
        notes=tuple(note(change) for change in told),
    )


def unfitted(plan: EncodePlan, why: str) -> EncodePlan:
    """The fixed plan, saying why nothing was tried."""
    return replace(plan, title=TitleLadder(skipped=why))


def upper_hull(points: Sequence[Operating]) -> tuple[Operating, ...]:
    """The points that no mixture of two others beats: VMAF over log bitrate, both ascending."""
    hull: list[Operating] = []
    for point in sorted(points, key=lambda p: (p.bitrate, -p.vmaf)):
        if hull and point.vmaf <= hull[-1].vmaf:
            continue
        while len(hull) > 1 and _is_under(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return tuple(hull)


def _is_under(a: Operating, b: Operating, c: Operating) -> bool:
    """Whether b lies on or under the line from a to c."""
    return (b.vmaf - a.vmaf) * (c.log_rate - a.log_rate) <= (c.vmaf - a.vmaf) * (
        b.log_rate - a.log_rate
    )


def _loss(hull: Sequence[Operating], point: Operating) -> float:
    """How much more (log) bitrate a point takes than the hull at the same VMAF."""
    if point.vmaf <= hull[0].vmaf:
        return point.log_rate - hull[0].log_rate
    for low, high in pairwise(hull):
        if point.vmaf <= high.vmaf:
            share = (point.vmaf - low.vmaf) / (high.vmaf - low.vmaf)
            return point.log_rate - (low.log_rate + share * (high.log_rate - low.log_rate))
    return 0.0


def _under_ceiling(curve: Sequence[Operating], maxrate: int) -> tuple[Operating, ...]:
    """What fits; if nothing does, the cheapest: the encoder holds the ceiling then."""
    return tuple(p for p in curve if p.bitrate <= FILLED * maxrate) or (curve[-1],)


def _top(curves: Sequence[Sequence[Operating]], least: int) -> tuple[int, Operating]:
    """The top rung: its index, not under ``least``, and point."""
    best = [min(curve, key=lambda point: abs(point.vmaf - TOP_VMAF)) for curve in curves]
    at = len(best) - 1
    for index in range(at - 1, least - 1, -1):
        enough = best[index].vmaf >= min(TOP_RANGE[0], best[at].vmaf)
        if enough and best[index].bitrate <= (1 - TOP_GAIN) * best[at].bitrate:
            at = index
    return at, best[at]
