"""Clips made on the spot: small, exact, the same bytes every time.

Outside `framegate.media`, tests alone import ``av``: they need a writer. Every frame is
drawn from its index alone, so what a decoder should show is known: `frame_index_of` reads the
index back from the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from framegate.media.encoders import x264_instructions

BITS = 12
"""Frame indices are drawn as this many black or white squares along the top edge."""

PALETTE = ((40, 90, 200), (200, 60, 40), (50, 170, 70), (210, 190, 40), (120, 50, 160))

_CAPTIONS = b"\0\0\1\xb2GA94\x03" + bytes.fromhex("c2fffc942cfd8080ff")
"""A user data unit with two caption pairs: "erase displayed memory", and padding."""

_CODEC_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "ultrafast", "crf": "23", "bf": "2", "threads": "1"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:frame-threads=1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "30", "threads": "1"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "threads": "1"},
    "libsvtav1": {"preset": "12", "svtav1-params": "lp=1"},
    "mpeg2video": {"qmin": "2", "qmax": "8", "bf": "2"},
    "mpeg4": {"qmin": "2", "qmax": "8"},
}


@dataclass(frozen=True, slots=True)
class Tone:
    """An audio track: a sine on every channel."""

    codec: str = "aac"
    sample_rate: int = 48_000
    layout: str = "stereo"
    language: str = ""
    hertz: float = 440.0


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """What to make. Times in seconds; ``rotation`` turns the shown picture clockwise."""

    size: tuple[int, int] = (320, 180)
    fps: Fraction = Fraction(25)
    seconds: Fraction = Fraction(2)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    audio: Sequence[Tone] = ()
    rotation: int = 0
    flip: bool = False  # mirrored left-right before the turn
    vfr: bool = False  # every third frame is dropped and the second half runs at half rate
    cuts: Sequence[Fraction] = ()  # times at which the scene changes
    gop: int = 25
    sample_aspect: Fraction = Fraction(1)
    start: Fraction = Fraction(0)  # PTS of the first frame
    interlaced: bool = False
    colour: tuple[int, int, int, int] = (2, 2, 2, 0)  # H.273 primaries, transfer, matrix; range
    codec_options: dict[str, str] = field(default_factory=dict)
    mux_options: dict[str, str] = field(default_factory=dict)
    captions: bool = False  # CEA-608 in the picture; MPEG-2 alone
    time_base: Fraction | None = None  # of the encoder; default 1 / (fps x 512)


def frame_times(spec: ClipSpec) -> list[Fraction]:
    """Presentation times of the clip's frames, from zero."""
    count = max(1, int(spec.seconds * spec.fps))
    times = [n / spec.fps for n in range(count)]
    if not spec.vfr:
        return times
    half = count // 2
    kept = [t for n, t in enumerate(times[:half]) if n % 3 != 1]
    return kept + [times[n] for n in range(half, count, 2)]


