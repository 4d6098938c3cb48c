"""Questions to a scripted vision model's server, and what tests do with their futures."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from framegate.domain.vision import (
    Answer,
    Choice,
    Question,
    Structured,
)
from framegate.errors import VisionUnavailable

JPEG = b"\xff\xd8 not looked at here \xff\xd9"
ABC = Choice(("A", "B", "C"))
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["severity", "tags"],
    "properties": {
        "severity": {"enum": ["none", "mild", "severe"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
SEVERITY = Structured("detail", SCHEMA, max_tokens=60)
LONG_S = 60.0  # of a future: a hang of the client's own is an error, not a wait for ever


def question(answer: Choice | Structured = ABC, after: str = "Which?") -> Question:
    return Question("You judge frames.", (JPEG,), after, answer)


class Paused:
    """Stands for the wait between two tries, and remembers how long it would have been."""

    def __init__(self) -> None:
        self.s: list[float] = []

    async def __call__(self, pause_s: float) -> None:
        self.s.append(pause_s)


def answer_of(future: Future[Answer]) -> Answer:
    return future.result(LONG_S)


def refused(future: Future[Answer], match: str) -> VisionUnavailable:
    with pytest.raises(VisionUnavailable, match=match) as caught:
        future.result(LONG_S)
    assert caught.value.retryable
    return caught.value
