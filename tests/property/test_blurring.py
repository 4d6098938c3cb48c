"""Blurred spans: what they hide, where they end, and the frames that they are."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from framegate.domain.blurring import SPILL, blur_spans, frames_of, is_blurred, looks_of, within
from framegate.domain.findings import AnalyserRun, Finding, Status
from framegate.domain.frames import SampleInfo
from framegate.domain.ladder import Chunk, Fields, FieldWork, Grid
from framegate.domain.matching import evidence_of
from framegate.domain.policy import Action, Rule
from framegate.domain.screening import Screening
from framegate.domain.slots import SlotRule, on_grid
from framegate.domain.span import Span
from framegate.testing.reports import screening

BASE = screening(samples=12)
times = st.lists(
    st.fractions(0, 20, max_denominator=1000), min_size=2, max_size=12, unique=True
).map(sorted)
margins = st.sampled_from([0.0, 0.3, 1.0, 4.0])


def look(sample: int, score: float | None, *, analyser: str = "nsfw") -> Finding:
    return Finding(analyser, "1", "disturbing", Status.OK, score, sample=sample)


def screened(at: list[Fraction], findings: list[Finding], *, shots: list[int]) -> Screening:
    samples: tuple[SampleInfo, ...] = tuple(
        replace(BASE.samples[0], index=index, time=time, shot=shot)
        for index, (time, shot) in enumerate(zip(at, shots, strict=True))
    )
    runs = (
        AnalyserRun("nsfw", "1", "detectors", Status.OK, "", (), samples_seen=len(at)),
        AnalyserRun("text", "1", "text", Status.OK, "", (), samples_seen=1),
    )
    return replace(BASE, samples=samples, findings=tuple(findings), runs=runs)


def spans_of(
    at: list[Fraction], findings: list[Finding], margin: float, shots: list[int] | None = None
) -> tuple[tuple[Span, ...], Fraction]:
    rule = Rule("r", "disturbing", 0.5, Action.ALLOW, blur=True, blur_margin_s=margin)
    seen = screened(at, findings, shots=shots or [0] * len(at))
    evidence = evidence_of(seen, Fraction(21))
    hits = [f for f in evidence.findings if f.number is not None and f.number >= rule.threshold]
    return blur_spans(rule, hits, evidence, looks_of(seen, Fraction(21))), Fraction(21)


@st.composite
def scored(draw: st.DrawFn) -> tuple[list[Fraction], list[Finding]]:
    at = draw(times)
    scores = st.sampled_from([None, 0.0, 0.4, 0.5, 0.9])
    return at, [look(index, draw(scores)) for index in range(len(at)) if draw(st.booleans())]


@given(scored(), margins)
def test_a_span_ends_where_nothing_was_seen_and_leaks_nothing(
    drawn: tuple[list[Fraction], list[Finding]], margin: float
) -> None:
    at, found = drawn
    spans, length = spans_of(at, found, margin)
    showing = {at[f.sample or 0] for f in found if f.raw_score is None or f.raw_score >= 0.5}
    hits = {at[f.sample or 0] for f in found if f.raw_score is not None and f.raw_score >= 0.5}
    clean = set(at) - showing
    wide = Fraction(margin).limit_denominator(10**6)
    for hit in hits:
        (inside,) = (span for span in spans if span.start <= hit <= span.end)
        assert inside.start <= max(hit - wide, Fraction(0))
        assert inside.end >= min(hit + wide, length)
        before = max((time for time in clean if time < hit), default=Fraction(0))
        after = min((time for time in clean if time > hit), default=length)
        assert inside.start <= before
        assert after <= inside.end
    for span in spans:
        assert span.start in clean | {Fraction(0)}, "at a look that found nothing, or the start"
        assert span.end in clean | {length}
        assert any(span.start <= hit <= span.end for hit in hits)
    assert all(one.end < other.start for one, other in pairwise(spans))


@given(times, st.integers(0, 11), st.data())
def test_who_saw_one_sample_of_a_shot_blurs_the_shot(
    at: list[Fraction], sample: int, data: st.DataObject
) -> None:
    shots = sorted(data.draw(st.lists(st.integers(0, 3), min_size=len(at), max_size=len(at))))
    sample %= len(at)
    (span,), _ = spans_of(at, [look(sample, 0.9, analyser="text")], 0.0, shots)
    same = [time for time, shot in zip(at, shots, strict=True) if shot == shots[sample]]
    assert span.start <= same[0]
    assert same[-1] <= span.end


def test_a_look_that_did_not_happen_ends_no_span() -> None:
    at = [Fraction(n) for n in range(5)]
    blind = replace(look(2, None), status=Status.UNAVAILABLE)
    assert spans_of(at, [look(1, 0.9), blind], 0.0)[0] == (Span(Fraction(0), Fraction(3)),)


@given(
    times,
    st.data(),
    st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(8)]),
)
def test_every_frame_that_shows_a_span_is_blurred(
    at: list[Fraction], data: st.DataObject, rate: Fraction
) -> None:
    """Source frames at ``at`` on the grid as the encode puts them there."""
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(at) - 1)] * 2)))
    base = Fraction(1, 1000)
    ticks = [round(time / base) for time in at]
    grid = Grid(rate, max(1, int(at[-1] * rate) + 1), 50, 100)
    span = Span(ticks[first] * base if first else Fraction(0), ticks[last] * base)
    frames = frames_of([span], grid, Fields())
    rule = SlotRule.of(time_base=base, start=Fraction(0), frame_rate=rate)
    shown = on_grid(((rule.slot(tick), tick) for tick in ticks), first=0, frames=grid.frames)
    for number, tick in shown:
        if span.start <= tick * base < span.end:
            assert is_blurred(frames, number), "also where the picture is held"
    chunk = Chunk(0, grid.frames // 3, grid.frames // 2)
    inside = range(chunk.first_frame, chunk.first_frame + chunk.frames)
    part = within(frames, chunk)
    assert [is_blurred(part, n) for n in inside] == [is_blurred(frames, n) for n in inside]
    assert all(one.first in inside and one.end - 1 in inside for one in part)


def test_fields_reach_beyond_their_frame() -> None:
    grid, span = Grid(Fraction(50), 500, 100, 200), Span(Fraction(2), Fraction(4))
    (kept,) = frames_of([span], grid, Fields())
    assert (kept.first, kept.end) == (100, 201)
    assert set(SPILL) == set(FieldWork)
    for work, spill in SPILL.items():
        (one,) = frames_of([span], grid, Fields(work))
        assert (one.first, one.end) == (100 - spill, 201 + spill)
    (all_of_it,) = frames_of([Span(Fraction(0), Fraction(10))], grid, Fields(FieldWork.FILM))
    assert (all_of_it.first, all_of_it.end) == (0, 500)
