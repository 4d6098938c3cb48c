"""Sandboxed task: decode the video track once; signals of every frame, previews of samples.

Request: `SampleRequest`. Messages, batched, each with what is new: ``{"frames": {"pts", "scene",
"luma", "motion"}, "cuts": [pts], "black": [[pts, pts]], "freeze": [[pts, pts]], "lost": [[pts,
pts]]}``. Frames in the ring: previews, with ``{"pts", "shot", "reason", "signals", "imprint"}``.
Answer: see `decode`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from av.video.frame import VideoFrame

from framegate.domain.sampling import Chooser, Chosen, Glance, SamplingRule
from framegate.errors import Undecodable
from framegate.media.alpha import Opaque
from framegate.media.container import open_source, time_base, video_track
from framegate.media.luma import LumaReader, Pooling, shrink
from framegate.media.presented import PresentedFrames
from framegate.media.preview import Look
from framegate.media.signals import FrameMeter
from framegate.media.snapshot import Snapshots
from framegate.security.sandbox.call import Call

_BATCH = 256  # frames a message: under 16 KiB of JSON


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """``start`` is the PTS of the first presented frame in seconds; ``skip`` lets the decoder
    leave out non-reference frames; ``samples`` false measures signals alone.
    """

    index: int
    start: Fraction
    look: Look
    rule: SamplingRule
    skip: bool
    max_pixels: int
    threads: int = 1
    samples: bool = True

    @classmethod
    def parse(cls, request: dict[str, Any]) -> SampleRequest:
        """From plain JSON, as `framegate.stages.screen.sample` writes it."""
        rule = dict(request["rule"])
        for name in ("max_gap", "settle", "spacing"):
            rule[name] = Fraction(rule[name])
        return cls(
            index=int(request["index"]),
            start=Fraction(request["start"]),
            look=Look.parse(request["look"]),
            rule=SamplingRule(**rule),
            skip=bool(request["skip"]),
            max_pixels=int(request["max_pixels"]),
            threads=int(request["threads"]),
            samples=bool(request.get("samples", True)),
        )


@dataclass(slots=True)
class _Batch:
    """Columns of frames measured since the last message."""

    call: Call
    meter: FrameMeter
    lost: list[tuple[int, int]]  # of the reader; grows
    pts: list[int] = field(default_factory=list)
    scene: list[float] = field(default_factory=list)
    luma: list[float] = field(default_factory=list)
    motion: list[float] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    black_sent: int = 0
    freeze_sent: int = 0
    lost_sent: int = 0

    def flush(self) -> None:
        black, freeze = self.meter.black, self.meter.freeze
        self.call.emit(
            {
                "frames": {
                    "pts": self.pts,
                    "scene": self.scene,
                    "luma": self.luma,
                    "motion": self.motion,
                },
                "cuts": self.cuts,
                "black": black[self.black_sent :],
                "freeze": freeze[self.freeze_sent :],
                "lost": self.lost[self.lost_sent :],
            }
        )
        self.black_sent, self.freeze_sent = len(black), len(freeze)
        self.lost_sent = len(self.lost)
        self.pts, self.scene, self.luma, self.motion, self.cuts = [], [], [], [], []


def decode(call: Call) -> dict[str, Any]:
    """Answer: ``decoded`` (frames), ``sampled``, ``packets``, ``corrupt``, ``untimed``,
    ``misordered``, ``skipped`` (non-reference frames were left out to the end), ``why_full``,
    ``stopped_early``, ``first`` and ``last`` (PTS).

    Raises `Undecodable` (no frame came out), and what opening raises.
    """
    ask = SampleRequest.parse(call.request)
    fd = call.fd("source")
    with open_source(fd, max_pixels=ask.max_pixels, threads=ask.threads) as container:
        stream = video_track(container, ask.index)
        frames = PresentedFrames(
            container, stream, start=ask.start, max_gap=ask.rule.max_gap, skip=ask.skip
        )
        work = _Work(call, ask, time_base(stream), frames.lost)
        opaque = Opaque(full_range=ask.look.full_range)
        for frame in frames:
            work.look(opaque.show(frame))
        first, last = work.finish()
    tally = frames.tally
    return {
        "decoded": frames.decoded,
        "sampled": work.sampled,
        "packets": tally.packets,
        "corrupt": tally.corrupt,
        "untimed": tally.untimed,
        "misordered": frames.misordered,
        "skipped": frames.skipping,
        "why_full": frames.why_full,
        "stopped_early": tally.stopped_early,
        "first": first,
        "last": last,
    }


class _Work:
    """What is done with each frame of one call."""

    def __init__(
        self, call: Call, ask: SampleRequest, base: Fraction, lost: list[tuple[int, int]]
    ) -> None:
        self._call = call
        self._ask = ask
        self._reader = LumaReader(full_range=ask.look.full_range)
        self._pooling = Pooling()
        self._meter = FrameMeter(base)
        self._batch = _Batch(call, self._meter, lost)
        self._chooser: Chooser[VideoFrame] = Chooser(ask.rule, base)
        self._shots = Snapshots(ask.look)
        self._first: int | None = None
        self._last = 0
        self._step = 0  # the last interval between frames, PTS
        self.sampled = 0

    def look(self, frame: VideoFrame) -> None:
        """Measure one frame; send the samples that it settles."""
        pts = frame.pts
        assert pts is not None  # PresentedFrames yields none without
        luma = self._reader.read(frame)
        tiny = shrink(luma)
        measured = self._meter.measure(pts, tiny, full_range=luma.full_range)
        if self._first is None:
            self._first = pts
        else:
            self._step = pts - self._last
        self._last = pts
        batch = self._batch
        batch.pts.append(pts)
        batch.scene.append(round(measured.scene, 2))
        batch.luma.append(round(measured.luma, 1))
        batch.motion.append(round(measured.motion, 2))
        if measured.cut:
            batch.cuts.append(pts)
        if self._ask.samples:
            glance = Glance(pts, measured.cut, self._pooling.signature(tiny))
            self._send(self._chooser.offer(glance, frame))
        if len(batch.pts) >= _BATCH:
            batch.flush()

    def finish(self) -> tuple[int, int]:
        """First and last PTS; raises `Undecodable` when there was no frame."""
        if self._first is None:
            raise Undecodable("The video track cannot be decoded", "no frame came out")
        self._send(self._chooser.finish())
        self._meter.finish(self._last + self._step)
        self._batch.flush()
        return self._first, self._last

    def _send(self, chosen: list[Chosen[VideoFrame]]) -> None:
        for choice in chosen:
            pixels, said = self._shots.take(choice.frame)
            said |= {"shot": choice.shot, "reason": choice.reason.value}
            self._call.put_frame(pixels, said)
            self.sampled += 1
