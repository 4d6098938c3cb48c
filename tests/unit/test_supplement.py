"""A second look adds to a screening and takes nothing away."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from framegate.domain.findings import AnalyserRun, Finding, Status, Tag
from framegate.domain.frames import SampleReason
from framegate.domain.screening import Supplement, extended
from framegate.domain.serial import dump, load
from framegate.testing.reports import screening


def run(name: str, level: str, status: Status = Status.OK, seen: int = 1) -> AnalyserRun:
    return AnalyserRun(name, "1", level, status, "", (), samples_seen=seen, cpu_s=0.5)


def test_a_supplement_adds() -> None:
    first = screening(samples=8)
    of = next(each for each in first.runs if each.status is Status.OK)
    off = next((each for each in first.runs if each.status is not Status.OK), None)
    last = max(first.samples, key=lambda sample: sample.index)
    sample = replace(
        first.samples[2],
        index=last.index + 1,
        pts=first.samples[2].pts + 1,
        time=first.samples[2].time + Fraction(1, 25),
        reason=SampleReason.UNSEEN,
    )
    finding = Finding(of.analyser, "1", "terrorism", Status.OK, 1.0, sample=sample.index)
    more = Supplement(
        samples=(sample,),
        findings=(finding,),
        runs=(run(of.analyser, of.level), *([run(off.analyser, off.level)] if off else [])),
        tags=(*first.tags[:1], Tag("harbour", 0.9)),
        faces_most=99,
        unseen_frames=2,
    )
    whole = extended(first, load(Supplement, dump(more)))
    assert [each.index for each in whole.samples][3] == sample.index
    assert [each.time for each in whole.samples] == sorted(each.time for each in whole.samples)
    assert set(first.findings) < set(whole.findings)
    assert finding in whole.findings
    assert len(whole.tags) == len(first.tags) + 1
    assert whole.faces_most == 99
    coverage = whole.coverage
    assert coverage.frames_sampled == first.coverage.frames_sampled + 1
    assert coverage.unseen_frames == 2
    assert coverage.largest_gap_s == first.coverage.largest_gap_s
    mended = next(each for each in whole.runs if each.analyser == of.analyser)
    assert mended.samples_seen == of.samples_seen + 1
    if off is not None:
        assert off in whole.runs, "who did not look the first time is not made good by the second"


def test_who_could_not_look_the_second_time_did_not_look() -> None:
    first = screening(samples=8)
    of = next(each for each in first.runs if each.status is Status.OK)
    more = Supplement((), (), (run(of.analyser, of.level, Status.UNAVAILABLE),), (), 0, 0)
    (now,) = [each for each in extended(first, more).runs if each.analyser == of.analyser]
    assert now.status is Status.UNAVAILABLE
