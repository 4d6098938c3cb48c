"""What decide promises, on generated screenings."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from framegate.domain.explaining import State, explain, turns_at
from framegate.domain.findings import AnalyserRun, Finding, Status
from framegate.domain.frames import SampleReason
from framegate.domain.labels import covers
from framegate.domain.matching import Weighed, evidence_of, match, weigh
from framegate.domain.policy import Action, Audience, Condition, Policy, Rule, Verdict
from framegate.domain.span import Span
from framegate.stages.decide import SEVERITY, decide
from framegate.testing.reports import media_facts, screening

LABELS = (
    "sexual",
    "sexual.explicit",
    "sexual.explicit.nudity",
    "sexual-health",
    "violence.graphic",
    "child-safety.match",
)
AUDIENCES = (
    Audience("general"),
    Audience("teen", 13),
    Audience("adult", 18),
    Audience("germany", 0, ("DE",)),
)
scores = st.none() | st.sampled_from([float("nan"), float("inf")]) | st.floats(0, 1)
audiences = st.sampled_from(["12+", "16+", "18+", "members"])


@st.composite
def findings(draw: st.DrawFn, *, calibrated: bool = True) -> Finding:
    sample = draw(st.none() | st.integers(0, 4))
    start = Fraction(draw(st.integers(0, 20)), 2)
    return Finding(
        analyser=draw(st.sampled_from(["nsfw", "graphic", "list"])),
        analyser_version="1",
        label=draw(st.sampled_from(LABELS)),
        status=draw(st.sampled_from([Status.OK, Status.OK, Status.OK, Status.UNAVAILABLE])),
        raw_score=draw(scores),
        score=draw(scores) if calibrated else None,
        calibration_id=draw(st.none() | st.just("c1")) if calibrated else None,
        span=draw(st.none() | st.just(Span(start, start + 1))),
        sample=sample,
    )


@st.composite
def rules(draw: st.DrawFn, index: int, *, calibration: bool | None = None) -> Rule:
    action = draw(st.sampled_from(list(Action)))
    return Rule(
        id=f"rule-{index}",
        label=draw(st.sampled_from(LABELS)),
        threshold=draw(st.sampled_from([0.0, 0.3, 0.7, 1.0])),
        action=action,
        audience=draw(audiences) if action is Action.RESTRICT else "",
        require_calibration=draw(st.booleans()) if calibration is None else calibration,
        min_samples=draw(st.integers(1, 3)),
        min_analysers=draw(st.integers(1, 2)),
    )


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    return Condition(
        label=draw(st.sampled_from(LABELS)),
        threshold=draw(st.sampled_from([0.0, 0.3, 0.7])),
        min_samples=draw(st.integers(1, 2)),
        min_analysers=draw(st.integers(1, 2)),
        min_duration_s=draw(st.sampled_from([0.0, 0.5, 2.0])),
    )


@st.composite
def combined(draw: st.DrawFn, index: int, *, calibration: bool | None = None) -> Rule:
    """A rule as version 2 of the format can say it."""
    plain = draw(rules(index, calibration=calibration))
    kind = draw(st.sampled_from(["plain", "hide", "blur"]))
    some = st.lists(conditions(), max_size=2).map(tuple)
    mix = draw(st.booleans())
    rule = replace(
        plain,
        label="" if mix else plain.label,
        all=draw(some) if mix else (),
        any=draw(some) if mix else (),
        min_duration_s=0.0 if mix else draw(st.sampled_from([0.0, 0.5, 2.0])),
    )
    if mix and not rule.all and not rule.any:
        rule = replace(rule, any=(draw(conditions()),))
    if kind == "hide":
        hidden = draw(st.lists(st.sampled_from(AUDIENCES), min_size=1, unique=True))
        names = tuple(one.id for one in hidden)
        return replace(rule, action=Action.RESTRICT, audience="", hidden_from=names)
    if kind == "blur":
        margin = draw(st.sampled_from([0.0, 0.5, 3.0]))
        return replace(rule, action=Action.ALLOW, audience="", blur=True, blur_margin_s=margin)
    return rule


@st.composite
def policies(draw: st.DrawFn, *, calibration: bool | None = None) -> Policy:
    count = draw(st.integers(0, 5))
    return Policy(
        name="p",
        version="1",
        sha256="0" * 64,
        rules=tuple(draw(combined(index, calibration=calibration)) for index in range(count)),
        audiences=AUDIENCES if draw(st.booleans()) else (),
        required=tuple(draw(st.lists(st.sampled_from(["nsfw", "graphic"]), max_size=2))),
        max_gap_s=draw(st.none() | st.sampled_from([0.5, 1.0, 2.0])),
    )


def run(name: str, level: str, status: Status = Status.OK) -> AnalyserRun:
    return AnalyserRun(name, "1", level, status, "", ())


RUNS = (run("nsfw", "detectors"), run("graphic", "detectors"), run("list", "hash"))
FACTS = media_facts()
PLAIN = screening(samples=6)
BASE = replace(  # what lies between two samples is among the places of findings
    PLAIN,
    samples=tuple(
        replace(sample, reason=SampleReason.UNSEEN) if sample.index == 2 else sample
        for sample in PLAIN.samples
    ),
)


def may_see(verdict: Verdict) -> set[str]:
    return {one.id for one in verdict.audiences if one.may_see}


def covered(inner: tuple[Span, ...], outer: tuple[Span, ...]) -> bool:
    return all(any(o.start <= i.start and i.end <= o.end for o in outer) for i in inner)


@given(st.lists(findings(), max_size=8), policies(), st.randoms())
def test_order_and_repeats_do_not_matter(
    found: list[Finding], policy: Policy, chance: random.Random
) -> None:
    first = decide(replace(BASE, findings=tuple(found), runs=RUNS), FACTS, policy)
    shuffled = found + found[:2]
    chance.shuffle(shuffled)
    turned = replace(policy, rules=policy.rules[::-1])
    runs = RUNS[::-1]
    # repr: NaN is not equal to itself, and a verdict must be the same to the letter
    again = decide(replace(BASE, findings=tuple(shuffled), runs=runs), FACTS, turned)
    assert repr(again) == repr(first)


@given(st.lists(findings(), max_size=6), findings(), policies())
def test_one_finding_more_is_never_milder(
    found: list[Finding], more: Finding, policy: Policy
) -> None:
    before = decide(replace(BASE, findings=tuple(found), runs=RUNS), FACTS, policy)
    after = decide(replace(BASE, findings=(*found, more), runs=RUNS), FACTS, policy)
    assert SEVERITY[after.action] >= SEVERITY[before.action]
    assert after.escalate >= before.escalate
    assert may_see(after) <= may_see(before), "for no audience either"
    assert covered(before.blur, after.blur)


@given(st.lists(findings(calibrated=False), max_size=8), policies(calibration=True))
def test_uncalibrated_never_blocks(found: list[Finding], policy: Policy) -> None:
    guessed = tuple(f for f in found if f.analyser != "list")
    verdict = decide(replace(BASE, findings=guessed, runs=RUNS), FACTS, policy)
    assert verdict.action is not Action.BLOCK
    assert verdict.guarantee is None


@given(st.lists(findings(), max_size=8), policies())
def test_reasons_explain_the_verdict(found: list[Finding], policy: Policy) -> None:
    verdict = decide(replace(BASE, findings=tuple(found), runs=RUNS), FACTS, policy)
    worst = max((SEVERITY[r.action] for r in verdict.reasons), default=0)
    assert SEVERITY[verdict.action] == worst
    for reason in verdict.reasons:
        assert reason.words
        rule = next((r for r in policy.rules if r.id == reason.rule), None)
        if rule is not None:
            assert reason.findings
            for f in reason.findings:
                assert any(covers(label, f.label) for label in rule.labels)
    ends = [span.end for span in verdict.spans]
    assert all(a < b.start for a, b in zip(ends, verdict.spans[1:], strict=False))


@given(st.lists(findings(), max_size=4), policies(), st.sampled_from(list(Status)))
def test_a_required_look_that_failed_needs_a_person(
    found: list[Finding], policy: Policy, status: Status
) -> None:
    wanted = replace(policy, required=("nsfw",))
    runs = (run("nsfw", "detectors", status), *RUNS[1:])
    verdict = decide(replace(BASE, findings=tuple(found), runs=runs), FACTS, wanted)
    if status is not Status.OK:
        assert SEVERITY[verdict.action] >= SEVERITY[Action.REVIEW]
        assert "framegate.required.nsfw" in {reason.rule for reason in verdict.reasons}


@given(st.lists(findings(), max_size=8), policies())
def test_what_is_published_is_blurred_wherever_a_rule_wants_it(
    found: list[Finding], policy: Policy
) -> None:
    verdict = decide(replace(BASE, findings=tuple(found), runs=RUNS), FACTS, policy)
    asked = [reason for reason in verdict.reasons if reason.blur]
    assert not verdict.blur or asked
    if verdict.action in {Action.ALLOW, Action.RESTRICT}:
        times = {sample.index: sample.time for sample in BASE.samples}
        for reason in asked:
            for finding in reason.findings:
                assert finding.sample is not None, "nothing that no picture shows"
                assert not covers("child-safety", finding.label)
                assert finding.analyser != "list"
                at = times[finding.sample]
                assert any(span.start <= at <= span.end for span in verdict.blur)


@given(st.lists(findings(), max_size=8), policies())
def test_what_is_hidden_is_told_with_its_rule(found: list[Finding], policy: Policy) -> None:
    verdict = decide(replace(BASE, findings=tuple(found), runs=RUNS), FACTS, policy)
    fired = {reason.rule for reason in verdict.reasons}
    assert [one.id for one in verdict.audiences] == [one.id for one in policy.audiences]
    for one in verdict.audiences:
        assert one.may_see == (not one.rules)
        assert set(one.rules) <= fired
    everywhere = [one for one in verdict.audiences if not one.regions]
    if everywhere and not any(one.may_see for one in everywhere):
        assert SEVERITY[verdict.action] >= SEVERITY[Action.REVIEW], "no block by adding up"
    if verdict.action is Action.ALLOW:
        assert all(one.may_see for one in verdict.audiences)


@given(st.lists(findings(), max_size=8), combined(0), st.sampled_from([0.5, 1.0, 5.0]))
def test_to_ask_for_longer_is_never_stricter(found: list[Finding], rule: Rule, more: float) -> None:
    def longer(one: Condition) -> Condition:
        return replace(one, min_duration_s=one.min_duration_s + more)

    evidence = evidence_of(replace(BASE, findings=tuple(found), runs=RUNS), Fraction(24))
    asking = replace(
        rule,
        min_duration_s=rule.min_duration_s + (more if rule.label else 0.0),
        all=tuple(map(longer, rule.all)),
        any=tuple(map(longer, rule.any)),
    )
    if match(asking, evidence).met:
        assert match(rule, evidence).met


@given(st.lists(findings(), max_size=4), policies(), st.booleans())
def test_a_vision_model_that_was_asked_and_could_not_look_needs_a_person(
    found: list[Finding],
    policy: Policy,
    whole: bool,  # noqa: FBT001 -- drawn
) -> None:
    status = Status.UNAVAILABLE if whole else Status.OK
    runs = (*RUNS, run("vlm.any", "vlm", status))
    blind = replace(
        Finding("vlm.any", "1", "weapons", Status.UNAVAILABLE, None), detail="the server is gone"
    )
    seen = (*found, blind)
    verdict = decide(replace(BASE, findings=seen, runs=runs), FACTS, policy)
    assert SEVERITY[verdict.action] >= SEVERITY[Action.REVIEW]
    assert "framegate.vision" in {reason.rule for reason in verdict.reasons}


@given(st.lists(findings(), max_size=8), policies())
def test_an_explanation_tells_each_rule_as_it_was_decided(
    found: list[Finding], policy: Policy
) -> None:
    looked = replace(BASE, findings=tuple(found), runs=RUNS)
    verdict = decide(looked, FACTS, policy)
    told = explain(looked, FACTS, policy, verdict)
    assert [rule.id for rule in told.rules] == [rule.id for rule in policy.rules]
    fired = {reason.rule for reason in verdict.reasons}
    for rule in told.rules:
        assert (rule.state in {State.MET, State.DOUBT}) == (rule.id in fired)
        assert rule.change
    explained = {rule.id for rule in told.rules if rule.decisive}
    explained |= {one.rule for one in told.others if one.action is verdict.action}
    assert explained or verdict.action is Action.ALLOW


@given(st.lists(findings(), min_size=1, max_size=8), combined(0))
def test_a_condition_turns_over_where_it_is_said_to(found: list[Finding], rule: Rule) -> None:
    evidence = evidence_of(replace(BASE, findings=tuple(found), runs=RUNS), Fraction(24))
    for one in (*match(rule, evidence).all, *match(rule, evidence).any):
        at = turns_at(one, evidence)

        def met(threshold: float, one: Weighed = one) -> bool:
            return weigh(replace(one.condition, threshold=threshold), evidence).met

        if at is not None:
            assert met(at)
            assert not met(math.nextafter(at, 2))
        else:
            assert met(0.0) == met(1.0) == one.met, "no threshold matters"
