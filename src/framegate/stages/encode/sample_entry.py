"""What an initialisation segment says about its codec: the sample entry and its configuration box.

Pure: bytes in, values out. From AVCDecoderConfigurationRecord and HEVCDecoderConfigurationRecord
(ISO/IEC 14496-15), AV1CodecConfigurationRecord (AV1 in ISOBMFF), ES_Descriptor (14496-1) and
OpusSpecificBox come the profile, the level and the name that manifests must give (RFC 6381, with
the forms of 14496-15 Annex E and of AV1 in ISOBMFF, section 5).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from framegate.errors import Internal

_VIDEO_FIELDS, _AUDIO_FIELDS = 78, 28  # bytes of a sample entry before its boxes
_ES_DESCRIPTOR, _DECODER_CONFIG, _DECODER_INFO = 0x03, 0x04, 0x05
_MPEG4_AUDIO = 0x40
_ESCAPE_OBJECT = 31  # audio object types above it take six bits more


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """One track's codec. ``level`` is the codec's own number (30 for H.264 3.0, 90 for HEVC 3.0,
    4 for AV1 3.0; 0 for audio); ``full`` says more than ``codecs`` where a codec has two forms.
    """

    kind: str  # the four-character code: avc1, hvc1, av01, mp4a, Opus …
    codecs: str  # RFC 6381
    full: str
    width: int = 0
    height: int = 0
    level: int = 0
    high_tier: bool = False
    nal_length_bytes: int = 0
    channels: int = 0
    sample_rate: int = 0

    @property
    def is_video(self) -> bool:
        """Whether it describes pictures."""
        return self.width > 0

    def is_named(self, codecs: str) -> bool:
        """Whether ``codecs`` is a right name for it."""
        return codecs.lower() in (self.codecs.lower(), self.full.lower())  # hexadecimal digits


def read_entry(stsd: bytes) -> SampleEntry:
    """The one entry of a sample description box (its body). Raises `Internal`."""
    try:
        (count,) = struct.unpack_from(">I", stsd, 4)
        if count != 1:
            raise _broken(f"{count} sample entries")
        size, code = struct.unpack_from(">I4s", stsd, 8)
        kind = code.decode("latin-1")
        body = stsd[16 : 8 + size]
        if kind in _VIDEO:
            width, height = struct.unpack_from(">HH", body, 24)
            boxes = dict(_boxes(body[_VIDEO_FIELDS:]))
            return _VIDEO[kind](kind, boxes, width, height)
        if kind in _AUDIO:
            channels, _, _, _, rate = struct.unpack_from(">HHHHI", body, 16)
            boxes = dict(_boxes(body[_AUDIO_FIELDS:]))
            name = _AUDIO[kind](boxes)
            return SampleEntry(kind, name, name, channels=channels, sample_rate=rate >> 16)
    except (struct.error, IndexError, KeyError) as error:
        raise _broken("its sample entry is incomplete") from error
    return SampleEntry(kind, kind, kind)


def _avc(kind: str, boxes: dict[bytes, bytes], width: int, height: int) -> SampleEntry:
    _, profile, compatible, level, lengths = struct.unpack_from(">5B", boxes[b"avcC"])
    name = f"{kind}.{profile:02x}{compatible:02x}{level:02x}"
    nal = (lengths & 3) + 1
    return SampleEntry(kind, name, name, width, height, level, nal_length_bytes=nal)


def _hevc(kind: str, boxes: dict[bytes, bytes], width: int, height: int) -> SampleEntry:
    config = boxes[b"hvcC"]
    general, compatible, constraints, level = struct.unpack_from(">BI6sB", config, 1)
    high_tier = bool(general & 0x20)
    # flags count from the least significant bit in the name, from the most significant in the box
    reversed_flags = int(f"{compatible:032b}"[::-1], 2)
    parts = [
        kind,
        f"{('', 'A', 'B', 'C')[general >> 6]}{general & 0x1F}",
        f"{reversed_flags:x}",
        f"{'LH'[high_tier]}{level}",
        *(f"{byte:x}" for byte in constraints.rstrip(b"\0")),
    ]
    name, nal = ".".join(parts), (config[21] & 3) + 1
    return SampleEntry(kind, name, name, width, height, level, high_tier, nal)


def _av1(kind: str, boxes: dict[bytes, bytes], width: int, height: int) -> SampleEntry:
    _, first, second, _ = struct.unpack_from(">4B", boxes[b"av1C"])
    profile, level, high_tier = first >> 5, first & 0x1F, bool(second & 0x80)
    depth = (8, 10)[bool(second & 0x40)] + 2 * bool(second & 0x20)
    name = f"{kind}.{profile}.{level:02}{'MH'[high_tier]}.{depth:02}"
    full = name
    colour = boxes.get(b"colr", b"")
    if colour[:4] == b"nclx":
        primaries, transfer, matrix, whole = struct.unpack_from(">HHHB", colour, 4)
        subsampling = f"{second >> 3 & 1}{second >> 2 & 1}{second & 3}"
        full = (
            f"{name}.{second >> 4 & 1}.{subsampling}"
            f".{primaries:02}.{transfer:02}.{matrix:02}.{whole >> 7}"
        )
    return SampleEntry(kind, name, full, width, height, level, high_tier)


def _mp4a(boxes: dict[bytes, bytes]) -> str:
    descriptors = dict(_descriptors(boxes[b"esds"][4:]))
    kind = descriptors[_DECODER_CONFIG][0]
    if kind != _MPEG4_AUDIO:
        return f"mp4a.{kind:02x}"
    info = descriptors[_DECODER_INFO]
    coded = info[0] >> 3
    if coded == _ESCAPE_OBJECT:
        coded = 32 + ((info[0] & 7) << 3 | info[1] >> 5)
    return f"mp4a.{kind:02x}.{coded}"


def _opus(boxes: dict[bytes, bytes]) -> str:
    del boxes
    return "opus"


_VIDEO: dict[str, Callable[[str, dict[bytes, bytes], int, int], SampleEntry]] = {
    "avc1": _avc,
    "avc3": _avc,
    "hvc1": _hevc,
    "hev1": _hevc,
    "av01": _av1,
}
_AUDIO: dict[str, Callable[[dict[bytes, bytes]], str]] = {"mp4a": _mp4a, "Opus": _opus}


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(body):
        size, kind = struct.unpack_from(">I4s", body, at)
        if size < 8 or at + size > len(body):  # noqa: PLR2004 - size and type
            raise _broken("a box reaches over its sample entry")
        yield kind, body[at + 8 : at + size]
        at += size


def _descriptors(body: bytes) -> Iterator[tuple[int, bytes]]:
    """MPEG-4 descriptors (tag, contents) that matter, from the inside of one another."""
    at = 0
    while at + 2 <= len(body):
        tag, size, at = body[at], 0, at + 1
        while True:
            size, more, at = size << 7 | body[at] & 0x7F, body[at] & 0x80, at + 1
            if not more:
                break
        inner = body[at : at + size]
        at += size
        yield tag, inner
        if tag == _ES_DESCRIPTOR:
            flags = inner[2]
            skip = 3 + 2 * bool(flags & 0x80) + 2 * bool(flags & 0x20)
            if flags & 0x40:
                skip += 1 + inner[skip]
            yield from _descriptors(inner[skip:])
        elif tag == _DECODER_CONFIG:
            yield from _descriptors(inner[13:])


def _broken(why: str) -> Internal:
    return Internal("A segment cannot be read", why)
