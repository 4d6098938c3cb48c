"""Who was compared, what nobody judged, what a vision model was asked: in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from framegate.domain.counted import counted
from framegate.domain.creator import ANALYSER
from framegate.domain.gist import VISION_LEVEL, Asking, Gist
from framegate.domain.serial import dump
from framegate.flow.state import Outcome
from framegate.stages.report.identity import in_words

type Row = tuple[str, str]


def gist_rows(outcome: Outcome) -> Iterator[Row]:
    """Lines of a summary; what a reason of the verdict says already is not said twice."""
    gist = outcome.screened.gist
    if gist.identity is not None:
        told = in_words(gist.identity, outcome.asset.details.creator)
        yield "creator", told.title
        yield from (("", words) for words in told.words[:1])
    elif name := outcome.asset.details.creator:
        yield "creator", f"“{name}” was named; nobody is enrolled, so no face was compared"
    rules = {reason.rule for reason in outcome.decision.verdict.reasons}
    for missed in gist.unjudged:
        said = f"framegate.required.{missed.what}" in rules or missed.what == ANALYSER
        if not said and not missed.what.startswith(f"{VISION_LEVEL}."):
            yield "unjudged", f"{missed.what}: {missed.why}"
    yield from (("unheard", f"{each.what}: {each.why}; left out") for each in gist.unheard)
    yield from (("left out", words) for words in outcome.captions.dropped)
    yield from (("asked", asking_line(asking)) for asking in gist.vision)


def asking_line(asking: Asking) -> str:
    """``vlm.any: 4 questions (2 triage, 2 yes-no); 1 of 3 frames from the cache``."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in asking.questions)
    text = f"{asking.analyser}: {counted(asking.sent, 'question') if asking.sent else 'nothing'}"
    text += f" ({kinds})" if kinds else ""
    return f"{text}; {asking.remembered} of {counted(asking.frames, 'frame')} from the cache"


def gist_object(outcome: Outcome) -> dict[str, Any]:
    """Fields of a result as ``--json`` shows them (docs/reference/json.md)."""
    gist: Gist = outcome.screened.gist
    name = outcome.asset.details.creator
    return {
        "creator": {"name": name, "verification": dump(gist.identity)} if gist.identity else None,
        "unjudged": [{"analyser": each.what, "why": each.why} for each in gist.unjudged],
        "left_out": [
            *({"what": each.what, "why": each.why} for each in gist.unheard),
            *({"what": "captions", "why": words} for words in outcome.captions.dropped),
            *({"what": "source", "why": words} for words in outcome.facts.dropped),
        ],
        "vision": [
            {
                "analyser": each.analyser,
                "frames": each.frames,
                "questions": dict(each.questions),
                "remembered": each.remembered,
            }
            for each in gist.vision
        ],
    }
