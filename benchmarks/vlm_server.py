"""framegate's client of a vision model against a bare one, and letters against JSON.

    FRAMEGATE_VLM__URL=http://127.0.0.1:8000/v1 FRAMEGATE_VLM__MODEL=NAME \
        python -m benchmarks vlm_server [--quick]

Needs a running server; without one nothing is measured. The same requests go through framegate's
client and a bare ``httpx`` client that checks nothing, in turns, with as many in flight, both
connected beforehand. Then the same frames are asked for one letter and for a JSON answer. Pictures
are noise: the server has read each once before the clock starts, so both see the same caches.
"""

from __future__ import annotations

import asyncio
import io
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Self

import httpx2
import numpy as np
from PIL import Image

from benchmarks.answers import Answer, Row
from framegate import settings, wiring
from framegate.domain.vision import Choice, Question, Structured, Urgency
from framegate.models.vision.client import VisionClient
from framegate.models.vision.pace import percentile
from framegate.models.vision.wire import body

SYSTEM = "You judge one frame of a video by what it shows, and by nothing else. " * 10
LETTERS = Choice(tuple("ABCDEFG"))
DETAIL = Structured(
    "detail",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["severity", "category", "tags"],
        "properties": {
            "severity": {"enum": ["none", "low", "medium", "high"]},
            "category": {"enum": ["film", "game", "news", "sport"]},
            "tags": {"type": "array", "maxItems": 3, "items": {"enum": ["car", "dog", "tree"]}},
        },
    },
    max_tokens=128,
)
FRAMES = 96
IN_FLIGHT = 16
UNBOUND_MS = 600_000  # the pace is not what is measured


def bench(*, runs: int, quick: bool) -> Answer:
    """Both comparisons, on the server that the settings name."""
    found = settings.load()
    profile = wiring.vision_profile(found)
    if profile is None:
        return Answer("vlm_server", (), {"skipped": "no server is named ([vlm] url)"})
    url, key = found.vlm.url, found.vlm_api_key
    frames = [_frame(seed) for seed in range(16 if quick else FRAMES)]
    flying = min(IN_FLIGHT, profile.most_in_flight)
    open_ended = replace(profile, p95_ms=UNBOUND_MS, most_in_flight=flying)
    client = VisionClient(url, open_ended, api_key=key)
    served = client.describe(LETTERS.options)
    letters = [Question(SYSTEM, (frame,), "Which?", LETTERS) for frame in frames]
    while client.use().in_flight_limit < flying:
        _through(client, letters)
    ours, bare = [], []
    with Bare(url, key, open_ended.asked_as, flying) as plain:
        plain.through(letters)
        for number in range(runs):
            if number % 2:  # who comes second finds the server warmer
                ours.append(_through(client, letters))
            bare.append(plain.through(letters))
            if not number % 2:
                ours.append(_through(client, letters))
    ratio = statistics.median(ours) / statistics.median(bare)
    rows = [
        Row("frames/s, framegate's client / bare client", ratio, at_least=0.95),
        Row("frames/s, framegate's client", statistics.median(ours)),
    ]
    details = [Question(SYSTEM, (frame,), "Describe.", DETAIL) for frame in frames]
    rates = {}
    for name, questions in (("letter", letters), ("JSON", details)):
        rate, p95 = _timed(client, questions)
        rates[name] = rate
        rows += [Row(f"{name}: frames/s", rate), Row(f"{name}: p95", p95, unit=" s")]
    rows.append(Row("frames/s, letter / JSON", rates["letter"] / rates["JSON"], at_least=1.0))
    client.close()
    told = {"server": f"{served.model} {served.version}", "in_flight": flying, "ours": ours}
    return Answer("vlm_server", tuple(rows), told | {"bare": bare, "frames": len(frames)})


def _through(client: VisionClient, questions: list[Question]) -> float:
    """Frames a second."""
    return len(questions) / _took(
        lambda: [future.result() for future in [client.ask(each) for each in questions]]
    )


def _timed(client: VisionClient, questions: list[Question]) -> tuple[float, float]:
    """(frames a second, 95th percentile of the latency in s)."""
    began = time.perf_counter()
    answers = [future.result() for future in [client.ask(each) for each in questions]]
    took = time.perf_counter() - began
    return len(answers) / took, percentile([answer.latency_s for answer in answers], 0.95)


class Bare:
    """The least that gets an answer: bodies are built while the clock runs, as the client does."""

    def __init__(self, url: str, key: str, model: str, flying: int) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._runner = asyncio.Runner()
        self._places = asyncio.Semaphore(flying)
        headers = {"Content-Type": "application/json"}
        self._http = httpx2.AsyncClient(
            trust_env=False,
            timeout=600,
            limits=httpx2.Limits(max_connections=flying, max_keepalive_connections=flying),
            headers=headers | ({"Authorization": f"Bearer {key}"} if key else {}),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()

    def through(self, questions: list[Question]) -> float:
        """Frames a second."""
        return len(questions) / _took(lambda: self._runner.run(self._all(questions)))

    async def _all(self, questions: list[Question]) -> None:
        await asyncio.gather(*(self._one(each) for each in questions))

    async def _one(self, question: Question) -> None:
        async with self._places:
            said = body(question, self._model, priority=int(Urgency.TRIAGE))
            json.loads((await self._http.post(self._url, content=said)).content)


def _took(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _frame(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    drawn = io.BytesIO()
    Image.fromarray(np.kron(noise, np.ones((42, 42, 1), np.uint8))).save(drawn, "JPEG")
    return drawn.getvalue()
