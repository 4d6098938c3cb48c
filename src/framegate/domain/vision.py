"""What a vision-language model is asked, what it answers, and how its server is meant to be used.

A `Question` is put together so that what never changes comes first (the system prompt), then the
pictures, then what changes from one question about the same picture to the next: the server keeps
the shared beginning in its prefix cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from string import ascii_uppercase
from typing import Any

MOST_OPTIONS = 20
"""Of a `Choice`: as many alternatives as a server tells of one token (``top_logprobs``)."""


LETTERS = tuple(ascii_uppercase)
"""What options are taken from: one token each in every tokenizer of today's vision models."""


class Urgency(IntEnum):
    """Who is asked first; lower is sooner, as in vLLM's request priority."""

    LIVE_TRIAGE = 0
    LIVE_DETAIL = 1
    TRIAGE = 2
    DETAIL = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer of exactly one token: one of ``options`` (2..`MOST_OPTIONS`, each one token in the
    served tokenizer; `Vision.describe` checks it). Its probabilities are the answer.
    """

    options: tuple[str, ...]

    def __post_init__(self) -> None:
        different = len(set(self.options))
        if different < len(self.options) or not 1 < different <= MOST_OPTIONS:
            raise ValueError(f"2 to {MOST_OPTIONS} different options, not {self.options}")
        if not all(self.options):
            raise ValueError("an option cannot be empty")


@dataclass(frozen=True, slots=True)
class Structured:
    """An answer in JSON that follows ``schema`` (JSON Schema 2020-12), at most ``max_tokens`` long.

    ``logprobs`` asks for the probability of each value that the schema limits by ``enum``.
    """

    name: str
    schema: Mapping[str, Any]
    max_tokens: int
    logprobs: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """One request. ``pictures`` are JPEG files; ``after`` is the text after them."""

    system: str
    pictures: tuple[bytes, ...]
    after: str
    answer: Choice | Structured


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said, checked.

    Of a `Choice`: ``chosen`` has the probability of every option, 0..1, sum 1; ``mass`` is how much
    of the model's whole distribution they had before that (near 1 where the server answers with
    processed log-probabilities). Of a `Structured`: ``data`` follows the schema, and
    ``token_probabilities`` has, for the JSON pointer of each value that the schema limits by
    ``enum``, the probability of the values; a value whose tokens do not tell two options apart at
    one place is left out.

    ``latency_s`` is the time of the try that answered, from sending to the last byte.
    """

    chosen: Mapping[str, float] = field(default_factory=dict)
    mass: float = 0.0
    data: Mapping[str, Any] = field(default_factory=dict)
    token_probabilities: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    latency_s: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0  # of ``tokens_in``; 0 where the server does not tell


class Quantisation(StrEnum):
    """How the weights are stored."""

    INT4 = "int4-w4a16"  # 4-bit weights in groups with scales, 16-bit activations
    INT8 = "int8-w8a16"
    FP8 = "fp8"
    BF16 = "bf16"


@dataclass(frozen=True, slots=True)
class Profile:
    """A vision model, how it is served, and how much of it may be asked.

    ``architecture`` and ``gpu`` name entries of the planner's catalogue; empty where nothing is
    known, and then nothing is said about whether it fits. ``triage_calls_s`` and
    ``detail_calls_s`` are the server's measured rates at ``p95_ms`` (None: not measured).
    ``triage_calls`` and ``detail_calls`` are what one minute of video may ask. ``load`` is the
    share of the server's time that may be planned for. ``prompt`` is the version of the prompts.
    """

    name: str
    model: str  # as the server loads it
    summary: str = ""
    served_name: str = ""  # as requests name it; empty: ``model``
    architecture: str = ""
    quantisation: Quantisation = Quantisation.BF16
    gpu: str = ""
    gpus: int = 1
    tensor_parallel: int = 1
    max_model_len: int = 8192  # tokens of one request, its answer included
    max_num_seqs: int = 64  # requests that the server works on at once
    max_batched_tokens: int = 8192  # that it works on in one step
    memory_share: float = 0.92  # of a card's memory that the server may take
    tiles_per_frame: int = 1
    frames_per_request: int = 1
    tokens_per_frame: int = 147
    prefix_tokens: int = 720  # of the prompt before the pictures, the same in every request
    answer_tokens: int = 256  # of the longest answer
    picture_px: int = 336  # side of the square that a frame is letterboxed into
    prompt: str = "1"
    load: float = 0.8
    p95_ms: int = 500
    deadline_s: float = 30.0
    most_in_flight: int = 64
    triage_calls_s: float | None = None
    detail_calls_s: float | None = None
    triage_calls: float = 7.0
    detail_calls: float = 0.0
    processor: Mapping[str, Any] = field(default_factory=dict)  # vLLM's --mm-processor-kwargs
    serve: tuple[str, ...] = ()  # further options of `vllm serve`
    server: str = ""  # the version that the command is written for
    licence: str = ""
    licence_warning: str = ""
    source: str = ""  # where its facts and rates come from, and what was not measured

    @property
    def asked_as(self) -> str:
        """The model's name in requests."""
        return self.served_name or self.model

    @property
    def identity(self) -> str:
        """What of it belongs to the name of a result."""
        return f"{self.name}/{self.fingerprint}"

    @property
    def fingerprint(self) -> str:
        """16 hex digits of all that an answer depends on: never of rates, limits or hardware."""
        said = asdict(self)
        kept = ("asked_as", "architecture", "quantisation", "tiles_per_frame", "picture_px")
        said["asked_as"] = self.asked_as
        told = {name: said[name] for name in (*kept, "frames_per_request", "prompt", "processor")}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Served:
    """What a server turned out to be."""

    model: str
    max_model_len: int | None  # where it tells
    version: str  # of the server; empty where it does not tell
    tokenizer_checked: bool  # each option was found to be one token; False: it cannot be asked
    processed: bool  # probabilities come back over the options alone
    priorities: bool  # it takes a request's priority
    root: str = ""  # what it loaded, where it tells


@dataclass(frozen=True, slots=True)
class VisionUse:
    """What was asked of a server so far, and what it cost."""

    asked: int = 0
    answered: int = 0
    failed: int = 0
    tries: int = 0  # requests sent; more than ``asked`` where some were sent again
    in_flight_limit: int = 0
    in_flight_most: int = 0
    latency_p95_s: float | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
