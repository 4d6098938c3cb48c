"""Plan an encode: the fixed ladder, and unless told otherwise trials and a ladder fitted to them.

What is tried is a share of the video, so that trials cost a share of the encode: `SHARE` of its
frames, in stretches of most of a second, at most `MOST_STRETCHES` of them. Stretches are chosen so
that each stands for as many frames as the others: shots are put in order of their motion, and taken
at even steps of the time that they last. Without shots (`framegate encode` does not look) they are
spread evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from framegate.domain import serial
from framegate.domain.ladder import EncodeOptions, EncodePlan, Grid
from framegate.domain.media import MediaFacts, VideoFacts
from framegate.domain.pertitle import LadderMode
from framegate.domain.proof import Window
from framegate.domain.screening import Screening
from framegate.domain.slots import SlotRule
from framegate.domain.trial import TrialDone, TrialWork
from framegate.errors import Undecodable
from framegate.security.sandbox.limits import Limits
from framegate.stages.base import StageContext
from framegate.stages.encode import ladder, pertitle
from framegate.storage.source import reopened

TASK = "framegate.media.trial:measure"
STAGE = "plan"

SHARE = Fraction(1, 20)
SHORT_SHARE, SHORT_TRIED = Fraction(1, 16), 48
"""Up to so many frames a larger share is tried: a short video has as many kinds of shots."""
LEAST_TRIED = 24  # frames in all: fewer say nothing, whatever share of a short video they are
LEAST_FRAMES, MOST_FRAMES = 12, 16  # of a stretch: fewer are all keyframe, more tell little more
LEAST_STRETCHES, MOST_STRETCHES = 2, 10
LEAST_FOR_TRIALS = 2 * LEAST_TRIED  # output frames in which the stretches find room
SHORTEST = LEAST_TRIED * 16
"""Output frames from which trials pay. To try a frame costs about four times what encoding it does
(3.9 to 4.1, from 720p with three rungs to 2160p with six: two CRFs of each size, and their scores),
so a sixteenth of the frames costs a quarter of the encode. Fewer frames than `LEAST_TRIED` say too
little, so a shorter video has the fixed ladder.
"""
SCORE_STEP = 7  # odd, so that the scored frames fall on all places of a B-pyramid
SEEK_CHOICES = 4  # keyframes before a stretch that are worth a try


@dataclass(frozen=True, slots=True)
class Part:
    """Output frames ``first`` to ``end - 1``, of one shot; ``motion`` 0..255."""

    first: int
    end: int
    motion: float


def make_plan(
    context: StageContext,
    fd: int,
    facts: MediaFacts,
    options: EncodeOptions,
    screening: Screening | None = None,
    *,
    shortest: int = SHORTEST,
) -> EncodePlan:
    """The plan, with trials where they are wanted and the video has ``shortest`` frames or more.
    ``fd`` is the open source; its offset is left alone.

    Raises what `ladder.plan` raises, `MediaLimit`, `MediaCrash`, `ComponentMissing`.
    """
    plan = ladder.plan(facts, options)
    if options.ladder is LadderMode.FIXED:
        return plan
    if plan.grid.frames < max(shortest, LEAST_FOR_TRIALS):
        why = f"trials would cost more than a quarter of encoding {plan.grid.frames} frames"
        return pertitle.unfitted(plan, f"{why}, so they are made from {shortest} on")
    found = windows(plan, facts.video, parts(plan.grid, facts.video, screening))
    trials = pertitle.trials(plan.renditions, sum(window.frames for window in found))
    work = TrialWork(
        video=replace(facts.video, keyframes=_keyframes(plan.grid, facts.video, found)),
        grid=plan.grid,
        sizes=plan.renditions,
        trials=trials,
        fields=plan.fields,
        windows=found,
    )
    total = len(trials) * len(found)
    context.progress.start(STAGE, float(total), "trials")

    def heard(message: dict[str, object]) -> None:
        if isinstance(done := message.get("trials"), int):
            context.progress.advance(STAGE, float(done))

    try:
        with reopened(fd) as source:
            answer = context.sandbox.run(
                TASK,
                serial.dump(work),
                fds={"source": source},
                limits=_limits(work),
                on_message=heard,
            )
    except Undecodable as error:
        # the parts that were chosen are damaged; the encode repeats pictures over such holes
        context.progress.end(STAGE, "fixed ladder")
        return pertitle.unfitted(plan, f"{error.what}".rstrip("."))
    done = serial.load(TrialDone, answer)
    fitted = pertitle.fit(plan, done, facts, crf_offset=options.crf_offset)
    context.progress.end(STAGE, ", ".join(rendition.name for rendition in fitted.renditions))
    return fitted


def parts(grid: Grid, video: VideoFacts, screening: Screening | None) -> tuple[Part, ...]:
    """Shots on the output grid with their mean motion; the whole video where there are none."""
    whole = (Part(0, grid.frames, 0.0),)
    if screening is None or not screening.shots:
        return whole
    found = []
    frames = screening.signals.frames
    times = [pts * video.time_base - video.start for pts in frames.pts]
    at = 0
    for shot in screening.shots:
        first = max(0, round(shot.start * grid.frame_rate))
        end = min(grid.frames, round(shot.end * grid.frame_rate))
        motion, count = 0.0, 0
        while at < len(times) and times[at] < shot.end:
            motion += frames.motion[at]
            count += 1
            at += 1
        if end > first:
            found.append(Part(first, end, motion / max(1, count)))
    return tuple(found) or whole


def windows(plan: EncodePlan, video: VideoFacts, found: Sequence[Part]) -> tuple[Window, ...]:
    """Where to try, ascending and without overlap. Each begins at a keyframe of the source where
    one lies up to a second before: nothing need be decoded to get there.
    """
    grid = plan.grid
    step = max(rendition.step(grid) for rendition in plan.renditions)
    short = min(SHORT_TRIED, int(SHORT_SHARE * grid.frames))
    tried = max(LEAST_TRIED, short, int(SHARE * grid.frames))
    length = min(MOST_FRAMES, max(LEAST_FRAMES, tried // 4))
    count = min(MOST_STRETCHES, max(LEAST_STRETCHES, tried // length))
    length += -length % step
    long_enough = [part for part in found if part.end - part.first >= length + step]
    usable = sorted(long_enough or [Part(0, grid.frames, 0.0)], key=lambda p: (p.motion, p.first))
    total = sum(part.end - part.first for part in usable)
    wanted: dict[Part, int] = {}
    for number in range(count):
        aim = total * Fraction(2 * number + 1, 2 * count)
        for part in usable:
            aim -= part.end - part.first
            if aim < 0:
                wanted[part] = wanted.get(part, 0) + 1
                break
    rule = SlotRule.of(time_base=video.time_base, start=video.start, frame_rate=grid.frame_rate)
    keys = [rule.slot(pts) for pts in video.keyframes]
    taken: list[Window] = []
    for part, times in sorted(wanted.items(), key=lambda item: item[0].first):
        room = part.end - part.first - length
        for number in range(times):
            first = part.first + int(room * Fraction(2 * number + 1, 2 * times))
            reach = max(part.first, first - int(grid.frame_rate))
            # one frame later: the score of a frame takes the one before it
            first = max((key + 1 for key in keys if reach <= key < first), default=first)
            first += -first % step
            if not taken or first >= taken[-1].first + taken[-1].frames:
                taken.append(Window(first, length, SCORE_STEP, join=False))
    return tuple(taken)


def _keyframes(grid: Grid, video: VideoFacts, found: Sequence[Window]) -> tuple[int, ...]:
    """Only those that a window may seek to, or that lie between two: a request is small."""
    rule = SlotRule.of(time_base=video.time_base, start=video.start, frame_rate=grid.frame_rate)
    kept: set[int] = set()
    for window in found:
        before = [pts for pts in video.keyframes if rule.slot(pts) <= window.first]
        kept.update(before[-SEEK_CHOICES:])
    return tuple(sorted(kept))


def _limits(work: TrialWork) -> Limits:
    """Generous: they stop what runs away, not what is slow."""
    pixels = sum(size.width * size.height for size in work.sizes)
    frames = sum(window.frames for window in work.windows)
    cpu_s = 600 + len(work.trials) * frames * max(1, pixels >> 19)
    return Limits(
        memory_bytes=(4 << 30) + pixels * 3 // 2 * 160,
        cpu_s=cpu_s,
        wall_s=4.0 * cpu_s,
        silence_s=600.0,
    )
