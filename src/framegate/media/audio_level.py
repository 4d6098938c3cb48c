"""Measure loudness and true peak: of a track as it will be encoded, and of what was encoded.

ITU-R BS.1770-4 and EBU R 128 by FFmpeg's ``ebur128``; true peaks at four times the rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from av.audio.frame import AudioFrame

from framegate.domain import serial
from framegate.domain.encoding import AudioWork, Measured
from framegate.domain.sound import Level, Levelling
from framegate.errors import Undecodable
from framegate.media.audio_chain import AudioChain, form_of
from framegate.media.audio_stream import sound
from framegate.media.container import (
    WORK_FORMATS,
    Tally,
    audio_track,
    decode_packets,
    open_source,
    packets,
    vendor_errors,
)
from framegate.security.sandbox import Call

BLOCK = 4096  # samples handed over at once
GATE_LUFS = -70.0  # what the filter says while nothing has passed the absolute gate
STEPS_A_SECOND = 10  # the filter tells once for each whole 100 ms
CANNOT = "The sound cannot be measured"

serial.prepare(AudioWork, Measured)


def source(call: Call) -> dict[str, Any]:
    """Task: an `AudioWork` and descriptor ``source`` to `Measured`, before any levelling.

    Raises `Undecodable` when nothing can be heard of it.
    """
    work = serial.load(AudioWork, call.request)
    tally = Tally()
    with (
        open_source(call.fd("source"), max_pixels=work.max_pixels) as container,
        vendor_errors(CANNOT),
    ):
        level = _level(sound(container, work, BLOCK, tally, Levelling()))
    if not tally.frames:
        raise Undecodable("The audio track cannot be decoded")
    return serial.dump(Measured(level, tally.frames, tally.corrupt))


def encoded(call: Call) -> dict[str, Any]:
    """Task: the same of a finished track, descriptor ``track``, as a player decodes it."""
    work = serial.load(AudioWork, call.request)
    tally = Tally()
    with open_source(
        call.fd("track"), max_pixels=work.max_pixels, formats=WORK_FORMATS
    ) as container:
        stream = audio_track(container, 0)
        frames = decode_packets(packets(container, stream, tally=tally), stream, tally=tally)
        with vendor_errors(CANNOT):
            level = _level(frames)
    return serial.dump(Measured(level, tally.frames, tally.corrupt))


def _level(frames: Iterable[AudioFrame]) -> Level:
    chain: AudioChain | None = None
    loudness, peak = GATE_LUFS, 0.0

    def note(told: Iterable[AudioFrame]) -> None:
        nonlocal loudness, peak
        for each in told:
            said = each.metadata
            loudness = _number(said.get("lavfi.r128.I"), loudness)
            peak = max(peak, _number(said.get("lavfi.r128.true_peak"), peak))

    for frame in frames:
        tick = Fraction(1, frame.sample_rate)
        if chain is None:
            # silence for a step more, or the last one, not whole, would go untold
            pad = ("apad", f"pad_len={frame.sample_rate // STEPS_A_SECOND}")
            meter = ("ebur128", "metadata=1:peak=true")
            chain = AudioChain(form_of(frame), [pad, meter], time_base=tick)
        frame.time_base = tick
        note(chain.push(frame))
    if chain is not None:
        note(chain.push(None))
    return Level(
        integrated_lufs=loudness if loudness > GATE_LUFS else None,
        true_peak_dbtp=20 * math.log10(peak) if peak > 0 else None,
    )


def _number(text: str | None, otherwise: float) -> float:
    value = float(text) if text is not None else otherwise
    return value if math.isfinite(value) else otherwise
