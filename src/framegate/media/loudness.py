"""EBU R 128 loudness and silence of one audio track, by FFmpeg's own filters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from framegate.media.audio_chain import AudioChain, Form, form_of

METERS = (
    ("silencedetect", "noise=-60dB:duration=2"),  # its own defaults
    ("ebur128", "metadata=1"),
)
_QUIETEST = -70.0  # LUFS, the filter's absolute gate: what it says of silence


class Loudness:
    """Push the frames of one track, then `finish`."""

    def __init__(self) -> None:
        self._chain: AudioChain | None = None
        self._form: Form | None = None
        self._other: AudioResampler | None = None
        self._other_form: Form | None = None
        self._silent_since: Fraction | None = None
        self.silence: list[tuple[Fraction, Fraction]] = []  # in the track's own seconds
        self.integrated: float | None = None  # LUFS

    def push(self, frame: AudioFrame) -> None:
        """One decoded frame; what has another layout than the first is converted to it."""
        form = form_of(frame)
        if self._chain is None:
            base = Fraction(frame.time_base.numerator, frame.time_base.denominator)
            self._chain, self._form = AudioChain(form, METERS, time_base=base), form
        for uniform in [frame] if form == self._form else self._convert(frame, form):
            self._note(self._chain.push(uniform))

    def finish(self, end: Fraction) -> None:
        """The track ends at ``end`` s."""
        if self._chain is not None:
            self._note(self._chain.push(None))
        if self._silent_since is not None:
            self.silence.append((self._silent_since, max(end, self._silent_since)))
            self._silent_since = None

    def _convert(self, frame: AudioFrame, form: Form) -> list[AudioFrame]:
        assert self._form is not None
        if self._other is None or self._other_form != form:
            rate, sample_format, channels = self._form
            self._other = AudioResampler(format=sample_format, layout=channels, rate=rate)
            self._other_form = form
        return self._other.resample(frame)

    def _note(self, told: Iterable[AudioFrame]) -> None:
        for each in told:
            said = each.metadata
            if "lavfi.silence_start" in said:
                self._silent_since = _seconds(said["lavfi.silence_start"])
            if "lavfi.silence_end" in said and self._silent_since is not None:
                self.silence.append((self._silent_since, _seconds(said["lavfi.silence_end"])))
                self._silent_since = None
            if "lavfi.r128.I" in said:
                value = float(said["lavfi.r128.I"])
                self.integrated = max(value, _QUIETEST) if math.isfinite(value) else _QUIETEST


def _seconds(text: str) -> Fraction:
    return Fraction(text).limit_denominator(1_000_000)
