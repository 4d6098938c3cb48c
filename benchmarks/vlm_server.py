"""framegate's client of a vision model against a bare one, and letters against JSON.

    FRAMEGATE_VLM__URL=http://127.0.0.1:8000/v1 FRAMEGATE_VLM__MODEL=NAME \
        python -m benchmarks vlm_server [--quick]
    PYTHONPATH=tests python -m vlm python -m benchmarks vlm_server    # with the tests' tiny vLLM

Without a server that is named, only what the client costs is measured. The same requests go through
framegate's client and a bare ``httpx2`` client that checks nothing, in turns, with as many in
flight, both connected beforehand. Then the same frames are asked for one letter and for a JSON
answer, in turns. Pictures are noise: the server has read each once before the clock starts, so both
see the same caches.

Where server and client share their cores, what the client spends is missing there: CPU for a
question counts whatever else runs. Against a scripted server in a process of its own, which answers
at once, nothing is left but the clients.
"""

from __future__ import annotations

import asyncio
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import httpx2
import numpy as np
from PIL import Image

from benchmarks.answers import Answer, Row
from framegate import settings, wiring
from framegate.domain.vision import Choice, Profile, Question, Structured, Urgency
from framegate.models.vision import profiles
from framegate.models.vision.client import VisionClient
from framegate.models.vision.pace import percentile
from framegate.models.vision.wire import body
from framegate.testing.vision import MODEL, ScriptedServer, choosing

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


@dataclass(frozen=True, slots=True)
class Turn:
    """One time through all questions."""

    rate: float  # frames a second
    cpu_ms: float  # of this process, for a frame
    p95_s: float


def bench(*, runs: int, quick: bool) -> Answer:
    """Both comparisons on the server that the settings name, and one without a real server."""
    found = settings.load()
    profile = wiring.vision_profile(found)
    frames = [_frame(seed) for seed in range(16 if quick else FRAMES)]
    rows: list[Row] = []
    told: dict[str, Any] = {"frames": len(frames)}
    if profile is None:
        told["skipped"] = "no server is named ([vlm] url)"
    else:
        with Pair(found.vlm.url, found.vlm_api_key, profile) as pair:
            rows, more = real(pair, frames, runs)
            told |= more
    with instant() as url, Pair(url, "", profiles.chosen("", MODEL)) as pair:
        ours, bare = pair.turns(_letters(frames) * (1 if quick else 3), runs)
        said = "no server to wait for, framegate's client / bare client"
        rows.append(Row(f"{said}: frames/s", _ratio(ours, bare)))
        rows.append(Row("the same: frames/s of framegate's", _median(ours)))
        told["instant"] = {"ours": _all(ours), "bare": _all(bare)}
    return Answer("vlm_server", tuple(rows), told)


