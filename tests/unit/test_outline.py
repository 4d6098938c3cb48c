"""The outline of files: read from headers alone, damaged or not."""

import os
import struct
from pathlib import Path

import pytest

from framegate.errors import InputTooLarge, UnsafeInput
from framegate.media.outline import MAX_BOXES, Outline, read_outline, walk
from framegate.testing import mp4
from framegate.testing.clips import Tone, make_clip
from taking_in import look


def outline(path: Path) -> Outline:
    fd = os.open(path, os.O_RDONLY)
    try:
        return read_outline(fd)
    finally:
        os.close(fd)


def test_an_mp4(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", audio=[Tone()])
    found = outline(path)
    assert (found.family, found.brand, found.has_index) == ("iso", "isom", True)
    assert not found.external
    assert not found.encrypted
    assert not found.cut_short
    assert found.picture_claimed == (320, 180)
    assert found.samples_claimed == 95  # of the sound: 2 s in blocks of 1024 at 48 kHz, and priming
    assert found.edit_lists == {1, 2}


def test_fragments_count_too(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", mux_options={"movflags": "+frag_keyframe+empty_moov"})
    assert outline(path).samples_claimed == 50


def test_a_billion_samples_in_a_fragment_are_refused(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", mux_options={"movflags": "+frag_keyframe"})
    data = path.read_bytes()
    at = data.index(b"trun") + 8
    path.write_bytes(data[:at] + struct.pack(">I", 1_000_000_000) + data[at + 4 :])
    with pytest.raises(InputTooLarge, match="1000000"):
        look(path)


def test_a_reference_movie_is_refused(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mov")
    pointer = mp4.full_box(b"rdrf", b"url " + struct.pack(">I", 19) + b"file:///etc/passwd\0")
    movie = mp4.box(b"rmra", mp4.box(b"rmda", pointer))
    path.write_bytes(mp4.replace(path.read_bytes(), b"moov", lambda p: p + movie))
    with pytest.raises(UnsafeInput):
        look(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_a_cut_is_seen(tmp_path: Path, name: str) -> None:
    options = {"movflags": "+faststart"} if name == "a.mp4" else {}
    path = make_clip(
        tmp_path / name,
        codec="mpeg4" if name == "a.avi" else "libx264",
        mux_options=options,
    )
    assert not outline(path).cut_short
    data = path.read_bytes()
    path.write_bytes(data[:-200])
    assert outline(path).cut_short


def test_junk_after_the_end_is_no_cut(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes() + b"\x7f\xff\xff\xffjunk")
    facts = look(path)
    assert not facts.truncated
    assert facts.video.frames_measured == 50


def test_ebml_kinds(tmp_path: Path) -> None:
    assert outline(make_clip(tmp_path / "a.mkv")).brand == "matroska"
    assert outline(make_clip(tmp_path / "a.webm", codec="libvpx")).brand == "webm"


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I4s", 0, b"ftyp"),
        struct.pack(">I4sQ", 1, b"moov", 1 << 62),
        struct.pack(">I4s", 7, b"moov") + bytes(100),
        struct.pack(">I4s", 16, b"moov") + struct.pack(">I4s", 0, b"trak"),
        mp4.box(b"moov", mp4.box(b"trak", mp4.full_box(b"stsd", b""))),
        mp4.box(b"moov", mp4.full_box(b"dref", struct.pack(">III", 9, 0, 0))),
        b"\x1a\x45\xdf\xa3",
        b"\x1a\x45\xdf\xa3\xff\x42\x82\xff",
        b"RIFF",
        b"",
    ],
)
def test_damage_ends_the_walk(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    outline(path)


def test_the_walk_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(mp4.box(b"free", b"") * (MAX_BOXES + 10))
    fd = os.open(path, os.O_RDONLY)
    try:
        assert sum(1 for _ in walk(fd, path.stat().st_size)) == MAX_BOXES
    finally:
        os.close(fd)
