"""The vision judge of one asset, from what ships: the prompt that a profile names, the taxonomy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files

from framegate.cache.protocol import VerdictCache
from framegate.domain import labels
from framegate.domain.hashlist import HashList, Index
from framegate.domain.taxonomy import Label, Taxonomy, shipped
from framegate.errors import ComponentMissing
from framegate.models.vision.protocol import Vision
from framegate.stages.screen.analysers.vlm.judge import VisionJudge
from framegate.stages.screen.analysers.vlm.prompt import Asked, Prompt, load_prompt


def vision_judge(
    vision: Vision,
    *,
    remembered: VerdictCache | None,
    clock: Callable[[], datetime],
    lists: Sequence[HashList],
    source_sha256: str,
) -> VisionJudge:
    """Raises `ComponentMissing` when the profile names a prompt that does not ship."""
    matches = Index(lists).match_file(source_sha256)
    known = any(labels.covers(labels.CHILD_SAFETY, match.label) for match in matches)
    return VisionJudge(
        vision,
        shipped_prompt(vision.profile.prompt),
        cache=remembered,
        clock=clock,
        withheld="the file is on a child-safety list: nothing of it is sent" if known else "",
    )


@cache
def shipped_prompt(version: str) -> Prompt:
    """The prompt of this version, with the taxonomy's labels that a picture can show."""
    name = f"triage-{version}.toml"
    file = files("framegate").joinpath("prompts", name)
    if not version.isalnum() or not file.is_file():
        raise ComponentMissing(f"The prompt {version}", "no prompt of that version ships")
    return load_prompt(file.read_bytes(), asked_labels(shipped()))


def asked_labels(taxonomy: Taxonomy) -> tuple[Asked, ...]:
    """What a picture can show and a policy can judge: the top level, with all below it."""
    return tuple(
        _asked(top, below=tuple(_asked(one) for one in taxonomy.below(top.id) if _shown(one)))
        for top in taxonomy.top("picture")
        if _shown(top)
    )


def _shown(label: Label) -> bool:
    return "picture" in label.seen_in and not label.informative


def _asked(label: Label, below: tuple[Asked, ...] = ()) -> Asked:
    return Asked(label.id, label.title, label.definition, below)
