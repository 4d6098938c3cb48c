"""RFC 6381 names from codec boxes, made here by hand after the standards' layouts."""

import struct

import pytest

from framegate.errors import Internal
from framegate.stages.encode.sample_entry import read_entry


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def video(kind: bytes, *boxes: bytes) -> bytes:
    fields = bytearray(78)
    struct.pack_into(">HH", fields, 24, 1920, 1080)
    return bytes(4) + struct.pack(">I", 1) + box(kind, bytes(fields), *boxes)


def audio(kind: bytes, *boxes: bytes) -> bytes:
    fields = bytearray(28)
    struct.pack_into(">HHHHI", fields, 16, 6, 16, 0, 0, 48_000 << 16)
    return bytes(4) + struct.pack(">I", 1) + box(kind, bytes(fields), *boxes)


def hevc(general: int, compatible: int, constraints: bytes, level: int) -> bytes:
    head = struct.pack(">BBI", 1, general, compatible) + constraints + bytes([level])
    return box(b"hvcC", head, bytes(8), b"\x0f", b"\0")


def descriptor(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x80, 0x80, len(content)]) + content


def esds(kind: int, info: bytes) -> bytes:
    config = descriptor(4, bytes([kind]) + bytes(12) + descriptor(5, info))
    return box(b"esds", bytes(4), descriptor(3, b"\0\1\0" + config))


NCLX = box(b"colr", b"nclx", struct.pack(">HHHB", 9, 16, 9, 0))


@pytest.mark.parametrize(
    ("stsd", "codecs", "level"),
    [
        (video(b"avc1", box(b"avcC", bytes.fromhex("0164002affe1"))), "avc1.64002a", 42),
        (video(b"avc3", box(b"avcC", bytes.fromhex("0142c01effe1"))), "avc3.42c01e", 30),
        # main profile, main tier: ISO/IEC 14496-15, E.3
        (video(b"hvc1", hevc(1, 0x60000000, b"\x90" + bytes(5), 120)), "hvc1.1.6.L120.90", 120),
        # profile space A, high tier, no constraint
        (video(b"hev1", hevc(0x62, 0x20000000, bytes(6), 153)), "hev1.A2.4.H153", 153),
        (video(b"av01", box(b"av1C", bytes.fromhex("81080c00"))), "av01.0.08M.08", 8),
        (video(b"av01", box(b"av1C", bytes.fromhex("810dcc00"))), "av01.0.13H.10", 13),
        (audio(b"mp4a", esds(0x40, b"\x11\x90")), "mp4a.40.2", 0),
        (audio(b"mp4a", esds(0x40, b"\xf9\x40")), "mp4a.40.42", 0),  # USAC, by the escape
        (audio(b"mp4a", esds(0x6B, b"")), "mp4a.6b", 0),
        (audio(b"Opus", box(b"dOps", bytes(11))), "opus", 0),
    ],
)
def test_names_and_levels(stsd: bytes, codecs: str, level: int) -> None:
    entry = read_entry(stsd)
    assert (entry.codecs, entry.level) == (codecs, level)
    assert entry.is_named(codecs)
    assert entry.is_named(codecs.upper())
    assert entry.is_video == (entry.width == 1920)


def test_av1_has_a_long_name_where_colour_is_told() -> None:
    entry = read_entry(video(b"av01", box(b"av1C", bytes.fromhex("810d4d00")), NCLX))
    assert entry.full == "av01.0.13M.10.0.111.09.16.09.0"
    assert entry.is_named("av01.0.13M.10")
    assert entry.is_named(entry.full)
    assert not entry.is_named("av01.0.13M.10.0.110.01.01.01.0")


@pytest.mark.parametrize(
    "stsd",
    [
        b"",
        bytes(4) + struct.pack(">I", 2) + bytes(40),
        video(b"avc1"),
        video(b"avc1", struct.pack(">I4s", 900, b"avcC")),
        audio(b"mp4a", box(b"esds", bytes(4), b"\3\x80\x80")),
    ],
)
def test_broken_boxes_are_an_error(stsd: bytes) -> None:
    with pytest.raises(Internal):
        read_entry(stsd)
