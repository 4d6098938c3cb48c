"""Files that mean harm or are broken: one maker for each item of the hostile list.

Each is small to make and to keep. `HOSTILE` names them with the error that taking them in must
end in (None: it must work).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.frame import VideoFrame

from framegate.testing import mp4
from framegate.testing.clips import Tone, make_clip

SHORT = Fraction(1)
BOMB_FRAMES = 2_000
BOMB_SIZE = (3840, 2160)
_SHOW_AGAIN = bytes([0b10_00_1_000, 0])
"""A VP9 frame header: marker 2, profile 0, show_existing_frame, slot 0. It decodes to a picture."""


@dataclass(frozen=True, slots=True)
class Hostile:
    """``make`` writes the file at the path that it is given. ``code``: the error's, or None."""

    name: str  # of the file
    make: Callable[[Path], None]
    code: str | None


def text(path: Path) -> None:
    """A text file with a video's name."""
    path.write_text("This is a letter, not a video.\n" * 40)


def noise(path: Path) -> None:
    """Bytes without any structure."""
    path.write_bytes(np.random.default_rng(7).bytes(200_000))


def empty(path: Path) -> None:
    """Nothing."""
    path.write_bytes(b"")


def playlist(path: Path) -> None:
    """An HLS playlist that points to a local file."""
    path.write_text(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXTINF:10.0,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    )


def dash_manifest(path: Path) -> None:
    """A DASH manifest that points elsewhere."""
    path.write_text(
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
        "<BaseURL>file:///etc/</BaseURL></Period></MPD>\n"
    )


def ffconcat(path: Path) -> None:
    """A concat script by its magic."""
    path.write_text("ffconcat version 1.0\nfile '/etc/passwd'\n")


def concat(path: Path) -> None:
    """A concat script without magic."""
    path.write_text("# parts\nfile '/etc/passwd'\nfile '/etc/group'\n")


def sdp(path: Path) -> None:
    """A session description: a reader would listen to the network."""
    path.write_text(
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    )


def external_reference(path: Path) -> None:
    """An MP4 whose media data is said to lie in another file."""
    make_clip(path, seconds=SHORT)
    reference = mp4.full_box(b"url ", b"file:///etc/passwd\0")
    path.write_bytes(
        mp4.replace(path.read_bytes(), b"dref", lambda p: p[:4] + struct.pack(">I", 1) + reference)
    )