def draw(index: int, scene: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Frame ``index`` as (height, width, 3) RGB: a moving bar on a scene's gradient, index on top.

    The left third is darker than the right, so mirrored and turned pictures tell themselves apart.
    """
    width, height = size
    x = np.linspace(0.4, 1.0, width, dtype=np.float32)[None, :, None]
    y = np.linspace(1.0, 0.7, height, dtype=np.float32)[:, None, None]
    colour = np.array(PALETTE[scene % len(PALETTE)], dtype=np.float32)[None, None, :]
    picture = (x * y * colour).astype(np.uint8)
    if scene % 2:
        cells = (np.arange(height)[:, None] // 16 + np.arange(width)[None, :] // 16) % 2
        picture[cells == 1] //= 2
    bar = max(2, width // 20)
    left = (index * max(1, width // 80)) % max(1, width - bar)
    picture[height // 3 : height // 2, left : left + bar] = (250, 250, 250)
    side = width // (BITS + 2)
    if side >= 4:  # noqa: PLR2004 - smaller squares do not survive encoding
        for bit in range(BITS):
            value = 235 if index >> (BITS - 1 - bit) & 1 else 16
            picture[:side, (bit + 1) * side : (bit + 2) * side] = value
    return picture


def frame_index_of(picture: NDArray[np.uint8]) -> int:
    """The index drawn on a decoded (height, width, 3) frame of any size of the same aspect."""
    side = picture.shape[1] / (BITS + 2)
    row = picture[int(side * 0.5)].astype(np.int32).mean(axis=-1)
    value = 0
    for bit in range(BITS):
        value = value << 1 | int(row[int((bit + 1.5) * side)] > 125)  # noqa: PLR2004 - mid grey
    return value


def make_clip(path: Path, spec: ClipSpec | None = None, **changes: Any) -> Path:  # noqa: ANN401 - fields of ClipSpec
    """Write the clip; the container follows the name's extension. Returns ``path``."""
    wanted = spec or ClipSpec()
    if changes:
        wanted = ClipSpec(**{n: getattr(wanted, n) for n in ClipSpec.__slots__} | changes)
    options = {"fflags": "+bitexact"} | wanted.mux_options
    with av.open(str(path), "w", options=options) as out:
        video = _add_video(out, wanted)
        tones = [(tone, _add_audio(out, tone)) for tone in wanted.audio]
        for packet in _video_packets(video, wanted):
            out.mux(_with_captions(packet) if wanted.captions else packet)
        for tone, stream in tones:
            out.mux(_audio_packets(stream, tone, wanted))
    return path


def passed_on(clip: Path, path: Path, height: int = 240) -> Path:
    """Write a clip again as others pass it on: ``height`` lines, coarser, in other GOPs, silent."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        track = source.streams.video[0]
        options = steady("libx264", {"crf": "30"})
        stream: Any = out.add_stream("libx264", rate=track.average_rate, options=options)
        width = 2 * round(track.width * height / track.height / 2)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in source.decode(track):
            small: Any = frame.reformat(width, height, "yuv420p")
            small.pict_type = 0  # the encoder's choice, not the source's
            out.mux(stream.encode(small))
        out.mux(stream.encode())
    return path


def steady(encoder: str, options: Mapping[str, str]) -> dict[str, str]:
    """An encoder's options, so that it makes the same clip each time."""
    if encoder != "libx264":
        return dict(options)
    own = [f"{name}={value}" for name, value in x264_instructions().items()]
    said = ":".join(filter(None, [options.get("x264-params", ""), *own]))
    return dict(options) | ({"x264-params": said} if said else {})


def _add_video(out: OutputContainer, spec: ClipSpec) -> VideoStream:
    width, height = spec.size
    options = _CODEC_OPTIONS.get(spec.codec, {}) | dict(spec.codec_options)
    if spec.interlaced:
        options |= {"flags": "+ildct+ilme", "field_order": "tt"}
        if spec.codec == "libx264":
            options |= {"x264-params": "interlaced=1:tff=1"}
    stream: Any = out.add_stream(spec.codec, rate=spec.fps, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, spec.pixel_format
    stream.codec_context.time_base = spec.time_base or 1 / (spec.fps * 512)
    if spec.codec in {"mpeg2video", "mpeg4"}:  # their clock is the frame rate
        stream.codec_context.time_base = 1 / spec.fps
    stream.codec_context.gop_size = spec.gop
    if spec.sample_aspect != 1:
        stream.codec_context.sample_aspect_ratio = spec.sample_aspect
    primaries, transfer, matrix, colour_range = spec.colour
    stream.codec_context.color_primaries = primaries
    stream.codec_context.color_trc = transfer
    stream.codec_context.colorspace = matrix
    stream.codec_context.color_range = colour_range
    if spec.rotation or spec.flip:
        stream.set_display_matrix(display_matrix(spec.rotation, flip=spec.flip))
    return stream  # type: ignore[no-any-return]


def display_matrix(clockwise_deg: int, *, flip: bool = False) -> list[int]:
    """The 3 x 3 matrix of a ``tkhd`` box (16.16, last column 2.30): mirror first, then turn."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[clockwise_deg % 360]
    mirror = -1 if flip else 1
    one = 1 << 16
    return [mirror * cos * one, mirror * sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30]


def _video_packets(stream: VideoStream, spec: ClipSpec) -> Iterable[Any]:
    clock = stream.codec_context.time_base
    base = Fraction(clock.numerator, clock.denominator)
    cuts = sorted(spec.cuts)
    for index, time in enumerate(frame_times(spec)):
        scene = sum(1 for cut in cuts if time >= cut)
        rgb = VideoFrame.from_ndarray(draw(index, scene, spec.size), format="rgb24")
        matrix = "ITU709" if spec.colour[2] == 1 else None
        frame = rgb.reformat(format=spec.pixel_format, dst_colorspace=matrix)
        frame.pts = round((time + spec.start) / base)
        frame.time_base = base
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _with_captions(packet: Any) -> Any:  # noqa: ANN401 - PyAV's Packet
    """The same MPEG-2 picture with ATSC caption data (A/53 part 4) before its first slice."""
    data = bytes(packet)
    first_slice = data.index(b"\0\0\1\1")
    again: Any = Packet(data[:first_slice] + _CAPTIONS + data[first_slice:])
    again.stream, again.is_keyframe = packet.stream, packet.is_keyframe
    again.pts, again.dts, again.duration = packet.pts, packet.dts, packet.duration
    again.time_base = packet.time_base
    return again


def _add_audio(out: OutputContainer, tone: Tone) -> AudioStream:
    stream = out.add_stream(tone.codec, rate=tone.sample_rate, layout=tone.layout)
    if not isinstance(stream, AudioStream):
        raise TypeError(f"{tone.codec} is not an audio codec")
    if tone.language:
        stream.metadata["language"] = tone.language
    return stream


def _audio_packets(stream: AudioStream, tone: Tone, spec: ClipSpec) -> list[Any]:
    total = int(spec.seconds * tone.sample_rate)
    context: Any = stream.codec_context
    step = context.frame_size or 1024
    channels = context.layout.nb_channels
    found: list[Any] = []
    for first in range(0, total, step):
        n = np.arange(first, min(first + step, total))
        wave = 0.25 * np.sin(2 * np.pi * tone.hertz * n / tone.sample_rate)
        samples = np.tile(wave.astype(np.float32), (channels, 1))
        frame = AudioFrame.from_ndarray(samples, format="fltp", layout=tone.layout)
        frame.sample_rate = tone.sample_rate
        frame.pts = first + int(spec.start * tone.sample_rate)
        frame.time_base = Fraction(1, tone.sample_rate)
        if context.format.name != "fltp":
            resampler = av.AudioResampler(format=context.format.name, layout=tone.layout)
            for converted in resampler.resample(frame):
                found += stream.encode(converted)
        else:
            found += stream.encode(frame)
    return found + stream.encode(None)
