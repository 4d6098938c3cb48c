"""A short film with several sound tracks, for tests of what is screened, named and published."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.stream import Disposition

import footage

RATE = 48_000
BLOCK = 1536  # a frame of AC-3, and whole milliseconds
PLAIN = Disposition(0)


@dataclass(frozen=True, slots=True)
class Track:
    """``broken``: its packets are noise, which no decoder takes."""

    codec: str = "aac"
    layout: str = "stereo"
    language: str = ""
    purpose: Disposition = PLAIN
    hertz: int = 440
    broken: bool = False


def film(path: Path, tracks: tuple[Track, ...], seconds: int = 6) -> Path:
    """Numbered frames at 25 a second, and a tone in every channel of each track."""
    with av.open(str(path), "w") as out:
        picture: Any = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = 320, 180, "yuv420p"
        streams: list[Any] = []
        for track in tracks:
            stream: Any = out.add_stream(track.codec, rate=RATE)
            stream.layout = track.layout
            stream.disposition = track.purpose
            if track.language:
                stream.metadata["language"] = track.language
            streams.append(stream)
        for number in range(25 * seconds):
            frame = footage.grey(footage.numbered(number))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        for track, stream in zip(tracks, streams, strict=True):
            _sound(out, track, stream, seconds)
    return path


def _sound(out: Any, track: Track, stream: Any, seconds: int) -> None:
    noise = np.random.default_rng(5)
    channels = stream.codec_context.layout.nb_channels
    packets: list[Packet[Any]] = []
    for at in range(0, seconds * RATE, BLOCK):
        wave = 0.1 * np.sin(2 * np.pi * track.hertz * np.arange(at, at + BLOCK) / RATE)
        block = np.tile(wave.astype(np.float32), (channels, 1))
        frame = AudioFrame.from_ndarray(block, "fltp", stream.codec_context.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
        packets += stream.encode(frame)
    packets += stream.encode(None)
    for packet in packets:
        if track.broken:
            ruined = Packet(noise.bytes(packet.size))
            ruined.stream, ruined.time_base = stream, packet.time_base
            ruined.pts, ruined.dts, ruined.duration = packet.pts, packet.dts, packet.duration
            out.mux(ruined)
        else:
            out.mux(packet)
