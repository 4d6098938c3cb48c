"""EBU R 128 loudness and silence of one audio track, by FFmpeg's own filters."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import av.error
import av.filter
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

SILENCE = "noise=-60dB:duration=2"  # silencedetect's own defaults
_QUIETEST = -70.0  # LUFS, the filter's absolute gate: what it says of silence


class Loudness:
    """Push the frames of one track, then `finish`."""

    def __init__(self) -> None:
        self._graph: Any = None
        self._layout: tuple[int, str, str] | None = None
        self._other: AudioResampler | None = None
        self._other_layout: tuple[int, str, str] | None = None
        self._silent_since: Fraction | None = None
        self.silence: list[tuple[Fraction, Fraction]] = []  # in the track's own seconds
        self.integrated: float | None = None  # LUFS

    def push(self, frame: AudioFrame) -> None:
        """One decoded frame; what has another layout than the first is converted to it."""
        layout = _layout(frame)
        if self._graph is None:
            self._layout = layout
            self._graph = _graph(frame)
        for uniform in [frame] if layout == self._layout else self._convert(frame, layout):
            self._graph.push(uniform)
            self._pull()

    def finish(self, end: Fraction) -> None:
        """The track ends at ``end`` s."""
        if self._graph is not None:
            self._graph.push(None)
            self._pull()
        if self._silent_since is not None:
            self.silence.append((self._silent_since, max(end, self._silent_since)))
            self._silent_since = None

    def _convert(self, frame: AudioFrame, layout: tuple[int, str, str]) -> list[AudioFrame]:
        assert self._layout is not None
        if self._other is None or self._other_layout != layout:
            rate, form, channels = self._layout
            self._other = AudioResampler(format=form, layout=channels, rate=rate)
            self._other_layout = layout
        return self._other.resample(frame)

    def _pull(self) -> None:
        while True:
            try:
                said: dict[str, str] = self._graph.pull().metadata
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if "lavfi.silence_start" in said:
                self._silent_since = _seconds(said["lavfi.silence_start"])
            if "lavfi.silence_end" in said and self._silent_since is not None:
                self.silence.append((self._silent_since, _seconds(said["lavfi.silence_end"])))
                self._silent_since = None
            if "lavfi.r128.I" in said:
                value = float(said["lavfi.r128.I"])
                self.integrated = max(value, _QUIETEST) if math.isfinite(value) else _QUIETEST


def _layout(frame: AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name


def _graph(frame: AudioFrame) -> Any:  # noqa: ANN401 - PyAV's Graph is untyped where it matters
    graph: Any = av.filter.Graph()
    last = graph.add_abuffer(
        sample_rate=frame.sample_rate,
        format=frame.format.name,
        layout=frame.layout.name,
        time_base=frame.time_base,
    )
    for name, options in (
        ("silencedetect", SILENCE),
        ("ebur128", "metadata=1"),
        ("abuffersink", ""),
    ):
        node = graph.add(name, options) if options else graph.add(name)
        last.link_to(node)
        last = node
    graph.configure()
    return graph


def _seconds(text: str) -> Fraction:
    return Fraction(text).limit_denominator(1_000_000)
