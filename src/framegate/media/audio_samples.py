"""Sandboxed task: decode one audio track once; loudness, silence, and on request its sound.

Request: ``index``, ``start`` (PTS of the video's first presented frame, seconds as a fraction),
``sound`` (whether blocks are wanted), ``max_pixels``. Messages: ``{"silence": [[start, end]]}``,
seconds as fractions from ``start``. Blocks in the ring: mono float32 at 16 kHz, as bytes in the
shape (1, bytes, 1), with ``{"start": seconds}``. Answer: see `decode`.

Mono is what a viewer hears, whatever the channels do to one another: their mean, and wherever that
is much quieter than one of them (opposite phases cancel out, a lone channel drowns) that channel.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from framegate.media.container import (
    Tally,
    audio_track,
    decode_packets,
    open_source,
    packets,
    time_base,
    vendor_errors,
)
from framegate.media.loudness import Loudness
from framegate.security.sandbox.call import Call

SOUND_RATE = 16_000  # Hz
BLOCK_S = 30
_BLOCK = BLOCK_S * SOUND_RATE  # samples
_WINDOW = SOUND_RATE // 2  # samples over which channels are compared
_DROWNED = 3.0  # a channel's energy over the mean's; two unlike channels have 2, a lone one 4
_LOUDEST = 8.0  # full scale is 1
_JUMP = Fraction(1, 10)  # s: a longer hole or overlap starts a new block
_SILENCES = 500  # a message


def decode(call: Call) -> dict[str, Any]:
    """Answer: ``loudness_lufs`` (None when nothing was heard), ``heard`` ([start, end] pairs of
    unbroken sound, at most 1,000), ``heard_s`` (of sound in all, a fraction), ``corrupt``
    (packets).
    """
    request = call.request
    start = Fraction(request["start"])
    tally = Tally()
    loudness = Loudness()
    with open_source(call.fd("source"), max_pixels=int(request["max_pixels"])) as container:
        stream = audio_track(container, int(request["index"]))
        stream.codec_context.thread_count = 1
        base = time_base(stream)
        track = _Track(call, start) if request["sound"] else None
        heard = _Heard(start)
        source = packets(container, stream, tally=tally)
        for frame in decode_packets(source, stream, tally=tally):
            assert frame.pts is not None  # decode_packets leaves out what has none
            at = frame.pts * base
            jumped = heard.note(at, Fraction(frame.samples, frame.sample_rate or 1))
            with vendor_errors("The sound cannot be measured"):
                loudness.push(frame)
                if track is not None:
                    track.push(frame, at, jumped=jumped)
        with vendor_errors("The sound cannot be measured"):
            loudness.finish(heard.end)
            if track is not None:
                track.finish()
    silence = [[str(first - start), str(end - start)] for first, end in loudness.silence]
    for first in range(0, len(silence), _SILENCES):
        call.emit({"silence": silence[first : first + _SILENCES]})
    return {
        "loudness_lufs": loudness.integrated,
        "heard": [[str(first), str(end)] for first, end in heard.stretches[:1000]],
        "heard_s": str(heard.total),
        "corrupt": tally.corrupt,
    }


class _Heard:
    """Unbroken stretches of sound, seconds from the video's first frame."""

    def __init__(self, start: Fraction) -> None:
        self._start = start
        self.end = Fraction(0)  # of the last frame, the track's own seconds
        self.stretches: list[list[Fraction]] = []
        self.total = Fraction(0)

    def note(self, at: Fraction, lasting: Fraction) -> bool:
        """Whether this frame does not follow the one before."""
        jumped = not self.stretches or abs(at - self.end) > _JUMP
        self.end = at + lasting
        self.total += lasting
        if jumped:
            self.stretches.append([at - self._start, self.end - self._start])
        else:
            self.stretches[-1][1] = self.end - self._start
        return jumped


class _Track:
    """Collects sound into blocks."""

    def __init__(self, call: Call, start: Fraction) -> None:
        self._call = call
        self._start = start
        self._resampler: AudioResampler | None = None
        self._layout: tuple[int, str, str] | None = None
        self._parts: list[NDArray[np.float32]] = []
        self._held = 0
        self._block_at = Fraction(0)

    def push(self, frame: AudioFrame, at: Fraction, *, jumped: bool) -> None:
        """``at``: the frame's time in the track's own seconds."""
        layout = (frame.sample_rate, frame.format.name, frame.layout.name)
        if self._resampler is None or jumped or layout != self._layout:
            self.finish()
            self._resampler = AudioResampler(format="flt", layout=frame.layout, rate=SOUND_RATE)
            self._layout = layout
            self._block_at = at - self._start
        self._keep(self._resampler.resample(frame))

    def finish(self) -> None:
        """Send what is held."""
        if self._resampler is not None:
            self._keep(self._resampler.resample(None))
            self._resampler = None
        self._send(self._held)

    def _keep(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            part = np.array(frame.to_ndarray().reshape(-1, frame.layout.nb_channels), np.float32)
            self._parts.append(part)
            self._held += len(part)
        while self._held >= _BLOCK:
            self._send(_BLOCK)

    def _send(self, samples: int) -> None:
        if not samples:
            return
        sound = np.concatenate(self._parts)
        block, rest = to_mono(sound[:samples]), sound[samples:]
        self._parts, self._held = ([rest] if len(rest) else []), len(rest)
        at, self._block_at = self._block_at, self._block_at + Fraction(samples, SOUND_RATE)
        self._call.put_frame(
            np.ascontiguousarray(block).view(np.uint8).reshape(1, -1, 1), {"start": str(at)}
        )


def to_mono(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """(samples, channels) to (samples,), so that nothing of any channel is lost."""
    # a hostile file can decode to NaN, and to numbers whose squares are too big
    sound = np.nan_to_num(sound, posinf=_LOUDEST, neginf=-_LOUDEST).clip(-_LOUDEST, _LOUDEST)
    mono = sound.mean(axis=1, dtype=np.float32)
    for first in range(0, len(sound), _WINDOW):
        part = sound[first : first + _WINDOW]
        energies = np.square(part, dtype=np.float64).sum(axis=0)
        loudest = int(energies.argmax())
        mean = np.square(mono[first : first + _WINDOW], dtype=np.float64).sum()
        if energies[loudest] > _DROWNED * mean:
            mono[first : first + _WINDOW] = part[:, loudest]
    return mono
