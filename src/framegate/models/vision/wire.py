"""What goes over the wire: a `Question` as a chat completion, its answer as an `Answer`.

The dialect is OpenAI's, with vLLM's ``structured_outputs``, ``priority`` and prompt details. An
answer is taken only if it is wholly what was asked for: the right model, a finished text that
follows the schema, a probability for every option. Whatever is not becomes `VisionUnavailable`.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from framegate.domain.vision import MOST_OPTIONS, Answer, Choice, Question, Structured
from framegate.errors import VisionUnavailable, printable
from framegate.models.vision.enums import Token, Told, enum_probabilities

UNTOLD = 0.01
"""Most probability that an option may have which the server did not name."""
PROCESSED = 0.99
"""Least share of the whole distribution that the options have where it is told over them alone."""
QUOTED = 200  # characters of a server's words in an error


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _Told(_Wire):
    token: str
    logprob: float = Field(allow_inf_nan=False, le=1e-6)
    bytes: list[int] | None = None


class _Token(_Told):
    top_logprobs: list[_Told] = Field(default_factory=list)


class _Logprobs(_Wire):
    content: list[_Token] | None = None


class _Message(_Wire):
    content: str | None = None


class _Choice(_Wire):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Details(_Wire):
    cached_tokens: int | None = None


class _Usage(_Wire):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None


class _Completion(_Wire):
    model: str
    choices: list[_Choice] = Field(min_length=1, max_length=1)
    usage: _Usage | None = None


def body(question: Question, model: str, *, priority: int | None) -> bytes:
    """The request, as JSON."""
    pictures = [
        {
            "type": "image_url",
            "image_url": {"url": "data:image/jpeg;base64," + base64.b64encode(each).decode()},
        }
        for each in question.pictures
    ]
    said: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": question.system},
            {"role": "user", "content": [*pictures, {"type": "text", "text": question.after}]},
        ],
        "temperature": 0,
        "stream": False,
        **_wanted(question.answer),
    }
    if priority is not None:
        said["priority"] = priority
    return json.dumps(said, separators=(",", ":")).encode()


def _wanted(answer: Choice | Structured) -> dict[str, Any]:
    told = {"logprobs": True, "top_logprobs": MOST_OPTIONS}
    if isinstance(answer, Choice):
        return {
            "max_tokens": 1,
            **told,
            "structured_outputs": {"choice": list(answer.options)},
        }
    return {
        "max_tokens": answer.max_tokens,
        **(told if answer.logprobs else {}),
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": answer.name, "strict": True, "schema": dict(answer.schema)},
        },
    }


def read(content: bytes, question: Question, model: str, latency_s: float) -> Answer:
    """The answer in the body of a 200. Raises `VisionUnavailable` for all that isn't one."""
    completion = _completion(content)
    if completion.model != model:
        lied(f"it answered as {quoted(completion.model)}, not as {model}")
    choice, usage = completion.choices[0], completion.usage or _Usage()
    details = usage.prompt_tokens_details or _Details()
    spent = {
        "latency_s": latency_s,
        "tokens_in": usage.prompt_tokens,
        "tokens_out": usage.completion_tokens,
        "tokens_cached": details.cached_tokens or 0,
    }
    if isinstance(question.answer, Choice):
        chosen, mass = _chosen(choice, question.answer.options)
        return Answer(chosen=chosen, mass=mass, **spent)  # type: ignore[arg-type]
    data = _data(choice, question.answer)
    told: Mapping[str, Mapping[str, float]] = {}
    if question.answer.logprobs:
        told = enum_probabilities(
            choice.message.content or "", _tokens(choice), question.answer.schema
        )
    return Answer(data=data, token_probabilities=told, **spent)  # type: ignore[arg-type]


def lied(why: str) -> NoReturn:
    """Refuse an answer."""
    raise VisionUnavailable("the vision model's server gave no usable answer", why)


def quoted(text: str) -> str:
    """A server's words, one short line."""
    return printable(text[:QUOTED])


def parsed(content: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """JSON as the standard has it: no NaN, no infinity."""
    try:
        return json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        lied("what it sent is not JSON")


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _completion(content: bytes) -> _Completion:
    said = parsed(content)
    if isinstance(said, dict) and (said.get("error") or said.get("object") == "error"):
        error = said.get("error")
        words = error.get("message") if isinstance(error, dict) else said.get("message", error)
        lied(f"it called an error a success: {quoted(str(words))}")
    try:
        return _Completion.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        lied(f"{'.'.join(map(str, first['loc'])) or 'its answer'}: {first['msg']}")


def _chosen(choice: _Choice, options: Sequence[str]) -> tuple[dict[str, float], float]:
    """(probability of each option, over the options alone; how much they had of the whole)."""
    text = choice.message.content
    if text not in options:
        lied(f"it answered {quoted(str(text))}, which is none of the options")
    tokens = _tokens(choice)
    if len(tokens) != 1 or not tokens[0].alternatives:
        lied("it told no log-probabilities of its one token")
    alternatives = {each.text: each.logprob for each in tokens[0].alternatives}
    alternatives.setdefault(tokens[0].text, tokens[0].logprob)
    shares = {text: math.exp(logprob) for text, logprob in alternatives.items()}
    whole = math.fsum(shares.values())
    if whole > 1 + UNTOLD:
        lied(f"its probabilities sum to {whole:.3f}")
    here = {option: shares[option.encode()] for option in options if option.encode() in shares}
    if len(here) < len(options) and min(max(0.0, 1 - whole), *shares.values()) > UNTOLD:
        lied("it told no log-probability of some options")
    mass = math.fsum(here.values())
    if not mass > 0:
        lied("its log-probabilities leave nothing for the options")
    return {option: here.get(option, 0.0) / mass for option in options}, min(mass, 1.0)


def _data(choice: _Choice, wanted: Structured) -> dict[str, Any]:
    if choice.finish_reason == "length":
        lied(f"its answer was cut off after {wanted.max_tokens} tokens")
    data = parsed((choice.message.content or "").encode())
    problem = next(iter(Draft202012Validator(dict(wanted.schema)).iter_errors(data)), None)
    if problem is not None:
        lied(f"its answer does not follow the schema at {problem.json_path}")
    if not isinstance(data, dict):
        lied("its answer is no JSON object")
    return data


def _tokens(choice: _Choice) -> list[Token]:
    told = choice.logprobs.content if choice.logprobs else None
    if not told:
        lied("it told no log-probabilities")
    return [
        Token(
            _bytes(each),
            each.logprob,
            tuple(Told(_bytes(other), other.logprob) for other in each.top_logprobs),
        )
        for each in told
    ]


def _bytes(told: _Told) -> bytes:
    """A token may hold half a character: its bytes are exact where they are given."""
    try:
        return told.token.encode() if told.bytes is None else bytes(told.bytes)
    except ValueError:
        lied("a token's bytes are no bytes")
