"""Decide, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from framegate.domain.findings import AnalyserRun, Finding, Status
from framegate.domain.frames import LevelCoverage, SampleReason
from framegate.domain.policy import Action, Policy, Rule, Verdict
from framegate.domain.span import Span
from framegate.stages.decide import decide
from framegate.testing.reports import media_facts, screening

RUNS = (
    AnalyserRun("nsfw", "1.0", "detectors", Status.OK, "", ("sexual",), model_sha256="ab" * 32),
    AnalyserRun("lists", "1.1", "hash", Status.OK, "", ("child-safety",)),
)


def seen(
    label: str = "sexual.explicit",
    raw: float | None = 0.9,
    *,
    sample: int | None = 0,
    calibrated: float | None = None,
    analyser: str = "nsfw",
) -> Finding:
    return Finding(
        analyser=analyser,
        analyser_version="1",
        label=label,
        status=Status.OK,
        raw_score=raw,
        score=calibrated,
        calibration_id=None if calibrated is None else "cal-1",
        sample=sample,
    )


def judge(rule: Rule, *findings: Finding, **policy: object) -> Verdict:
    wanted = replace(Policy("p", "7", "f" * 64, (rule,), ()), **policy)  # type: ignore[arg-type]
    base = replace(screening(samples=8), findings=findings, runs=RUNS)
    return decide(base, media_facts(), wanted)


BLOCK = Rule("no-sex", "sexual", 0.5, Action.BLOCK, reason="No.")


def test_a_label_covers_its_children_and_nothing_else() -> None:
    rule = Rule("r", "sexual", 0.5, Action.REVIEW)
    assert judge(rule, seen("sexual.explicit.nudity")).action is Action.REVIEW
    assert judge(rule, seen("sexual-health")).action is Action.ALLOW
    narrow = replace(rule, label="sexual.explicit")
    assert judge(narrow, seen("sexual")).action is Action.ALLOW


def test_the_threshold_is_met_from_its_value_on() -> None:
    rule = Rule("r", "sexual", 0.5, Action.REVIEW)
    assert judge(rule, seen(raw=0.5)).action is Action.REVIEW
    assert judge(rule, seen(raw=0.4999)).action is Action.ALLOW
    assert judge(replace(rule, threshold=0.0), seen(raw=0.0)).action is Action.REVIEW


def test_the_calibrated_score_counts_before_the_raw_one() -> None:
    rule = Rule("r", "sexual", 0.5, Action.REVIEW)
    assert judge(rule, seen(raw=0.99, calibrated=0.1)).action is Action.ALLOW
    assert judge(rule, seen(raw=0.01, calibrated=0.6)).action is Action.REVIEW


def test_uncalibrated_evidence_holds_a_block_back_and_says_so() -> None:
    verdict = judge(BLOCK, seen())
    assert verdict.action is Action.REVIEW
    assert verdict.reasons[0].wanted is Action.BLOCK
    assert "not calibrated" in verdict.reasons[0].words
    assert verdict.reasons[0].findings == (seen(),)


def test_calibrated_evidence_blocks() -> None:
    verdict = judge(BLOCK, seen(calibrated=0.9))
    assert verdict.action is Action.BLOCK
    assert verdict.reasons[0].wanted is None


def test_a_policy_may_waive_calibration_and_the_reason_says_so() -> None:
    verdict = judge(replace(BLOCK, require_calibration=False), seen())
    assert verdict.action is Action.BLOCK
    assert "not calibrated, as the policy asks" in verdict.reasons[0].words


@pytest.mark.parametrize("raw", [1.0, 0.0, None])
def test_a_hash_match_is_exact_evidence_whatever_its_number(raw: float | None) -> None:
    rule = Rule("cs", "child-safety", 0.5, Action.BLOCK, escalate=True)
    verdict = judge(rule, seen("child-safety.match", raw, analyser="lists"))
    assert verdict.action is Action.BLOCK
    assert verdict.escalate


def test_a_detector_cannot_pass_for_a_hash_list() -> None:
    rule = Rule("cs", "child-safety", 0.5, Action.BLOCK)
    assert judge(rule, seen("child-safety", 1.0)).action is Action.REVIEW


def test_min_samples_counts_samples_not_findings() -> None:
    rule = Rule("r", "sexual", 0.5, Action.REVIEW, min_samples=2)
    one = (seen("sexual.explicit", sample=3), seen("sexual.suggestive", sample=3))
    assert judge(rule, *one).action is Action.ALLOW
    assert judge(rule, *one, seen(sample=4)).action is Action.REVIEW


@pytest.mark.parametrize(
    ("action", "alone", "with_samples"),
    [
        (Action.ALLOW, Action.ALLOW, Action.ALLOW),
        (Action.RESTRICT, Action.REVIEW, Action.REVIEW),
        (Action.REVIEW, Action.REVIEW, Action.REVIEW),
        (Action.BLOCK, Action.REVIEW, Action.BLOCK),
    ],
)
def test_what_lies_between_two_samples_needs_no_second_to_call_a_person(
    action: Action, alone: Action, with_samples: Action
) -> None:
    rule = Rule("r", "sexual", 0.5, action, audience="18+", min_samples=2, reason="No.")
    base = screening(samples=8)
    spliced = replace(base.samples[3], reason=SampleReason.UNSEEN)
    samples = (*base.samples[:3], spliced, *base.samples[4:])
    policy = Policy("p", "7", "f" * 64, (rule,), ())

    def verdict(*findings: Finding) -> Verdict:
        looked = replace(base, samples=samples, findings=findings, runs=RUNS)
        return decide(looked, media_facts(), policy)

    one = verdict(seen(sample=3, calibrated=0.9))
    assert one.action is alone
    if action is not Action.ALLOW:
        (reason,) = one.reasons
        assert (reason.rule, reason.wanted) == ("r", action)
        assert reason.words.startswith("No. Seen in 1 look at what lies between two samples")
        assert [finding.sample for finding in reason.findings] == [3]
    more = [seen(sample=sample, calibrated=0.9) for sample in (3, 4, 5)]
    assert verdict(*more).action is with_samples, "one finding more makes nothing milder"
    assert verdict(*more[1:]).action is action
    assert verdict(seen(sample=3, raw=0.4)).action is Action.ALLOW
    assert verdict(seen(sample=4)).action is Action.ALLOW


def test_min_analysers_wants_agreement_on_the_same_sample() -> None:
    rule = replace(BLOCK, action=Action.REVIEW, min_analysers=2)
    other = seen(analyser="other")
    assert judge(rule, seen(), seen(sample=1)).action is Action.ALLOW
    assert judge(rule, seen(), replace(other, sample=1)).action is Action.ALLOW
    assert judge(rule, seen(), replace(other, raw_score=0.4)).action is Action.ALLOW
    assert judge(rule, seen(), other).action is Action.REVIEW
    assert judge(rule, seen(analyser="lists")).action is Action.REVIEW, "exact needs no second"


def test_a_score_that_is_no_number_goes_to_a_person() -> None:
    rule = Rule("r", "sexual", 0.5, Action.RESTRICT, audience="18+")
    assert judge(rule, seen(raw=float("nan"))).action is Action.REVIEW
    assert judge(rule, seen(raw=None)).action is Action.REVIEW


def test_the_strictest_audience_wins() -> None:
    young = Rule("a", "sexual", 0.5, Action.RESTRICT, audience="9+")
    adult = Rule("b", "sexual", 0.5, Action.RESTRICT, audience="18+")
    verdict = judge(young, seen(), rules=(young, adult))
    assert (verdict.action, verdict.audience) == (Action.RESTRICT, "18+")


def test_a_missing_analyser_is_named() -> None:
    verdict = judge(BLOCK, required=("speech",))
    assert verdict.action is Action.REVIEW
    assert verdict.reasons[0].status is Status.NOT_RUN
    assert "speech" in verdict.reasons[0].words


def test_gaps_over_the_policy_go_to_a_person() -> None:
    base = screening(samples=8)
    policy = Policy("p", "1", "0" * 64, (), ("nsfw",), max_gap_s=1.0)
    lax = replace(base.coverage, max_gap_wanted_s=2.0, levels=())
    for coverage, expected in (
        (replace(lax, largest_gap_s=1.0), Action.ALLOW),
        (replace(lax, largest_gap_s=1.01), Action.REVIEW),
        (replace(base.coverage, met=False), Action.REVIEW),
        (replace(base.coverage, largest_gap_s=9.0), Action.ALLOW),  # one slide, held for 9 s
        (
            replace(base.coverage, levels=(LevelCoverage("detectors", 2, 4.0),)),
            Action.REVIEW,  # the sampler kept its word, the required detectors did not look
        ),
    ):
        verdict = decide(replace(base, coverage=coverage, runs=RUNS), media_facts(), policy)
        assert verdict.action is expected


def test_a_truncated_file_is_told_not_judged() -> None:
    facts = replace(media_facts(), truncated=True, readable_share=0.62)
    verdict = decide(screening(samples=2), facts, Policy("p", "1", "0" * 64, (), ()))
    assert verdict.action is Action.ALLOW
    assert "62%" in verdict.reasons[0].words


@pytest.mark.parametrize(("frames", "action"), [(0, Action.ALLOW), (3, Action.REVIEW)])
def test_frames_that_stayed_unseen_go_to_a_person(frames: int, action: Action) -> None:
    base = screening(samples=8)
    unseen = replace(base, findings=(), coverage=replace(base.coverage, unseen_frames=frames))
    verdict = decide(unseen, media_facts(), Policy("p", "7", "f" * 64, (), ()))
    assert verdict.action is action
    assert bool(verdict.reasons) is bool(frames)


def test_spans_are_merged_over_gaps_without_a_look() -> None:
    spans = [Span(Fraction(s), Fraction(e)) for s, e in ((5, 6), (0, 1), (1, 2), (4, 5))]
    rule = Rule("r", "sexual", 0.5, Action.REVIEW)
    found = [replace(seen(sample=i), span=span) for i, span in enumerate(spans)]
    assert judge(rule, *found).spans == (
        Span(Fraction(0), Fraction(2)),
        Span(Fraction(4), Fraction(6)),
    )


def test_the_verdict_names_policy_and_models() -> None:
    verdict = judge(BLOCK)
    assert (verdict.policy, verdict.policy_version, verdict.policy_sha256) == ("p", "7", "f" * 64)
    assert verdict.models == (("lists", "1.1"), ("nsfw", "ab" * 32))
    assert verdict.guarantee is None
