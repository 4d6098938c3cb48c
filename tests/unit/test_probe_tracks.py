"""Which of several tracks is the video, and what becomes of the others."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.packet import Packet
from av.stream import Disposition

from framegate.testing.clips import Tone, make_clip
from taking_in import look

JPEG = bytes.fromhex("ffd8ffdb004300") + bytes([16] * 64) + b"\xff\xd9"


def many_tracks(path: Path, *, second_is_default: bool) -> Path:
    """320x180 and 640x360 pictures, French text, a cover."""
    with av.open(str(path), "w") as out:
        sizes = [(320, 180), (640, 360)]
        pictures: list[Any] = [out.add_stream("libx264", rate=25) for _ in sizes]
        for stream, (width, height) in zip(pictures, sizes, strict=True):
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.disposition = Disposition(0)
        pictures[second_is_default].disposition = Disposition.default
        text: Any = out.add_mux_stream("subrip")
        text.metadata["language"] = "fra"
        out.add_attachment("cover.jpg", "image/jpeg", JPEG)
        for index in range(10):
            for stream, (width, height) in zip(pictures, sizes, strict=True):
                grey = np.full((height, width, 3), 20 * index, dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(grey)
                frame.pts = index
                out.mux(stream.encode(frame))
        line = Packet(b"Bonjour")
        line.stream, line.pts, line.dts, line.duration = text, 0, 0, 200
        line.time_base = Fraction(1, 1000)
        out.mux(line)
        for stream in pictures:
            out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("second", "width"), [(False, 320), (True, 640)])
def test_the_default_track_is_the_video(tmp_path: Path, second: bool, width: int) -> None:  # noqa: FBT001
    facts = look(many_tracks(tmp_path / "a.mkv", second_is_default=second))
    assert facts.video.width == width
    assert facts.video.frames_measured == 10
    other = "320x180" if second else "640x360"
    assert sorted(facts.dropped) == [
        f"track {0 if second else 1}: further video (h264, {other})",
        "track 3: attached picture",
    ]
    (text,) = facts.text
    assert (text.codec, text.language, text.embedded) == ("subrip", "fra", False)


def test_captions_within_the_picture_are_found(tmp_path: Path) -> None:
    facts = look(make_clip(tmp_path / "a.ts", codec="mpeg2video", captions=True))
    assert [(t.codec, t.embedded) for t in facts.text] == [("eia_608", True)]
    assert look(make_clip(tmp_path / "b.ts", codec="mpeg2video")).text == ()


def test_sound_may_start_before_and_end_after_the_picture(tmp_path: Path) -> None:
    facts = look(make_clip(tmp_path / "a.ts", codec="mpeg2video", audio=[Tone(codec="mp2")]))
    (sound,) = facts.audio
    end = sound.start + sound.duration_measured
    assert facts.start == min(sound.start, facts.video.start)
    assert facts.start + facts.duration_measured == max(
        end, facts.video.start + facts.video.duration_measured
    )


def test_hidden_reference_frames_are_not_pictures(tmp_path: Path) -> None:
    plain = make_clip(tmp_path / "plain.webm", codec="libvpx")
    path = tmp_path / "a.webm"
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        stream: Any = out.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if not packet.size:
                continue
            data, pts = bytes(packet), packet.pts or 0
            packet.stream = stream
            out.mux(packet)
            if number % 10 == 5:  # the same frame again, its "show" bit cleared
                hidden: Any = Packet(bytes([data[0] & ~0x10]) + data[1:])
                hidden.stream, hidden.pts, hidden.dts = stream, pts + 7, pts + 7
                hidden.time_base = Fraction(1, 1000)
                out.mux(hidden)
    video = look(path).video
    assert video.frames_measured == 50
    assert not video.frame_rate.variable
    assert (video.frame_rate.measured, video.duration_measured) == (25, 2)
