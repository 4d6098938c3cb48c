"""What a server is, and whether it can answer: asked once, before anything depends on it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PIL import Image

from framegate.domain.vision import MOST_OPTIONS, Choice, Profile, Question, Served, Urgency
from framegate.errors import VisionUnavailable
from framegate.models.vision.requests import Requests
from framegate.models.vision.wire import PROCESSED, body, parsed, quoted, read

_NO_MODEL = "Start the server with that model, or name another (--vlm-model)"
_OPTIONS = "Serve a model whose tokenizer has one token for each letter"


async def examine(
    requests: Requests, base: str, profile: Profile, options: Sequence[str]
) -> Served:
    """Ask what it serves, how it splits ``options``, and one question. Raises `VisionUnavailable`.

    The question is put with a priority first, since only some servers take one.
    """
    served = await _model(requests, base, profile)
    root = base.removesuffix("/v1")
    version = await requests.plain("GET", f"{root}/version")
    served = replace(served, version=_text(version, "version"))
    checked = await _tokens(requests, root, profile, options)
    priorities, processed = await _question(requests, base, profile, options)
    return replace(served, tokenizer_checked=checked, priorities=priorities, processed=processed)


async def _model(requests: Requests, base: str, profile: Profile) -> Served:
    content = await requests.plain("GET", f"{base}/models")
    listed = parsed(content) if content is not None else None
    entries = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        raise VisionUnavailable(
            "there is no OpenAI-compatible server", f"{base}/models lists no models"
        )
    known: dict[str, dict[str, Any]] = {
        str(entry.get("id")): entry for entry in entries if isinstance(entry, dict)
    }
    entry = known.get(profile.asked_as)
    if entry is None:
        others = ", ".join(quoted(name) for name in list(known)[:5]) or "none"
        raise VisionUnavailable(
            f"the server does not serve {profile.asked_as}", f"it serves {others}", _NO_MODEL
        )
    length, loaded = entry.get("max_model_len"), entry.get("root")
    return Served(
        model=profile.asked_as,
        max_model_len=length if isinstance(length, int) else None,
        version="",
        tokenizer_checked=False,
        processed=False,
        priorities=False,
        root=loaded if isinstance(loaded, str) else "",
    )


async def _tokens(requests: Requests, root: str, profile: Profile, options: Sequence[str]) -> bool:
    """Whether it could be asked; raises where an option is not one token of its own."""
    seen: dict[int, str] = {}
    for option in options:
        said = {"model": profile.asked_as, "prompt": option, "add_special_tokens": False}
        content = await requests.plain("POST", f"{root}/tokenize", json.dumps(said).encode())
        if content is None:
            return False
        answer = parsed(content)
        tokens = answer.get("tokens") if isinstance(answer, dict) else None
        if not isinstance(tokens, list) or len(tokens) != 1:
            raise VisionUnavailable(
                f"option {option!r} is not one token of {profile.asked_as}",
                f"it is {len(tokens)} tokens" if isinstance(tokens, list) else "no tokens came",
                _OPTIONS,
            )
        if tokens[0] in seen:
            raise VisionUnavailable(
                f"options {seen[tokens[0]]!r} and {option!r} are the same token", "", _OPTIONS
            )
        seen[tokens[0]] = option
    return True


async def _question(
    requests: Requests, base: str, profile: Profile, options: Sequence[str]
) -> tuple[bool, bool]:
    """(whether it takes a priority, whether the options' probabilities are all there is)."""
    question = Question(
        system="Answer with one letter.",
        pictures=(_grey(profile.picture_px),),
        after="Which letter?",
        answer=Choice(tuple(options[:MOST_OPTIONS])),
    )
    url = f"{base}/chat/completions"
    priorities = True
    try:
        said = body(question, profile.asked_as, priority=int(Urgency.DETAIL))
        content, took = await requests.post(url, said, Urgency.LIVE_TRIAGE, measured=False)
    except VisionUnavailable:
        priorities = False
        said = body(question, profile.asked_as, priority=None)
        content, took = await requests.post(url, said, Urgency.LIVE_TRIAGE, measured=False)
    answer = read(content, question, profile.asked_as, took)
    return priorities, answer.mass >= PROCESSED


def _grey(side: int) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (side, side), (128, 128, 128)).save(drawn, "JPEG")
    return drawn.getvalue()


def _text(content: bytes | None, key: str) -> str:
    said = parsed(content) if content else None
    value = said.get(key) if isinstance(said, dict) else None
    return quoted(value) if isinstance(value, str) else ""