def real(pair: Pair, frames: list[bytes], runs: int) -> tuple[list[Row], dict[str, Any]]:
    """On a server that does the work."""
    letters = _letters(frames)
    ours, bare = pair.turns(letters * 3, runs)  # a turn of seconds: one of less is all noise
    rows = [
        Row("frames/s, framegate's client / bare client", _ratio(ours, bare), at_least=0.95),
        Row("frames/s, framegate's client", _median(ours)),
        Row("CPU a frame, framegate's client", _median(ours, "cpu_ms"), unit=" ms"),
        Row("CPU a frame, bare client", _median(bare, "cpu_ms"), unit=" ms"),
    ]
    details = [Question(SYSTEM, (frame,), "Describe.", DETAIL) for frame in frames]
    asked: dict[str, list[Turn]] = {"letter": [], "JSON": []}
    for _ in range(max(2, runs // 3)):
        asked["letter"].append(_through(pair.ours, letters))
        asked["JSON"].append(_through(pair.ours, details))
    for name, turns in asked.items():
        rows.append(Row(f"{name}: frames/s", _median(turns)))
        rows.append(Row(f"{name}: p95", _median(turns, "p95_s"), unit=" s"))
    quicker = _median(asked["letter"]) / _median(asked["JSON"])
    rows.append(Row("frames/s, letter / JSON", quicker, at_least=1.0))
    slower = _median(asked["JSON"], "p95_s") / _median(asked["letter"], "p95_s")
    rows.append(Row("p95, JSON / letter", slower, at_least=1.0))
    told = {name: _all(turns) for name, turns in asked.items()}
    server = f"{pair.served.model} {pair.served.version}"
    return rows, {"server": server, "in_flight": pair.flying, "ours": _all(ours)} | {
        "bare": _all(bare)
    } | told


class Pair:
    """framegate's client and a bare one, on one server, with as many in flight."""

    def __init__(self, url: str, key: str, profile: Profile) -> None:
        self.flying = min(IN_FLIGHT, profile.most_in_flight)
        open_ended = replace(profile, p95_ms=UNBOUND_MS, most_in_flight=self.flying)
        self.ours = VisionClient(url, open_ended, api_key=key)
        self.bare = Bare(url, key, open_ended.asked_as, self.flying)
        self.served = self.ours.describe(LETTERS.options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.bare.close()
        self.ours.close()

    def turns(self, questions: list[Question], runs: int) -> tuple[list[Turn], list[Turn]]:
        """(ours, bare): in turns, after both are connected and as many are in flight."""
        while self.ours.use().in_flight_limit < self.flying:
            _through(self.ours, questions)
        self.bare.through(questions)
        ours, bare = [], []
        for number in range(runs):
            if number % 2:  # who comes second finds the server warmer
                ours.append(_through(self.ours, questions))
            bare.append(self.bare.through(questions))
            if not number % 2:
                ours.append(_through(self.ours, questions))
        return ours, bare


def _letters(frames: list[bytes]) -> list[Question]:
    return [Question(SYSTEM, (frame,), "Which?", LETTERS) for frame in frames]


def _through(client: VisionClient, questions: list[Question]) -> Turn:
    return _turn(
        lambda: [future.result().latency_s for future in [client.ask(each) for each in questions]]
    )


def _turn(work: Callable[[], list[float]]) -> Turn:
    """``work`` gives the latencies in s."""
    began, spent = time.perf_counter(), time.process_time()
    latencies = work()
    took, cpu = time.perf_counter() - began, time.process_time() - spent
    count = len(latencies)
    return Turn(count / took, 1000 * cpu / count, percentile(latencies, 0.95))


def _median(turns: list[Turn], what: str = "rate") -> float:
    return float(statistics.median(getattr(turn, what) for turn in turns))


def _ratio(ours: list[Turn], bare: list[Turn]) -> float:
    """Of neighbours in time: a machine that does other work does it to both."""
    return statistics.median(a.rate / b.rate for a, b in zip(ours, bare, strict=True))


def _all(turns: list[Turn]) -> list[dict[str, float]]:
    return [asdict(turn) for turn in turns]


@contextmanager
def instant() -> Iterator[str]:
    """A server in a process of its own whose answer is ready; its address."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield child.stdout.readline().strip()
        finally:
            child.stdin.close()


def answer_at_once() -> None:
    """Serve until the input ends."""
    others = dict.fromkeys(LETTERS.options[1:], 0.1 / (len(LETTERS.options) - 1))
    reply = choosing({LETTERS.options[0]: 0.9} | others)
    with ScriptedServer(lambda _asked: reply, keep=False) as server:
        print(server.url, flush=True)
        sys.stdin.read()


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

    def close(self) -> None:
        """End its connections."""
        self._runner.run(self._http.aclose())
        self._runner.close()

    def through(self, questions: list[Question]) -> Turn:
        """Ask them all."""
        return _turn(lambda: self._runner.run(self._all(questions)))

    async def _all(self, questions: list[Question]) -> list[float]:
        return await asyncio.gather(*(self._one(each) for each in questions))

    async def _one(self, question: Question) -> float:
        async with self._places:
            began = time.perf_counter()
            said = body(question, self._model, priority=int(Urgency.TRIAGE))
            json.loads((await self._http.post(self._url, content=said)).content)
            return time.perf_counter() - began


def _frame(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    drawn = io.BytesIO()
    Image.fromarray(np.kron(noise, np.ones((42, 42, 1), np.uint8))).save(drawn, "JPEG")
    return drawn.getvalue()


if __name__ == "__main__":
    answer_at_once()
