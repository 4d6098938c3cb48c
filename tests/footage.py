"""Clips made for tests: every frame carries its number in its picture, so that a test can say which
source frame an output frame shows, whatever codec it went through.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from framegate.domain import serial
from framegate.domain.limits import SourceLimits
from framegate.domain.media import MediaFacts
from framegate.media.filters import Line, shape_of
from framegate.security.sandbox.limits import Limits
from framegate.testing.clips import steady
from framegate.testing.sandbox import InProcessSandbox

BITS = 10
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def numbered(number: int, width: int = 320, height: int = 180) -> NDArray[np.uint8]:
    """Luma of frame ``number``: its bits as tall light and dark columns, a slow ramp below."""
    luma = np.empty((height, width), np.uint8)
    luma[:] = (np.arange(width) // 4 + 60 + number % 7)[None, :].clip(16, 235)
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        luma[: height * 3 // 4, left:right] = 210 if number >> bit & 1 else 40
    return luma


def number_of(luma: NDArray[np.uint8]) -> int:
    """Read a frame's number back."""
    height, width = luma.shape
    rows = slice(height // 8, height * 5 // 8)
    return sum(
        1 << bit
        for bit in range(BITS)
        if luma[
            rows, (4 * bit + 1) * width // (4 * BITS) : (4 * bit + 3) * width // (4 * BITS)
        ].mean()
        > 125
    )


def grey(luma: NDArray[np.uint8]) -> VideoFrame:
    """A yuv420p frame without colour."""
    height, width = luma.shape
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = luma
    return VideoFrame.from_ndarray(planes, "yuv420p")


def pictures_of(clip: Path, count: int) -> list[VideoFrame]:
    """The first ``count`` pictures of a real clip, even in size, as yuv420p without flags."""
    found = []
    with av.open(str(clip)) as source:
        for frame in source.decode(video=0):
            width, height = frame.width & ~1, frame.height & ~1
            found.append(again(frame.reformat(width, height, "yuv420p")))
            if len(found) == count:
                break
    return found


def again(frame: VideoFrame) -> VideoFrame:
    """A yuv420p picture without the flags and times of ``frame``."""
    return VideoFrame.from_ndarray(frame.to_ndarray(), "yuv420p")


def woven(pictures: Sequence[VideoFrame], *, top_first: bool) -> list[VideoFrame]:
    """Interlaced frames: each takes one field of a picture and the other of the next one."""
    frames = []
    for first, second in zip(pictures[::2], pictures[1::2], strict=False):
        codes, later = first.to_ndarray(), second.to_ndarray()
        for plane, rows in _planes(first.width, first.height):
            codes[plane].reshape(rows)[1 if top_first else 0 :: 2] = later[plane].reshape(rows)[
                1 if top_first else 0 :: 2
            ]
        frames.append(VideoFrame.from_ndarray(codes, "yuv420p"))
    return frames


def _planes(width: int, height: int) -> list[tuple[slice, tuple[int, int]]]:
    """Rows of a yuv420p array that hold each plane, and the plane's own shape."""
    quarter = height // 4
    chroma = (height // 2, width // 2)
    return [
        (slice(0, height), (height, width)),
        (slice(height, height + quarter), chroma),
        (slice(height + quarter, height + 2 * quarter), chroma),
    ]


def telecined(pictures: Sequence[VideoFrame], *, top_first: bool = True) -> list[VideoFrame]:
    """Five frames for each four pictures, by 3:2 pulldown."""
    first = "top" if top_first else "bottom"
    steps = [("telecine", f"first_field={first}:pattern=23")]
    film = Fraction(24)
    line = Line(shape_of(pictures[0]), steps, time_base=1 / film, frame_rate=film)
    found: list[VideoFrame] = []
    for number, picture in enumerate(pictures):
        picture.pts, picture.time_base = number, 1 / film
        found += [again(frame) for frame in line.push(picture)]
    return found


def write(
    path: Path,
    frames: Iterable[VideoFrame],
    *,
    encoder: str = "libx264",
    rate: Fraction = Fraction(25),
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    options: Mapping[str, str] | None = None,
    tags: Mapping[str, int | Fraction] | None = None,
    sound: NDArray[np.float32] | None = None,
    sound_start: Fraction = Fraction(0),
    sample_rate: int = 48_000,
    sound_codec: str = "",
    drift: Fraction = Fraction(0),
) -> Path:
    """Encode ``frames`` (at ``pts`` in ``time_base``, else one after the other at ``rate``).

    ``sound`` is (channels, samples) of -1..1 and starts ``sound_start`` seconds after the video, in
    ``sound_codec`` (else PCM in Matroska, AAC elsewhere). ``drift``: how much faster the sound
    card's clock ran than the one that the timestamps are of, as a share.
    """
    base = time_base or 1 / rate
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(encoder, rate=rate, options=steady(encoder, options or {}))
        context = stream.codec_context
        context.time_base = base
        context.thread_count = 1
        for name, value in (tags or {}).items():
            setattr(context, name, value)
        audio: Any = None
        if sound is not None:
            usual = "pcm_s16le" if path.suffix == ".mkv" else "aac"
            audio = out.add_stream(sound_codec or usual, rate=sample_rate)
            audio.codec_context.layout = LAYOUTS[len(sound)]
            audio.codec_context.time_base = Fraction(1, sample_rate)
        for index, frame in enumerate(frames):
            if index == 0:
                context.width, context.height = frame.width, frame.height
                context.pix_fmt = frame.format.name
            frame.pts = pts[index] if pts is not None else index
            frame.time_base = base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if audio is not None and sound is not None:
            first = round(sound_start * sample_rate)
            for at in range(0, sound.shape[1], 1024):
                block = np.ascontiguousarray(sound[:, at : at + 1024], np.float32)
                piece = AudioFrame.from_ndarray(block, "fltp", LAYOUTS[len(sound)])
                piece.sample_rate = sample_rate
                piece.pts = round(first + at / (1 + drift))
                piece.time_base = Fraction(1, sample_rate)
                out.mux(audio.encode(piece))
            out.mux(audio.encode(None))
    return path


UNREFERENCED = {"bf": "3", "g": "72", "x264-params": "scenecut=0:b-adapt=0:b-pyramid=none"}
"""x264 options with P frames at 0, 4, 8 …: no other frame refers to the ones in between."""


def spliced(clips: Path, path: Path, *, place: int = 54) -> VideoFrame:
    """Write three seconds of a real clip in which one frame is another clip's; returns that one.

    By default it is a frame to which no other refers, between two samples.
    """
    frames = [frame.reformat(320, 180) for frame in pictures_of(clips / "bigbuckbunny.mp4", 72)]
    foreign = pictures_of(clips / "bikes.mp4", 16)[-1].reformat(320, 180)
    frames[place] = foreign
    write(path, map(again, frames), options=UNREFERENCED)
    return foreign


def facts_of(path: Path) -> MediaFacts:
    """What probe says of a clip."""
    with path.open("rb") as source:
        answer = InProcessSandbox().run(
            "framegate.media.probe:measure",
            {"name": path.name, "limits": serial.dump(SourceLimits())},
            fds={"source": source.fileno()},
            limits=Limits(),
        )
    return serial.load(MediaFacts, answer)


def lumas(path: Path) -> list[tuple[Fraction, NDArray[np.uint8]]]:
    """(seconds, luma) of every frame of the first video track."""
    with av.open(str(path)) as clip:
        return [
            (
                (frame.pts or 0) * Fraction(frame.time_base.numerator, frame.time_base.denominator),
                np.asarray(
                    frame.to_ndarray(format="gray8")
                    if frame.format.name != "yuv420p"
                    else frame.to_ndarray()[: frame.height],
                    np.uint8,
                ),
            )
            for frame in clip.decode(video=0)
        ]


def with_jump(path: Path, to: Path, at: Fraction, by: Fraction) -> Path:
    """A copy whose timestamps, of picture and sound, jump ``by`` seconds from ``at`` on."""
    with av.open(str(path)) as source, av.open(str(to), "w") as out:
        copies = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is None or packet.pts is None:
                continue
            base = Fraction(packet.time_base.numerator, packet.time_base.denominator)
            if packet.pts * base >= at:
                packet.pts += round(by / base)
                packet.dts += round(by / base)
            packet.stream = copies[packet.stream_index]
            out.mux(packet)
    return to


def with_matrix(path: Path, to: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A copy of an MP4 whose (first) track has the display matrix a, b, c, d (16.16 units)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: flags, times, id, duration, layer, volume
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    to.write_bytes(data)
    return to
