"""Decide, with what version 2 of the policy format can say."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from framegate.domain.findings import AnalyserRun, Finding, Status
from framegate.domain.policy import Action, Policy, Verdict
from framegate.domain.policy_file import load_policy
from framegate.domain.span import Span
from framegate.stages.decide import decide
from framegate.testing.reports import media_facts, screening

RUNS = (
    AnalyserRun("nsfw", "1.0", "detectors", Status.OK, "", ("sexual",), samples_seen=8),
    AnalyserRun("lists", "1.1", "hash", Status.OK, "", ("hash-list",)),
)
HEAD = """
schema_version = 2
name = "p"
version = "1"
audiences = [
    { id = "general" },
    { id = "teen", min_age = 13 },
    { id = "adult", min_age = 18 },
    { id = "germany", regions = ["DE"] },
]
"""


def policy(*rules: str) -> Policy:
    tables = [
        f'[[rules]]\nid = "r{number}"\nreason = "R."\n{rule}' for number, rule in enumerate(rules)
    ]
    return load_policy("\n".join([HEAD, *tables]).encode())


def seen(label: str, raw: float, sample: int, *, analyser: str = "nsfw") -> Finding:
    return Finding(analyser, "1", label, Status.OK, raw, sample=sample)


def judge(rules: Policy, *findings: Finding) -> Verdict:
    base = screening(samples=8)
    assert base.coverage.max_gap_wanted_s == 1.0
    half = tuple(
        replace(sample, time=Fraction(sample.index, 2)) for sample in base.samples
    )  # a sample every half a second
    looked = replace(base, samples=half, findings=findings, runs=RUNS)
    return decide(looked, media_facts(), rules)


def test_a_combination_needs_all_and_one_of_any() -> None:
    rule = policy(
        """
        all = [{ label = "weapons", threshold = 0.5 }]
        any = [{ label = "hate", threshold = 0.5 }, { label = "terrorism", threshold = 0.5 }]
        action = "review"
        """
    )
    weapon, hate = seen("weapons.firearm", 0.9, 0), seen("hate.symbols", 0.6, 5)
    assert judge(rule, weapon).action is Action.ALLOW
    assert judge(rule, hate).action is Action.ALLOW
    assert judge(rule, weapon, seen("hate", 0.4, 5)).action is Action.ALLOW
    verdict = judge(rule, weapon, hate)
    assert verdict.action is Action.REVIEW
    assert verdict.reasons[0].findings == (weapon, hate), "both are the evidence"
    assert judge(rule, weapon, seen("terrorism", 0.5, 1)).action is Action.REVIEW


def test_evidence_must_last() -> None:
    rule = policy('label = "tobacco"\nthreshold = 0.5\nmin_duration_s = 1.5\naction = "review"')
    smoke = [seen("tobacco.smoking", 0.8, index) for index in range(8)]
    assert judge(rule, *smoke[:3]).action is Action.ALLOW, "0 s to 1 s"
    assert judge(rule, *smoke[:4]).action is Action.REVIEW, "0 s to 1.5 s"
    assert judge(rule, smoke[0], smoke[2], smoke[4]).action is Action.REVIEW, "1 s apart is near"
    apart = judge(rule, smoke[0], smoke[1], smoke[4], smoke[5])
    assert apart.action is Action.ALLOW, "two stretches of half a second"
    whole = replace(smoke[0], sample=None)
    assert judge(rule, whole).action is Action.REVIEW, "what is about all of it lasts as long"


def test_an_age_limit_hides_from_the_younger() -> None:
    rule = policy('label = "alcohol"\nthreshold = 0.5\naction = "age-restrict"\nmin_age = 16')
    verdict = judge(rule, seen("alcohol", 0.9, 1))
    assert (verdict.action, verdict.audience) == (Action.RESTRICT, "16+")
    told = {one.id: one.may_see for one in verdict.audiences}
    assert told == {"general": False, "teen": False, "adult": True, "germany": True}
    assert verdict.audiences[0].rules == ("r0",)
    clear = judge(rule, seen("alcohol", 0.4, 1))
    assert all(one.may_see for one in clear.audiences)


@pytest.mark.parametrize(
    ("hidden", "audience", "left"),
    [
        ('["germany"]', "all but germany", {"general", "teen", "adult"}),
        ('["general", "teen"]', "all but general, teen", {"adult", "germany"}),
    ],
)
def test_what_is_blocked_for_some_is_published_for_the_others(
    hidden: str, audience: str, left: set[str]
) -> None:
    rule = policy(
        f'label = "hate.symbols.nazi"\nthreshold = 0.5\naction = "block"\naudiences = {hidden}'
    )
    verdict = judge(rule, seen("hate.symbols.nazi", 0.9, 1))
    assert (verdict.action, verdict.audience) == (Action.RESTRICT, audience)
    assert {one.id for one in verdict.audiences if one.may_see} == left


def test_restrictions_that_leave_nobody_are_for_a_person() -> None:
    rules = policy(
        'label = "drugs"\nthreshold = 0.5\naction = "block"\naudiences = ["adult"]',
        'label = "drugs"\nthreshold = 0.5\naction = "age-restrict"\nmin_age = 18',
    )
    verdict = judge(rules, seen("drugs", 0.9, 1))
    assert verdict.action is Action.REVIEW
    assert verdict.reasons[0].rule == "framegate.nobody"
    assert verdict.audience == "18+, not adult"
    assert not [one.id for one in verdict.audiences if one.may_see and not one.regions]


BLUR = 'label = "disturbing"\nthreshold = 0.5\naction = "blur"'


def test_a_blur_is_published_and_reaches_to_the_next_clean_looks() -> None:
    rule = policy(BLUR)
    verdict = judge(rule, *(seen("disturbing", 0.9, index) for index in (2, 3)))
    assert verdict.action is Action.ALLOW
    assert verdict.blur == (Span(Fraction(1, 2), Fraction(2)),)
    assert verdict.spans == (Span(Fraction(1), Fraction(3, 2)),), "where it was seen"
    assert verdict.reasons[0].words == "R. 1.5 s are blurred."
    wide = policy(f"{BLUR}\nblur_margin_s = 0.7")
    verdict = judge(wide, *(seen("disturbing", 0.9, index) for index in (2, 3)))
    assert verdict.blur == (Span(Fraction(0), Fraction(5, 2)),)


def test_a_blur_goes_with_an_age_limit() -> None:
    both = policy(BLUR, 'label = "alcohol"\nthreshold = 0.5\naction = "age-restrict"\nmin_age = 18')
    verdict = judge(both, seen("disturbing", 0.9, 0), seen("alcohol", 0.9, 3))
    assert (verdict.action, verdict.audience) == (Action.RESTRICT, "18+")
    assert verdict.blur == (Span(Fraction(0), Fraction(1, 2)),)


def test_a_blur_of_everything_says_so() -> None:
    every = [seen("disturbing", 0.9, index) for index in range(8)]
    verdict = judge(policy(BLUR), *every)
    assert verdict.action is Action.ALLOW
    assert verdict.reasons[0].words == "R. The whole video is blurred."
    assert verdict.blur == (Span(Fraction(0), media_facts().duration_measured),)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (replace(seen("disturbing", 0.9, 0), sample=None), "about the whole video"),
        (
            replace(seen("disturbing", 0.9, 0), sample=None, span=Span(Fraction(1), Fraction(2))),
            "sound and captions are not muted",
        ),
        (seen("disturbing", 1.0, 2, analyser="lists"), "A match on a list"),
    ],
)
def test_what_no_blur_hides_is_for_a_person(found: Finding, words: str) -> None:
    verdict = judge(policy(BLUR), seen("disturbing", 0.9, 5), found)
    assert verdict.action is Action.REVIEW
    assert words in verdict.reasons[0].words
    assert verdict.blur, "what a person allows is blurred where it can be"


def test_child_safety_is_never_published_blurred() -> None:
    rule = policy('label = "child-safety"\nthreshold = 0.5\naction = "blur"')
    verdict = judge(rule, seen("child-safety", 0.9, 2))
    assert verdict.action is Action.REVIEW
    assert "Child-safety evidence" in verdict.reasons[0].words


def test_a_block_for_all_hides_from_all() -> None:
    rule = policy('label = "hash-list"\nthreshold = 0.5\naction = "block"')
    verdict = judge(rule, seen("hash-list", 0.1, 1, analyser="lists"))
    assert verdict.action is Action.BLOCK
    assert not [one for one in verdict.audiences if one.may_see]


def test_an_unknown_score_in_a_combination_is_for_a_person_only_where_it_matters() -> None:
    rule = policy(
        """
        all = [{ label = "weapons", threshold = 0.5 }, { label = "hate", threshold = 0.5 }]
        action = "age-restrict"
        min_age = 18
        """
    )
    blank = replace(seen("weapons", 0.9, 0), raw_score=None)
    assert judge(rule, blank).action is Action.ALLOW, "without hate it could not be met"
    verdict = judge(rule, blank, seen("hate", 0.9, 1))
    assert verdict.action is Action.REVIEW
    assert "“weapons” was reported without a score" in verdict.reasons[0].words


def test_a_list_that_no_rule_names_is_told_and_child_safety_never_passed_by() -> None:
    rules = policy('label = "known"\nthreshold = 0.5\naction = "block"')
    verdict = judge(rules, seen("our-own", 1.0, 1, analyser="lists"), seen("alcohol", 1.0, 2))
    assert verdict.action is Action.ALLOW
    (reason,) = verdict.reasons
    assert (reason.rule, reason.findings[0].label) == ("framegate.unruled", "our-own")
    assert not verdict.spans
    child = judge(rules, seen("child-safety.match", 0.9, 1, analyser="lists"))
    assert (child.action, child.escalate) == (Action.REVIEW, True)


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (Status.OK, Action.ALLOW),
        (Status.UNAVAILABLE, Action.REVIEW),
        (Status.NOT_RUN, Action.ALLOW),
        (Status.SKIPPED, Action.ALLOW),
    ],
)
def test_a_dead_vision_model_is_never_a_silent_allow(status: Status, action: Action) -> None:
    run = AnalyserRun("vlm.scout", "1", "vlm", status, "connection refused", ("weapons",))
    looked = replace(screening(samples=8), findings=(), runs=(*RUNS, run))
    verdict = decide(looked, media_facts(), policy())
    assert verdict.action is action
    if action is Action.REVIEW:
        assert verdict.reasons[0].words.endswith("connection refused.")
