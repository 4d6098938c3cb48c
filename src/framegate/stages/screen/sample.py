"""The host's half of sampling: what is asked of the decoder, and what is made of its answers.

Everything that comes out of the child is checked here before it is believed.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from framegate.domain.frames import (
    PREVIEW_LONG_SIDE,
    FrameSignals,
    PictureSignals,
    Sample,
    SampleInfo,
    SampleReason,
    Shot,
)
from framegate.domain.imprint import BLOCKS, COLUMNS, PLANES, ROWS, Codes, record
from framegate.domain.media import VideoFacts
from framegate.domain.serial import load
from framegate.domain.span import Span
from framegate.errors import Internal
from framegate.security.sandbox import FrameHeader, Limits, RingSpec
from framegate.stages.screen.crop import BarFinder
from framegate.stages.screen.protocol import PdqHash

TASK = "framegate.media.samples:decode"
RING = RingSpec(slots=4, slot_bytes=PREVIEW_LONG_SIDE * PREVIEW_LONG_SIDE * 3)
JPEG_QUALITY = 85
KEPT_LONG_SIDE = (
    320  # px of a kept preview: twice the area that a report shows, a quarter of the bytes
)
THINNED = 4096  # rows of per-frame signals that go into a screening; all go to signals.json

_HELD_FRAMES = 40  # reference frames, threads and samples in hand
_BASE_BYTES = 1 << 30


def decode_limits(video: VideoFacts) -> Limits:
    """Memory by resolution, time by length: thirty times the duration is a slow machine."""
    frame_bytes = video.decoder_pixels * 3 * (2 if video.bit_depth > 8 else 1)  # noqa: PLR2004 - bits of a byte
    if video.chroma == "420":
        frame_bytes //= 2
    seconds = 120.0 + max(30.0 * float(video.duration_measured), 0.5 * video.frames_measured)
    return Limits(
        memory_bytes=_BASE_BYTES + _HELD_FRAMES * frame_bytes,
        cpu_s=math.ceil(seconds),
        wall_s=seconds,
        threads=16,
    )


@dataclass(frozen=True, slots=True)
class _Meta:
    pts: int
    shot: int
    reason: SampleReason
    signals: PictureSignals
    imprint: str


class Decoding:
    """Collects what one decoding call says; callbacks for `MediaSandbox.run`."""

    def __init__(
        self,
        video: VideoFacts,
        *,
        sink: Callable[[Sample], None],
        progress: Callable[[float], None],
    ) -> None:
        """``sink`` gets every sample in order; ``progress`` seconds of video that are decoded."""
        self._base = video.time_base
        self._start = video.start
        self._sink = sink
        self._progress = progress
        self._bars = BarFinder()
        self._last_pts: int | None = None
        self.pts = array("q")
        self.scene = array("f")
        self.luma = array("f")
        self.motion = array("f")
        self.cuts: list[int] = []
        self.black: list[Span] = []
        self.freeze: list[Span] = []
        self.lost: list[Span] = []
        self.samples: list[SampleInfo] = []
        self.imprints: list[bytes] = []  # records, one a sample

    def time(self, pts: int) -> Fraction:
        """Presentation seconds from the video's first frame."""
        return pts * self._base - self._start

    def on_message(self, message: dict[str, Any]) -> None:
        """A batch of signals."""
        try:
            frames = message["frames"]
            columns = [frames[name] for name in ("pts", "scene", "luma", "motion")]
            if len({len(column) for column in columns}) != 1:
                raise ValueError("columns differ")  # noqa: TRY301 - all nonsense leaves by one door
            self.pts.extend(columns[0])
            self.scene.extend(columns[1])
            self.luma.extend(columns[2])
            self.motion.extend(columns[3])
            self.cuts += [int(pts) for pts in message["cuts"]]
            self.black += self._intervals(message["black"])
            self.freeze += self._intervals(message["freeze"])
            self.lost += self._intervals(message["lost"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise nonsense("signals") from error
        if self.pts:
            self._progress(float(self.time(self.pts[-1])))

    def on_frame(self, header: FrameHeader, pixels: NDArray[np.uint8]) -> None:
        """One sample."""
        meta = load(_Meta, header.meta)
        height, width, channels = pixels.shape
        ascends = self._last_pts is None or meta.pts > self._last_pts
        if channels != 3 or not ascends or not 0 <= meta.shot <= len(self.samples):  # noqa: PLR2004 - RGB; a shot has at least one sample
            raise nonsense("a sample")
        self._last_pts = meta.pts
        self.imprints.append(record(meta.pts, read_imprint(meta.imprint)))
        info = SampleInfo(
            index=len(self.samples),
            pts=meta.pts,
            time=self.time(meta.pts),
            shot=meta.shot,
            reason=meta.reason,
            width=width,
            height=height,
            signals=meta.signals,
        )
        self.samples.append(info)
        active = self._bars.active(meta.shot, pixels).of(pixels)
        self._sink(Sample(info, pixels, active))

    def shots(self, end: Fraction) -> tuple[Shot, ...]:
        """Between cuts, from the first frame to ``end``."""
        starts = [Fraction(0), *(self.time(pts) for pts in self.cuts), end]
        return tuple(
            Shot(index, start, stop) for index, (start, stop) in enumerate(pairwise(starts))
        )

    def frame_signals(self) -> FrameSignals:
        """All rows, or `THINNED` of them: the highest scene score and motion, the mean luma."""
        step = math.ceil(len(self.pts) / THINNED) if self.pts else 1
        edges = range(0, len(self.pts), step)
        return FrameSignals(
            pts=tuple(self.pts[at] for at in edges),
            scene=tuple(round(max(self.scene[at : at + step]), 2) for at in edges),
            luma=tuple(round(sum(part) / len(part), 1) for part in _parts(self.luma, step)),
            motion=tuple(round(max(self.motion[at : at + step]), 2) for at in edges),
        )

    def _intervals(self, pairs: list[list[int]]) -> list[Span]:
        return [Span(self.time(first), self.time(last)) for first, last in pairs]


def _parts(column: array[float], step: int) -> list[array[float]]:
    return [column[at : at + step] for at in range(0, len(column), step)]


def save_preview(folder: Path, sample: Sample) -> None:
    """``folder/000012.jpg``; a second run writes the same bytes over it."""
    # with a fourth channel OpenCV scales in half the time, and JPEG leaves it out
    picture = cv2.cvtColor(sample.pixels, cv2.COLOR_RGB2BGRA)
    shrink = KEPT_LONG_SIDE / max(picture.shape)
    if shrink < 1:
        size = [max(1, round(side * shrink)) for side in (picture.shape[1], picture.shape[0])]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise Internal("A preview cannot be made", f"{sample.pixels.shape} as JPEG")
    (folder / f"{sample.info.index:06d}.jpg").write_bytes(jpeg.data)


def with_hashes(
    samples: Sequence[SampleInfo], found: Mapping[int, PdqHash]
) -> tuple[SampleInfo, ...]:
    """Samples with their perceptual hashes; ``found`` by index."""
    return tuple(
        replace(sample, pdq=found[sample.index].pdq, pdq_quality=found[sample.index].quality)
        if sample.index in found
        else sample
        for sample in samples
    )


def read_imprint(said: str) -> Codes:
    """A frame's imprint as its task tells it, in hex. Raises `Internal` when it is none."""
    try:
        codes = np.frombuffer(bytes.fromhex(said), np.uint8)
    except ValueError as error:
        raise nonsense("an imprint") from error
    if codes.size != PLANES * BLOCKS:
        raise nonsense("an imprint")
    return codes.reshape(PLANES, ROWS, COLUMNS)


def nonsense(what: str) -> Internal:
    """What a child said cannot be understood."""
    return Internal("The decoder's answer makes no sense", f"{what} cannot be read")
