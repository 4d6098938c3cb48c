"""Containers told by their first bytes. Pure; the demuxer still has the last word.

A content classifier mistakes small AVI, MPEG-PS and MPEG-TS files for other things (measured), so
what carries a container's signature goes on to the probe, and only the rest is classified.
"""

from __future__ import annotations

HEAD_BYTES = 4096

_ISO_BOXES = frozenset(
    {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"pnot", b"sidx"}
)
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_MXF = bytes.fromhex("060e2b34020501010d010201")
_PREFIXES: tuple[tuple[bytes, str], ...] = (
    (b"OggS", "video/ogg"),
    (b"FLV\x01", "video/x-flv"),
    (b"YUV4MPEG2 ", "video/x-yuv4mpeg"),
    (b"DKIF", "video/x-ivf"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (_ASF, "video/x-ms-asf"),
    (_MXF, "application/mxf"),
)
_SYNC = 0x47
_TS_PACKETS = ((188, 0), (192, 4), (204, 0))  # packet size, offset of its sync byte
_TS_SYNCS = 3


def media_type_of(head: bytes) -> str | None:
    """The media type of the container that ``head`` (up to `HEAD_BYTES`) begins; None if none."""
    if head[4:8] in _ISO_BOXES:
        return "video/quicktime" if head[4:12] == b"ftypqt  " else "video/mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "video/vnd.avi"
    for prefix, media_type in _PREFIXES:
        if head.startswith(prefix):
            return media_type
    return "video/mp2t" if _is_transport_stream(head) else None


def _is_transport_stream(head: bytes) -> bool:
    for size, offset in _TS_PACKETS:
        syncs = head[offset : offset + size * _TS_SYNCS : size]
        if len(syncs) == _TS_SYNCS and all(byte == _SYNC for byte in syncs):
            return True
    return False
