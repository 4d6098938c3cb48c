"""What the rest of framegate knows of a vision-language model."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from framegate.domain.vision import LETTERS, Answer, Profile, Question, Served, Urgency, VisionUse


class Vision(Protocol):
    """A served model; one for each worker, shared by all assets, safe for threads."""

    @property
    def profile(self) -> Profile:
        """How it may be used."""

    def describe(self, options: Sequence[str] = LETTERS) -> Served:
        """Ask the server what it is, and check that it can answer with one token for each of
        ``options``; the first good answer is kept, a bad one for half a minute.

        Raises `VisionUnavailable` with the reason and the way out.
        """

    def ask(self, question: Question, *, urgency: Urgency = Urgency.TRIAGE) -> Future[Answer]:
        """Put a question; it waits its turn here. Returns at once.

        The future raises `VisionUnavailable` for whatever kept this one question from a sound
        answer; cancelling it gives its place free.
        """

    def use(self) -> VisionUse:
        """What was asked so far."""

    def close(self) -> None:
        """End all that is under way: what waits raises `VisionUnavailable`. Idempotent."""
