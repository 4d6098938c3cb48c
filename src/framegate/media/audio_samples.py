"""Sandboxed task: decode one audio track once; loudness, silence, and on request its sound.

Request: `ListenWork`. Messages: ``{"silence": [[start, end]]}``, seconds as fractions from the
video's first frame. Blocks in the ring: mono float32 at `SOUND_RATE`, as bytes in the shape
(1, bytes, 1), with ``{"start": seconds}``. Answer: `ListenDone`.

Mono is what a viewer hears, whatever the channels do to one another: all of them added up, one that
is in opposite phase to those before it turned over, as loud as the loudest of them.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from framegate.domain import serial
from framegate.domain.decoding import BLOCK_S, SOUND_RATE, ListenDone, ListenWork
from framegate.media.audio_chain import Form, form_of
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

_BLOCK = BLOCK_S * SOUND_RATE  # samples
_WINDOW = SOUND_RATE // 2  # samples over which channels are compared
_OPPOSITE = -0.25  # correlation from which a channel is turned over; unlike channels have none
_LOUDEST = 8.0  # full scale is 1
_JUMP = Fraction(1, 10)  # s: a longer hole or overlap starts a new block
_SILENCES = 500  # a message

serial.prepare(ListenWork, ListenDone)


def decode(call: Call) -> dict[str, Any]:
    """Raises `Undecodable` when the track is not there or cannot be measured, `MediaLimit`."""
    work = serial.load(ListenWork, call.request)
    tally = Tally()
    loudness = Loudness()
    with open_source(call.fd("source"), max_pixels=work.max_pixels) as container:
        stream = audio_track(container, work.index)
        stream.codec_context.thread_count = 1
        base = time_base(stream)
        track = _Track(call, work.start) if work.sound else None
        heard = _Heard()
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
    silence = [[str(first - work.start), str(end - work.start)] for first, end in loudness.silence]
    for first in range(0, len(silence), _SILENCES):
        call.emit({"silence": silence[first : first + _SILENCES]})
    return serial.dump(
        ListenDone(
            loudness_lufs=loudness.integrated,
            heard_s=heard.total,
            corrupt_packets=tally.corrupt,
        )
    )


class _Heard:
    """How much sound there was, and whether it goes on without a jump; the track's own seconds."""

    def __init__(self) -> None:
        self.end = Fraction(0)  # of the last frame
        self.total = Fraction(0)

    def note(self, at: Fraction, lasting: Fraction) -> bool:
        """Whether this frame does not follow the one before."""
        jumped = abs(at - self.end) > _JUMP
        self.end = at + lasting
        self.total += lasting
        return jumped


class _Track:
    """Collects sound into blocks."""

    def __init__(self, call: Call, start: Fraction) -> None:
        self._call = call
        self._start = start
        self._resampler: AudioResampler | None = None
        self._form: Form | None = None
        self._parts: list[NDArray[np.float32]] = []
        self._held = 0
        self._block_at = Fraction(0)

    def push(self, frame: AudioFrame, at: Fraction, *, jumped: bool) -> None:
        """``at``: the frame's time in the track's own seconds."""
        form = form_of(frame)
        if self._resampler is None or jumped or form != self._form:
            self.finish()
            self._resampler = AudioResampler(format="flt", layout=frame.layout, rate=SOUND_RATE)
            self._form = form
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
    """(samples, channels) to (samples,), so that no channel is lost: neither by what another one
    plays, nor for being one of many.
    """
    # a hostile file can decode to NaN, and to numbers whose squares are too big
    sound = np.nan_to_num(sound, posinf=_LOUDEST, neginf=-_LOUDEST).clip(-_LOUDEST, _LOUDEST)
    mono = np.empty(len(sound), np.float32)
    for first in range(0, len(sound), _WINDOW):
        mono[first : first + _WINDOW] = _mixed(sound[first : first + _WINDOW])
    return mono


def _mixed(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """One window of `to_mono`."""
    mix = np.zeros(len(part), np.float32)
    loudest = energy = 0.0
    for channel in part.T:
        own, shared = _product(channel, channel), _product(mix, channel)
        turned = shared < _OPPOSITE * math.sqrt(energy * own)
        mix = mix - channel if turned else mix + channel
        loudest, energy = max(loudest, own), _product(mix, mix)
    scale = math.sqrt(loudest / energy) if energy else 1.0
    return mix * np.float32(scale)


def _product(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.dot(one.astype(np.float64), other.astype(np.float64)))
