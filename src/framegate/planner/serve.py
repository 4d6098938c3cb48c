"""The command that serves a profile's model with vLLM, option by option. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from framegate.domain.vision import Profile

_STRUCTURED = {"backend": "xgrammar", "disable_any_whitespace": True}


def command(profile: Profile) -> tuple[str, ...]:
    """Words of the command line, unquoted."""
    words = [
        *("vllm", "serve", profile.model),
        # only this machine is served: put a proxy with a key in front for others
        *("--host", "127.0.0.1"),
        *("--port", "8000"),
        *("--served-model-name", profile.asked_as),
        *("--tensor-parallel-size", str(profile.tensor_parallel)),
        *("--gpu-memory-utilization", str(profile.memory_share)),
        *("--max-model-len", str(profile.max_model_len)),
        *("--max-num-seqs", str(profile.max_num_seqs)),
        *("--max-num-batched-tokens", str(profile.max_batched_tokens)),
        *("--limit-mm-per-prompt", _json({"image": profile.frames_per_request})),
    ]
    if profile.processor:
        # a frame as so many tiles: more of them cost as many tokens again
        words += ["--mm-processor-kwargs", _json(profile.processor)]
    words += [
        # probabilities over the allowed letters alone, not over the whole vocabulary
        *("--logprobs-mode", "processed_logprobs"),
        # without it a model may write blanks until its tokens are used up
        *("--structured-outputs-config", _json(_STRUCTURED)),
        # live before batch, triage before detail
        *("--scheduling-policy", "priority"),
        # not the sampling that the model's makers suggest: it would bend the probabilities
        *("--generation-config", "vllm"),
        # how much of a prompt came from the cache
        "--enable-prompt-tokens-details",
        # requests hold pictures: nothing of them belongs into logs
        *("--disable-uvicorn-access-log", "--no-enable-log-requests"),
        *profile.serve,
    ]
    return tuple(words)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
