"""The questions about a few frames, in the order in which they follow from one another.

    triage (one letter, all frames of a group) ──clear──► done
        │ not clear, several frames
        ├──► triage of each alone ──clear──► done
        │ not clear
        ├──► yes/no for each label that the letters rank high: these may decide
        └──► detail (JSON) ──► yes/no for labels below, where its severities are high

Each round is put to the server whole and waited for whole; rounds of different groups overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace

from framegate.domain.frames import SampleInfo
from framegate.domain.vision import Answer, Choice, Question, Structured, Urgency
from framegate.errors import VisionUnavailable
from framegate.stages.screen.analysers.vlm.prompt import NO, SEVERITIES, YES, Order, Prompt
from framegate.stages.screen.analysers.vlm.said import CLEAR, Said
from framegate.stages.screen.protocol import PdqHash

RANKED = 0.02  # probability of a letter from which its label is asked about alone
MOST_LABELS = 4  # that are asked about alone, of one frame
STRONG = frozenset(SEVERITIES[2:])  # medium and high
SHOWN = 0.30  # probability of these from which a label below is asked about alone
DETAIL_TOKENS = 300
TOKENS_A_LABEL = 16  # its name and its severity

type Reply = Answer | VisionUnavailable
type Round = Generator[list["Put"], list[Reply], list["Judged"]]


@dataclass(frozen=True, slots=True)
class Put:
    """A question, how soon, and what it is counted as."""

    question: Question
    urgency: Urgency
    kind: str  # triage, yes-no, detail


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that waits for its question."""

    info: SampleInfo
    tile: bytes = field(repr=False)
    pdq: PdqHash | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a frame: what was said, and why a part or all of it is missing."""

    frame: Frame
    said: Said | None
    failed: str = ""
    detail: Answer | None = None


def judge(prompt: Prompt, frames: Sequence[Frame], *, detailed: Callable[[], bool]) -> Round:
    """Yields the questions of each round, takes their answers, returns what came of each frame.
    ``detailed`` says (and counts) whether a doubtful frame gets a detailed answer.
    """
    order = prompt.order(frames[0].pdq.pdq if frames[0].pdq else "")
    (reply,) = yield [_triage(prompt, order, frames)]
    if isinstance(reply, VisionUnavailable):
        return [Judged(frame, None, str(reply)) for frame in frames]
    said = _ranked(order, reply)
    if said.risk < CLEAR:
        return [Judged(frame, said) for frame in frames]
    if len(frames) == 1:
        return [(yield from _closer(prompt, order, frames[0], said, detailed=detailed))]
    judged = []
    orders = [prompt.order(frame.pdq.pdq if frame.pdq else "") for frame in frames]
    replies = yield [
        _triage(prompt, each, [frame]) for each, frame in zip(orders, frames, strict=True)
    ]
    for each, frame, one in zip(orders, frames, replies, strict=True):
        if isinstance(one, VisionUnavailable):
            judged.append(Judged(frame, None, str(one)))
            continue
        alone = _ranked(each, one)
        if alone.risk < CLEAR:
            judged.append(Judged(frame, alone))
        else:
            judged.append((yield from _closer(prompt, each, frame, alone, detailed=detailed)))
    return judged


def describe(prompt: Prompt, frame: Frame, tops: Sequence[str] = ()) -> Put:
    """The detailed question about a frame: how strongly it shows each label below ``tops``, and
    words about it.
    """
    labels = [
        below.label for asked in prompt.labels if asked.label in tops for below in asked.below
    ]
    schema = prompt.detail_schema(labels)
    order = prompt.order(frame.pdq.pdq if frame.pdq else "")
    return Put(
        Question(
            order.system,
            (frame.tile,),
            prompt.detail,
            Structured("frame", schema, DETAIL_TOKENS + TOKENS_A_LABEL * len(labels)),
        ),
        Urgency.DETAIL,
        "detail",
    )


def severities(answer: Answer) -> dict[str, float]:
    """Probability that a label is shown at least moderately, from the tokens of its severity."""
    found = {}
    for pointer, values in answer.token_probabilities.items():
        if pointer.startswith("/seen/"):
            label = pointer.removeprefix("/seen/").replace("~1", "/").replace("~0", "~")
            found[label] = sum(values.get(word, 0.0) for word in STRONG)
    return found


def _closer(
    prompt: Prompt, order: Order, frame: Frame, said: Said, *, detailed: Callable[[], bool]
) -> Generator[list[Put], list[Reply], Judged]:
    """What a doubtful frame shows, label by label."""
    by_label = {asked.label: asked for asked in prompt.labels}
    ranked = sorted(said.letters, key=lambda label: (-said.letters[label], label))
    labels = [label for label in ranked[:MOST_LABELS] if said.letters[label] >= RANKED]
    labels = labels or ranked[:1]
    questions = [_yes_no(order, frame, prompt.about(by_label[label])) for label in labels]
    wants_detail = detailed()
    replies = yield [*questions, *([describe(prompt, frame, labels)] if wants_detail else [])]
    detail = replies[-1] if wants_detail else None
    yes, failed = _answered(labels, replies[: len(labels)])
    if isinstance(detail, Answer):
        shown = severities(detail)
        below = sorted(
            (label for label, value in shown.items() if value >= SHOWN),
            key=lambda label: (-shown[label], label),
        )[:MOST_LABELS]
        if below:
            answers = yield [
                _yes_no(order, frame, prompt.about(prompt.below(label))) for label in below
            ]
            more, worse = _answered(below, answers)
            yes, failed = yes | more, failed or worse
    return Judged(
        frame,
        replace(said, yes=yes),  # what was answered holds, though a part of it is missing
        failed,
        detail if isinstance(detail, Answer) else None,
    )


def _triage(prompt: Prompt, order: Order, frames: Sequence[Frame]) -> Put:
    question = Question(
        order.system,
        tuple(frame.tile for frame in frames),
        prompt.triage,
        Choice(order.options),
    )
    return Put(question, Urgency.TRIAGE, "triage")


def _yes_no(order: Order, frame: Frame, words: str) -> Put:
    question = Question(order.system, (frame.tile,), words, Choice((YES, NO)))
    return Put(question, Urgency.TRIAGE, "yes-no")


def _ranked(order: Order, answer: Answer) -> Said:
    letters = {label: answer.chosen[letter] for letter, label in order.letters.items()}
    return Said(risk=1.0 - answer.chosen[order.none], order=order.number, letters=letters)


def _answered(labels: Sequence[str], replies: Sequence[Reply]) -> tuple[dict[str, float], str]:
    """P(yes) of each label, and why one is missing."""
    yes = {}
    failed = ""
    for label, reply in zip(labels, replies, strict=True):
        if isinstance(reply, VisionUnavailable):
            failed = failed or str(reply)
        else:
            yes[label] = reply.chosen[YES]
    return yes, failed
