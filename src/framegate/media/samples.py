"""Sandboxed task: decode the video track once; signals of every frame, previews of samples.

Request: `SampleWork`. Messages, batched, each with what is new: ``{"frames": {"pts", "scene",
"luma", "motion"}, "cuts": [pts], "black": [[pts, pts]], "freeze": [[pts, pts]], "lost": [[pts,
pts]]}``. Frames in the ring: previews, with ``{"pts", "shot", "reason", "signals", "imprint"}``.
Answer: `SampleDone`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from framegate.domain import serial
from framegate.domain.decoding import SampleDone, SampleWork
from framegate.domain.sampling import Chooser, Chosen
from framegate.errors import Undecodable
from framegate.media.alpha import Opaque
from framegate.media.container import open_source, time_base, video_track
from framegate.media.luma import SIGNATURE, Luma, LumaReader, Pooling, Tiny, fields_of, shrink
from framegate.media.presented import PresentedFrames
from framegate.media.preview import View
from framegate.media.signals import FrameMeter, Measured
from framegate.media.snapshot import Snapshots
from framegate.security.sandbox.call import Call

TORN = 30.0
"""Mean difference of the fields' block means, luma levels, from which they are two pictures.
Measured: 14 at most where each field of sport is 40 ms later than the one before, 52 at least of
two clips."""

_BATCH = 256  # frames a message: under 16 KiB of JSON

serial.prepare(SampleWork, SampleDone)

type _Shown = tuple[VideoFrame, Tiny]


@dataclass(slots=True)
class _Batch:
    """Columns of frames measured since the last message."""

    call: Call
    meter: FrameMeter
    lost: list[tuple[int, int]]  # of the reader; grows
    pts: list[int] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    black_sent: int = 0
    freeze_sent: int = 0
    lost_sent: int = 0

    def flush(self) -> None:
        black, freeze = self.meter.black, self.meter.freeze
        self.call.emit(
            {
                "frames": {
                    "pts": self.pts,
                    "scene": [round(one.scene, 2) for one in self.measured],
                    "luma": [round(one.luma, 1) for one in self.measured],
                    "motion": [round(one.motion, 2) for one in self.measured],
                },
                "cuts": [pts for pts, one in zip(self.pts, self.measured, strict=True) if one.cut],
                "black": black[self.black_sent :],
                "freeze": freeze[self.freeze_sent :],
                "lost": self.lost[self.lost_sent :],
            }
        )
        self.black_sent, self.freeze_sent = len(black), len(freeze)
        self.lost_sent = len(self.lost)
        self.pts, self.measured = [], []


def decode(call: Call) -> dict[str, Any]:
    """Raises `Undecodable` (no frame came out), and what opening raises."""
    work = serial.load(SampleWork, call.request)
    video = work.video
    with open_source(call.fd("source"), max_pixels=video.decoder_pixels) as container:
        stream = video_track(container, video.index)
        frames = PresentedFrames(
            container, stream, start=video.start, max_gap=work.rule.max_gap, skip=work.skip
        )
        looking = _Looking(call, work, time_base(stream), frames.lost)
        opaque = Opaque(full_range=video.colour.full_range)
        for frame in frames:
            looking.look(opaque.show(frame))
        last = looking.finish()
    tally = frames.tally
    return serial.dump(
        SampleDone(
            decoded=frames.decoded,
            sampled=looking.sampled,
            packets=tally.packets,
            corrupt=tally.corrupt,
            untimed=tally.untimed,
            misordered=frames.misordered,
            skipped=frames.skipping,
            why_full=frames.why_full,
            last=last,
            torn=looking.torn,
        )
    )


def torn(luma: Luma, pooling: Pooling) -> bool:
    """Whether a frame's two fields are unlike pictures: woven, neither can be recognised."""
    if luma.plane.shape[0] < 2 * SIGNATURE[0]:
        return False
    top, bottom = (pooling.signature(tiny) for tiny in fields_of(luma))
    return float(np.abs(top - bottom).mean()) > TORN


class _Looking:
    """What is done with each frame of one call."""

    def __init__(
        self, call: Call, work: SampleWork, base: Fraction, lost: list[tuple[int, int]]
    ) -> None:
        self._call = call
        self._reader = LumaReader(full_range=work.video.colour.full_range)
        self._pooling = Pooling()
        self._meter = FrameMeter(base)
        self._batch = _Batch(call, self._meter, lost)
        self._chooser: Chooser[_Shown] = Chooser(
            work.rule, base, lambda shown: self._pooling.signature(shown[1])
        )
        self._shots = Snapshots(View.of(work.video))
        self._last: int | None = None
        self._step = 0  # the last interval between frames, PTS
        self._fields = Pooling() if work.video.may_be_interlaced else None
        self.sampled = 0
        self.torn = 0

    def look(self, frame: VideoFrame) -> None:
        """Measure one frame; send the samples that it settles."""
        pts = frame.pts
        assert pts is not None  # PresentedFrames yields none without
        luma = self._reader.read(frame)
        tiny = shrink(luma)
        measured = self._meter.measure(pts, tiny, full_range=luma.full_range)
        if self._fields is not None and torn(luma, self._fields):
            self.torn += 1
        if self._last is not None:
            self._step = pts - self._last
        self._last = pts
        batch = self._batch
        batch.pts.append(pts)
        batch.measured.append(measured)
        self._send(self._chooser.offer((frame, tiny), pts, cut=measured.cut))
        if len(batch.pts) >= _BATCH:
            batch.flush()

    def finish(self) -> int:
        """The last PTS; raises `Undecodable` when there was no frame."""
        if self._last is None:
            raise Undecodable("The video track cannot be decoded", "no frame came out")
        self._send(self._chooser.finish())
        self._meter.finish(self._last + self._step)
        self._batch.flush()
        return self._last

    def _send(self, chosen: list[Chosen[_Shown]]) -> None:
        for choice in chosen:
            pixels, said = self._shots.take(choice.frame[0])
            said |= {"shot": choice.shot, "reason": choice.reason.value}
            self._call.put_frame(pixels, said)
            self.sampled += 1
