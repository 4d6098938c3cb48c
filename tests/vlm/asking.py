"""The requests that a client of the served model sends, as plain JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

from vlm.serving import MODEL, Reply


def body(system: str, pictures: Sequence[bytes], after: str, **more: Any) -> dict[str, Any]:
    """Give a chat completion's body: system prompt, JPEG pictures, then the question."""
    shown = [
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{encoded(one)}"}}
        for one in pictures
    ]
    return {
        "model": MODEL,
        "temperature": 0,
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": [*shown, {"type": "text", "text": after}]},
        ],
        **more,
    }


def encoded(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def one_of(options: Sequence[str]) -> dict[str, Any]:
    """Ask for one token out of the options, with its probabilities."""
    return {
        "max_tokens": 1,
        "logprobs": True,
        "top_logprobs": 20,
        "structured_outputs": {"choice": list(options)},
    }


def following(schema: dict[str, Any], max_tokens: int = 400) -> dict[str, Any]:
    """Ask for JSON by a schema."""
    return {
        "max_tokens": max_tokens,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": schema},
        },
    }


def distribution(reply: Reply) -> dict[str, float]:
    """Give the probability of each alternative for the first token of an answer."""
    assert reply.status == 200, reply
    told = reply.body["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return {one["token"]: math.exp(one["logprob"]) for one in told}


def text(reply: Reply) -> str:
    assert reply.status == 200, reply
    return str(reply.body["choices"][0]["message"]["content"])
