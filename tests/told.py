"""A vision model whose answers follow from the picture: for tests of what is made of answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

import cv2
import numpy as np

from framegate.domain.labels import covers
from framegate.domain.taxonomy import shipped
from framegate.domain.vision import (
    Answer,
    Choice,
    Profile,
    Question,
    Served,
    Structured,
    Urgency,
    VisionUse,
)
from framegate.errors import VisionUnavailable

type Colour = tuple[int, int, int]


class ToldVision:
    """Sees the colour in the middle of each picture, and answers as ``truth`` says of colours.

    ``truth``: label of a colour's name; colours without one show nothing. ``sure``: probability of
    the true answer. ``fails`` says which questions end without an answer. ``lies`` answers "none"
    to every triage, whatever it sees.
    """

    def __init__(
        self,
        truth: dict[str, str],
        *,
        profile: Profile | None = None,
        sure: float = 0.98,
        fails: Callable[[Question], bool] = lambda _question: False,
        lies: bool = False,
    ) -> None:
        self.profile = profile or Profile("told", "told/model")
        self._truth = truth
        self._sure = sure
        self._fails = fails
        self._lies = lies
        self.asked: list[Question] = []
        self.described = 0

    def kinds(self) -> list[str]:
        """What was asked, in order."""
        return [_kind(question) for question in self.asked]

    def describe(self, options: Sequence[str] = ()) -> Served:  # noqa: ARG002 - the protocol's
        self.described += 1
        return Served(
            "told/model", 8192, "0", tokenizer_checked=True, processed=True, priorities=True
        )

    def ask(self, question: Question, *, urgency: Urgency = Urgency.TRIAGE) -> Future[Answer]:
        assert urgency in (Urgency.TRIAGE, Urgency.DETAIL)
        self.asked.append(question)
        future: Future[Answer] = Future()
        if self._fails(question):
            future.set_exception(VisionUnavailable("The vision model", "it is away"))
        else:
            future.set_result(self._answer(question))
        return future

    def use(self) -> VisionUse:
        return VisionUse(asked=len(self.asked))

    def close(self) -> None: ...

    def _answer(self, question: Question) -> Answer:
        shown = [self._truth.get(colour_of(picture), "") for picture in question.pictures]
        labels = [label for label in shown if label]
        if isinstance(question.answer, Structured):
            return self._detail(question.answer, labels)
        assert isinstance(question.answer, Choice)
        options = question.answer.options
        if set(options) == {"yes", "no"}:
            about = _asked(question)
            yes = self._sure if any(covers(about, label) for label in labels) else 1 - self._sure
            return Answer(chosen={"yes": yes, "no": 1 - yes}, mass=1.0)
        top = labels[0].partition(".")[0] if labels and not self._lies else ""
        wanted = _letter(question.system, top)
        rest = (1 - self._sure) / (len(options) - 1)
        return Answer(
            chosen={one: self._sure if one == wanted else rest for one in options}, mass=1.0
        )

    def _detail(self, answer: Structured, labels: Sequence[str]) -> Answer:
        below = list(answer.schema["properties"].get("seen", {}).get("properties", {}))
        strong = {label: any(covers(label, one) for one in labels) for label in below}
        return Answer(
            data={
                "seen": {label: "high" if strong[label] else "none" for label in below},
                "tags": ["square"],
                "category": "Fine Art",
                "description": "A coloured square.",
                "defects": ["none"],
            },
            token_probabilities={
                **{
                    f"/seen/{label}": {"none": 0.02, "high": 0.98}
                    if strong[label]
                    else {"none": 0.99, "low": 0.01}
                    for label in below
                },
                "/category": {"Fine Art": 0.7, "Sports": 0.3},
            },
        )


PALETTE: dict[str, Colour] = {
    "red": (200, 30, 30),
    "green": (30, 180, 30),
    "blue": (30, 30, 200),
    "yellow": (220, 210, 30),
    "grey": (128, 128, 128),
}


def colour_of(jpeg: bytes) -> str:
    """Name of the palette's colour nearest to the middle of a picture."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    side = pixels.shape[0]
    middle = pixels[side // 2 - 8 : side // 2 + 8, side // 2 - 8 : side // 2 + 8, ::-1].mean((0, 1))
    return min(PALETTE, key=lambda name: float(np.abs(middle - PALETTE[name]).sum()))


def _letter(system: str, label: str) -> str:
    """The letter whose line in the system text is titled so; that for none without a label."""
    entry = shipped().get(label) if label else None
    for line in system.splitlines():
        letter, _, words = line.partition(": ")
        if len(letter) == 1 and (
            words.startswith(f"{entry.title}. ") if entry else words.startswith("none of the above")
        ):
            return letter
    raise AssertionError(f"no line for {label or 'none'}")


def _asked(question: Question) -> str:
    """The label that a yes/no question is about, by its title."""
    title = question.after.partition("following? ")[2].partition(": ")[0]
    return next(one.id for one in shipped().labels if one.title == title)


def _kind(question: Question) -> str:
    if isinstance(question.answer, Structured):
        return "detail"
    return "yes-no" if set(question.answer.options) == {"yes", "no"} else "triage"