def truncated(path: Path) -> None:
    """The index is in front, the second half of the pictures is gone."""
    make_clip(path, seconds=Fraction(4), audio=[Tone()], mux_options={"movflags": "+faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def headless(path: Path) -> None:
    """The index lay at the end, and the end is gone."""
    make_clip(path, seconds=SHORT)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def truncated_matroska(path: Path) -> None:
    """A Matroska file cut in the middle."""
    make_clip(path, seconds=Fraction(4))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def huge_picture(path: Path) -> None:
    """A header that claims 30,000 x 30,000 pixels."""
    make_clip(path, seconds=SHORT)

    def change(payload: bytes) -> bytes:
        return mp4.put(payload, 8 + 8 + 24, "HH", 30_000, 30_000)

    path.write_bytes(mp4.replace(path.read_bytes(), b"stsd", change))


def huge_picture_in_stream(path: Path) -> None:
    """The container is modest; the pictures themselves (JPEG) claim 30,000 x 30,000."""
    make_clip(path, seconds=Fraction(1, 5), codec="mjpeg", pixel_format="yuvj420p")
    data = bytearray(path.read_bytes())
    at = data.find(b"\xff\xc0")
    while at >= 0:  # start of frame: length, precision, height, width
        data[at + 5 : at + 9] = struct.pack(">HH", 30_000, 30_000)
        at = data.find(b"\xff\xc0", at + 2)
    path.write_bytes(data)


def billion_frames(path: Path) -> None:
    """Sample tables that claim a billion frames of one size."""
    make_clip(path, seconds=SHORT)
    count = 1_000_000_000

    def change(where: tuple[bytes, ...], payload: bytes) -> bytes:
        if where[-1] == b"stsz":
            return payload[:4] + struct.pack(">II", 16, count)
        if where[-1] == b"stts":
            return payload[:4] + struct.pack(">III", 1, count, 512)
        if where[-1] == b"stsc":
            return payload[:4] + struct.pack(">IIII", 1, 1, count, 1)
        return payload

    path.write_bytes(mp4.rewrite(path.read_bytes(), change))


def billion_seconds(path: Path) -> None:
    """Two frames, thirty years apart."""
    make_clip(path, seconds=SHORT)

    def change(payload: bytes) -> bytes:
        return payload[:4] + struct.pack(">IIIII", 2, 1, (1 << 31) - 1, 24, (1 << 31) - 1)

    path.write_bytes(mp4.replace(path.read_bytes(), b"stts", change))


def bomb(path: Path) -> None:
    """One black 4K picture, shown two thousand times by two bytes each: 25 GB of pixels."""
    width, height = BOMB_SIZE
    with av.open(str(path), "w", format="webm", options={"fflags": "+bitexact"}) as out:
        options = {
            "deadline": "realtime",
            "cpu-used": "8",
            "threads": "1",
            "crf": "50",
            "lag-in-frames": "0",
        }
        stream: Any = out.add_stream("libvpx-vp9", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        black = VideoFrame.from_ndarray(
            np.zeros((height * 3 // 2, width), dtype=np.uint8), format="yuv420p"
        )
        black.pts = 0
        packets = [*stream.encode(black), *stream.encode(None)]
        for packet in packets[:1]:
            out.mux(packet)
        for index in range(1, BOMB_FRAMES):
            again = Packet(_SHOW_AGAIN)
            again.stream, again.pts, again.dts = stream, index * 40, index * 40
            again.time_base, again.duration = Fraction(1, 1000), 40
            out.mux(again)


def audio_only(path: Path) -> None:
    """Sound in a container that could hold pictures."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("aac", rate=48_000, layout="mono")
        for index in range(20):
            samples = np.zeros((1, 1024), dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, index * 1024
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def cover_art_only(path: Path) -> None:
    """Sound with an attached picture: FFmpeg lists the picture as a video stream."""
    audio_only(path)
    jpeg: Any = CodecContext.create("mjpeg", "w")
    jpeg.width, jpeg.height, jpeg.pix_fmt = 64, 64, "yuvj420p"
    jpeg.time_base = Fraction(1, 25)
    grey = np.full((96, 64), 128, dtype=np.uint8)
    cover = bytes(jpeg.encode(VideoFrame.from_ndarray(grey, format="yuvj420p"))[0])
    handler = mp4.full_box(b"hdlr", bytes(4) + b"mdirappl" + bytes(9))
    picture = mp4.box(b"covr", mp4.box(b"data", struct.pack(">II", 13, 0) + cover))
    tags = mp4.full_box(b"meta", handler + mp4.box(b"ilst", picture))
    path.write_bytes(mp4.replace(path.read_bytes(), b"moov", lambda p: p + mp4.box(b"udta", tags)))


def no_samples(path: Path) -> None:
    """A video track of zero duration: its tables are empty."""
    make_clip(path, seconds=SHORT)
    tables = {b"stsz": "II", b"stts": "I", b"stsc": "I", b"stco": "I", b"stss": "I", b"ctts": "I"}

    def change(where: tuple[bytes, ...], payload: bytes) -> bytes | None:
        kind = where[-1]
        if kind in tables:
            return payload[:4] + struct.pack(">" + tables[kind], *[0] * len(tables[kind]))
        if kind in {b"mvhd", b"mdhd"}:
            return mp4.put(payload, 16, "I", 0)
        if kind == b"tkhd":
            return mp4.put(payload, 20, "I", 0)
        return None if kind in {b"edts", b"mdat"} else payload

    path.write_bytes(mp4.rewrite(path.read_bytes(), change))


def one_frame(path: Path) -> None:
    """A video of one picture."""
    make_clip(path, seconds=Fraction(1, 25))


def ordinary(path: Path) -> None:
    """Nothing wrong but the name."""
    make_clip(path, seconds=SHORT)


def encrypted(path: Path) -> None:
    """Samples under common encryption (CENC)."""
    make_clip(path, seconds=SHORT)

    def change(payload: bytes) -> bytes:
        (_, entry), *_ = mp4.boxes(payload[8:])
        return payload[:8] + mp4.box(b"encv", entry)

    path.write_bytes(mp4.replace(path.read_bytes(), b"stsd", change))


def dolby_vision_5(path: Path) -> None:
    """Dolby Vision profile 5: without its metadata the colours are green and violet."""
    make_clip(path, seconds=SHORT, codec="libx265", pixel_format="yuv420p10le")
    record = bytes([1, 0, 5 << 1, 6 << 3 | 0b101, 0]) + bytes(19)
    path.write_bytes(mp4.add_to_sample_entry(path.read_bytes(), mp4.box(b"dvcC", record)))


HOSTILE: tuple[Hostile, ...] = (
    Hostile("not-a-video.mp4", noise, "input.not_a_video"),
    Hostile("text.mp4", text, "input.not_a_video"),
    Hostile("empty.mp4", empty, "input.empty"),
    Hostile("playlist.mp4", playlist, "input.unsafe"),
    Hostile("manifest.mp4", dash_manifest, "input.unsafe"),
    Hostile("ffconcat.mp4", ffconcat, "input.unsafe"),
    Hostile("concat.mp4", concat, "input.unsafe"),
    Hostile("session.mp4", sdp, "input.unsafe"),
    Hostile("external.mp4", external_reference, "input.unsafe"),
    Hostile("truncated.mp4", truncated, None),
    Hostile("truncated.mkv", truncated_matroska, None),
    Hostile("headless.mp4", headless, "input.undecodable"),
    Hostile("huge.mp4", huge_picture, "input.too_large"),
    Hostile("huge-inside.mov", huge_picture_in_stream, "input.too_large"),
    Hostile("billion-frames.mp4", billion_frames, "input.too_large"),
    Hostile("billion-seconds.mp4", billion_seconds, "input.too_large"),
    Hostile("bomb.webm", bomb, "input.too_large"),
    Hostile("audio-only.mp4", audio_only, "input.no_video_track"),
    Hostile("cover-art.m4a", cover_art_only, "input.no_video_track"),
    Hostile("zero-duration.mp4", no_samples, "input.zero_duration"),
    Hostile("one-frame.mp4", one_frame, None),
    Hostile("two\nlines \N{FILM PROJECTOR}.mp4", ordinary, None),
    Hostile("encrypted.mp4", encrypted, "input.unsupported"),
    Hostile("dolby-vision-5.mp4", dolby_vision_5, "input.unsupported"),
)
