from dataclasses import replace
from fractions import Fraction
from typing import cast

from framegate.domain.findings import Finding, Status
from framegate.domain.frames import PictureSignals, SampleInfo, SampleReason
from framegate.domain.poster import poster_time
from framegate.domain.screening import Screening
from framegate.domain.span import Span


def sample(index: int, sharpness: float, exposure: float = 0.5) -> SampleInfo:
    signals = PictureSignals(sharpness, 0, 0, exposure, 0.5, 0, 0)
    return SampleInfo(index, index, Fraction(index), 0, SampleReason.GAP, 16, 16, signals=signals)


def screening(*samples: SampleInfo, findings: tuple[Finding, ...] = ()) -> Screening:
    whole = Screening(
        shots=(),
        samples=samples,
        signals=cast("object", None),  # type: ignore[arg-type]
        findings=findings,
        runs=(),
        tags=(),
        faces_most=0,
        coverage=cast("object", None),  # type: ignore[arg-type]
        quality=cast("object", None),  # type: ignore[arg-type]
    )
    return replace(whole)


def test_the_sharpest_well_lit_sample_inside_the_video() -> None:
    samples = [sample(n, 0.1) for n in range(20)]
    samples[0] = sample(0, 1.0)  # at the end of a fade
    samples[5] = sample(5, 0.9, exposure=0.01)  # black
    samples[9] = sample(9, 0.8)
    assert poster_time(screening(*samples)) == 9


def test_evidence_is_not_put_on_the_cover() -> None:
    samples = [sample(n, n / 20) for n in range(20)]
    found = Finding("a", "1", "sexual", Status.OK, 0.9, sample=18)
    assert poster_time(screening(*samples)) == 18
    assert poster_time(screening(*samples, findings=(found,))) == 17


def test_what_is_blurred_is_not_put_on_the_cover_where_there_is_another() -> None:
    samples = [sample(n, n / 20) for n in range(20)]
    blurred = (Span(Fraction(15), Fraction(19)),)
    assert poster_time(screening(*samples), blurred) == 14
    everything = (Span(Fraction(0), Fraction(19)),)
    assert poster_time(screening(*samples), everything) == 18


def test_a_single_frame_and_no_frame() -> None:
    assert poster_time(screening(sample(0, 0.5))) == 0
    assert poster_time(screening()) == 0
