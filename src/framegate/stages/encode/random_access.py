"""Whether a picture can be decoded with nothing before it, from the first bytes of its sample.

Pure. A sync flag in a fragment header is only a claim; the bitstream decides: an IDR picture
(H.264, H.265), or a shown key frame behind a sequence header (AV1). With no picture that is shown
before the first, that is a stream access point of type 1 (ISO/IEC 14496-12, Annex I).
"""

from __future__ import annotations

from collections.abc import Iterator

from framegate.errors import Internal
from framegate.stages.encode.sample_entry import SampleEntry

HEAD_BYTES = 64 << 10
"""Of a sample, that hold the header of its first slice, whatever messages stand before it."""

_H264_SLICES, _H264_IDR = range(1, 6), 5
_H265_SLICES, _H265_IDR = range(32), (19, 20)
_AV1_SEQUENCE, _AV1_FRAME_HEADER, _AV1_FRAME = 1, 3, 6
_AV1_SHOWN_KEY_FRAME = 0b0001  # show_existing_frame 0, frame_type 0 (key), show_frame 1


def starts_alone(entry: SampleEntry, head: bytes) -> bool:
    """Whether the sample that begins with ``head`` is an IDR picture or a shown AV1 key frame.

    Raises `Internal` when the codec is none of the three.
    """
    if entry.kind in ("avc1", "avc3"):
        kinds = (unit[0] & 0x1F for unit in _units(head, entry.nal_length_bytes))
        return next((kind for kind in kinds if kind in _H264_SLICES), None) == _H264_IDR
    if entry.kind in ("hvc1", "hev1"):
        kinds = (unit[0] >> 1 & 0x3F for unit in _units(head, entry.nal_length_bytes))
        return next((kind for kind in kinds if kind in _H265_SLICES), None) in _H265_IDR
    if entry.kind == "av01":
        return _is_key_frame(head)
    raise Internal("A segment cannot be read", f"{entry.kind} pictures are not known")


def _units(head: bytes, length_bytes: int) -> Iterator[bytes]:
    """The first bytes of each NAL unit."""
    at = 0
    while at + length_bytes < len(head):
        size = int.from_bytes(head[at : at + length_bytes], "big")
        at += length_bytes
        yield head[at : at + 2]
        at += size


def _is_key_frame(head: bytes) -> bool:
    sequence = False
    at = 0
    while at < len(head):
        first = head[at]
        kind, at = first >> 3 & 0x0F, at + 1 + (first >> 2 & 1)
        size = len(head) - at
        if first & 2:
            size, at = _leb128(head, at)
        if kind == _AV1_SEQUENCE:
            sequence = True
        elif kind in (_AV1_FRAME_HEADER, _AV1_FRAME):
            return sequence and at < len(head) and head[at] >> 4 == _AV1_SHOWN_KEY_FRAME
        at += size
    return False


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(data[at : at + 8]):
        value |= (byte & 0x7F) << 7 * shift
        if not byte & 0x80:
            return value, at + shift + 1
    raise Internal("A segment cannot be read", "a length has no end")
