"""Opening by descriptor, and reading on past damage."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.container import InputContainer
from av.video.stream import VideoStream

from framegate.errors import EmptyInput, NotAVideo, Undecodable, UnsafeInput
from framegate.media.container import (
    WORK_FORMATS,
    Tally,
    decode_packets,
    open_source,
    packets,
    sought,
    vendor_errors,
)
from framegate.media.presented import PresentedFrames
from framegate.testing.clips import Tone, frame_index_of, make_clip
from framegate.testing.hostile import playlist


@contextmanager
def opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def indices(fd: int, tally: Tally, *, formats: str | None = None) -> list[int]:
    more: Any = {"formats": formats} if formats else {}
    with open_source(fd, max_pixels=1 << 20, **more) as container:
        stream = container.streams.video[0]
        frames = decode_packets(packets(container, stream, tally=tally), stream, tally=tally)
        shown = (np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames)
        return [frame_index_of(picture) for picture in shown]


def test_every_frame_once_and_again_from_the_start(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", audio=[Tone()])
    with opened(path) as fd:
        os.lseek(fd, 5000, os.SEEK_SET)
        for _ in range(2):
            tally = Tally()
            assert indices(fd, tally) == list(range(50))
            assert (tally.packets, tally.frames, tally.corrupt) == (50, 50, 0)


def test_damage_costs_what_it_hits(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", codec="mpeg4", gop=5)
    data = bytearray(path.read_bytes())
    data[4000:4050] = bytes(50)
    path.write_bytes(data)
    with opened(path) as fd:
        found = indices(fd, Tally())
    assert found[0] == 0
    assert found[-1] == 49
    assert len(found) >= 45


def test_a_packet_that_is_refused_is_counted(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mkv", codec="ffv1", gop=1)
    data = bytearray(path.read_bytes())
    with opened(path) as fd, open_source(fd, max_pixels=1 << 20) as container:
        places = [(p.pos, p.size) for p in packets(container, *container.streams, tally=Tally())]
    position, size = places[20]
    assert position is not None
    data[position + 8 : position + size] = b"\xa5" * (size - 8)
    path.write_bytes(data)
    tally = Tally()
    with opened(path) as fd:
        found = indices(fd, tally)
    assert tally.packets == 50
    assert tally.corrupt + len(found) >= 49
    assert set(found) >= set(range(50)) - {20}


def test_formats_are_an_allow_list(tmp_path: Path) -> None:
    nut = make_clip(tmp_path / "a.nut", mux_options={"write_index": "0"})
    with opened(nut) as fd:
        assert indices(fd, Tally(), formats=WORK_FORMATS) == list(range(50))
        with pytest.raises(NotAVideo):
            open_source(fd, max_pixels=1 << 20)
    for name in ("a.gif", "a.h264"):
        path = tmp_path / name
        codec = "gif" if name == "a.gif" else "libx264"
        make_clip(path, codec=codec, pixel_format="rgb8" if codec == "gif" else "yuv420p")
        with opened(path) as fd, pytest.raises(NotAVideo):
            open_source(fd, max_pixels=1 << 20)


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch()
    with opened(path) as fd, pytest.raises(EmptyInput):
        open_source(fd, max_pixels=1)
    playlist(path)
    with opened(path) as fd, pytest.raises(UnsafeInput, match="HLS"):
        open_source(fd, max_pixels=1)


def test_pictures_over_the_limit_are_not_decoded(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4")
    tally = Tally()
    with opened(path) as fd, open_source(fd, max_pixels=100) as container:
        stream = container.streams.video[0]
        source = packets(container, stream, tally=tally)
        assert list(decode_packets(source, stream, tally=tally)) == []
    assert tally.corrupt


@pytest.mark.parametrize("kind", [ValueError, AttributeError, OSError, ZeroDivisionError])
def test_vendor_errors_become_ours(kind: type[Exception]) -> None:
    with pytest.raises(Undecodable, match="while reading"), vendor_errors("while reading"):
        raise kind("from the vendor")


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"bf": "0"}),
        ("libx264", {"bf": "2", "x264-params": "keyint=10"}),
        ("libx264", {"bf": "3", "x264-params": "open-gop=1:keyint=10:b-adapt=0"}),
        ("mpeg4", {"bf": "2", "g": "10"}),
        ("mjpeg", {}),
    ],
)
@pytest.mark.parametrize("threads", [1, 3])
def test_pictures_of_avi_take_their_places_also_after_a_seek(
    tmp_path: Path, codec: str, options: dict[str, str], threads: int
) -> None:
    """AVI has no timestamps: the n-th picture that is shown belongs into the n-th place."""
    path = make_clip(
        tmp_path / "a.avi",
        codec=codec,
        codec_options=options,
        pixel_format="yuvj420p" if codec == "mjpeg" else "yuv420p",
        time_base=Fraction(1, 25),
    )

    def shown(container: InputContainer, stream: VideoStream) -> list[tuple[int | None, int]]:
        tally = Tally()
        frames = decode_packets(packets(container, stream, tally=tally), stream, tally=tally)
        return [
            (frame.pts, frame_index_of(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)))
            for frame in frames
        ]

    with opened(path) as fd, open_source(fd, max_pixels=1 << 20, threads=threads) as container:
        stream = container.streams.video[0]
        assert shown(container, stream) == [(n, n) for n in range(50)]
        assert sought(container, stream, 33)
        later = shown(container, stream)
        assert later[-1] == (49, 49)
        assert all(pts == number for pts, number in later)


def test_frames_without_times_are_all_decoded_for_looking(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.avi", codec_options={"bf": "3"}, time_base=Fraction(1, 25))
    with opened(path) as fd, open_source(fd, max_pixels=1 << 20) as container:
        frames = PresentedFrames(
            container,
            container.streams.video[0],
            start=Fraction(0),
            max_gap=Fraction(1),
            skip=True,
        )
        assert [frame.pts for frame in frames] == list(range(50))
        assert (frames.skipping, frames.why_full) == (False, "packets without timestamps")
