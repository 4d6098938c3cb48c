"""The outline of a file, read before any demuxer sees it.

What FFmpeg does not say or says too late: whether an MP4 points to other files, how many samples
it claims (a demuxer allocates for them), whether it is encrypted, which tracks have edit lists, and
whether the file ends before a box that it declares. Reads headers only, never tables; a damaged
outline ends the walk and is not an error here.

Formats: ISO/IEC 14496-12 (and QuickTime), RFC 8794 (EBML), RIFF.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_BOXES = 400_000  # twelve hours of one-second fragments take about a third of it
MAX_DEPTH = 8
MAX_ENTRIES = 64  # of a stsd or dref; real files have one to three

_CONTAINERS = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"moof", b"traf"}
)
_TOP = frozenset(
    {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"pnot", b"sidx"}
)
_WHOLE = frozenset({b"mdat", b"moov", b"moof"})
_COUNTED = frozenset({b"stsz", b"stz2", b"trun"})  # each ends its header with a sample count
_PICTURE_ENTRY = 24  # bytes from a visual sample entry's payload to its width

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = 0x18538067
_DOC_TYPE = 0x4282


@dataclass(frozen=True, slots=True)
class Box:
    """``kind`` is the four-character code; ``start`` and ``end`` bound the payload, bytes."""

    kind: bytes
    start: int
    end: int
    parents: tuple[bytes, ...]


@dataclass(slots=True)
class Outline:
    """What the headers say. ``family`` is "iso", "ebml", "riff" or "" for anything else."""

    family: str = ""
    brand: str = ""  # ISO major brand or EBML DocType
    samples_claimed: int = 0  # most in one track, fragments included
    picture_claimed: tuple[int, int] = (0, 0)  # largest visual sample entry
    external: bool = False  # media data in another file
    encrypted: bool = False
    has_index: bool = False  # ISO: a moov was found
    cut_short: bool = False  # a declared box ends past the end of the file
    edit_lists: set[int] = field(default_factory=set)  # track ids


def read_outline(fd: int) -> Outline:
    """Walk the headers of descriptor ``fd`` (its offset stays where it is)."""
    size = os.fstat(fd).st_size
    head = os.pread(fd, 4096, 0)
    if head[4:8] in _TOP:
        return _read_iso(fd, size)
    if head.startswith(_EBML):
        return _read_ebml(head, size)
    if head.startswith(b"RIFF") and len(head) >= 8:  # noqa: PLR2004 - the RIFF header
        declared = 8 + int(struct.unpack("<I", head[4:8])[0])
        return Outline(family="riff", cut_short=declared > size)
    return Outline()


def walk(fd: int, size: int) -> Iterator[Box]:
    """Boxes in file order, parents before children; stops at damage and at `MAX_BOXES`."""
    pending: list[tuple[int, int, tuple[bytes, ...]]] = [(0, size, ())]
    seen = 0
    while pending:
        at, end, parents = pending.pop()
        if at + 8 > end:
            continue
        seen += 1
        if seen > MAX_BOXES:
            return
        header = os.pread(fd, 16, at)
        if len(header) < 8:  # noqa: PLR2004 - size and type
            return
        length, kind = struct.unpack(">I4s", header[:8])
        start = at + 8
        if length == 1 and len(header) == 16:  # noqa: PLR2004 - a 64-bit size follows
            length = struct.unpack(">Q", header[8:])[0]
            start = at + 16
        elif length == 0:  # to the end of its parent
            length = end - at
        if length < start - at:
            return
        box = Box(kind, start, at + length, parents)
        yield box
        pending.append((at + length, end, parents))
        if kind in _CONTAINERS and len(parents) < MAX_DEPTH:
            pending.append((start, min(box.end, end), (*parents, kind)))


def _read_iso(fd: int, size: int) -> Outline:
    found = Outline(family="iso")
    track = 0
    samples: Counter[int] = Counter()
    for box in walk(fd, size):
        if not box.parents:
            _read_top(fd, box, size, found)
        elif box.kind in _COUNTED:
            at = 8 if box.kind in {b"stsz", b"stz2"} else 4
            samples[track] += _u32(os.pread(fd, 12, box.start), at)
        elif box.kind == b"tkhd":
            track = _track_id(os.pread(fd, 24, box.start))
        elif box.kind == b"tfhd":
            track = _u32(os.pread(fd, 8, box.start), 4)
        elif box.kind == b"elst":
            found.edit_lists.add(track)
        elif box.kind in {b"dref", b"rmra"}:
            found.external |= box.kind == b"rmra" or _has_external(fd, box)
        elif box.kind == b"stsd":
            _read_entries(fd, box, found)
    found.samples_claimed = max(samples.values(), default=0)
    return found


def _read_top(fd: int, box: Box, size: int, found: Outline) -> None:
    if box.end > size and box.kind in _WHOLE:  # anything else there is junk, not a loss
        found.cut_short = True
    if box.kind == b"moov":
        found.has_index = True
    elif box.kind == b"ftyp":
        found.brand = os.pread(fd, 4, box.start).decode("ascii", "replace").strip()


def _track_id(body: bytes) -> int:
    return _u32(body, 20 if body[:1] == b"\x01" else 12)


def _u32(body: bytes, at: int) -> int:
    part = body[at : at + 4]
    return int.from_bytes(part, "big") if len(part) == 4 else 0  # noqa: PLR2004 - 32 bits


def _children(fd: int, box: Box, skip: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Kind, payload offset and its first 32 bytes of each entry of a table of boxes."""
    at = box.start + skip
    for _ in range(MAX_ENTRIES):
        if at + 8 > box.end:
            return
        header = os.pread(fd, 40, at)
        length = _u32(header, 0)
        if length < 8:  # noqa: PLR2004 - shorter than its own header
            return
        yield header[4:8], at + 8, header[8:]
        at += length


def _has_external(fd: int, box: Box) -> bool:
    """A data reference without the self-contained flag."""
    return any(not _u32(body, 0) & 1 for _, _, body in _children(fd, box, 8))


def _read_entries(fd: int, box: Box, found: Outline) -> None:
    for kind, _, body in _children(fd, box, 8):
        if kind in {b"encv", b"enca", b"drmi", b"drms"}:
            found.encrypted = True
        picture = body[_PICTURE_ENTRY : _PICTURE_ENTRY + 4]
        if len(picture) == 4 and _is_picture(fd, box):  # noqa: PLR2004 - two 16-bit numbers
            width, height = struct.unpack(">HH", picture)
            if width * height > found.picture_claimed[0] * found.picture_claimed[1]:
                found.picture_claimed = (width, height)


def _is_picture(fd: int, box: Box) -> bool:
    """Whether a stsd belongs to a video track: a ``vmhd`` is the first box of its ``minf``."""
    before = os.pread(fd, 512, max(0, box.start - 512))
    return b"vmhd" in before


def _read_ebml(head: bytes, size: int) -> Outline:
    found = Outline(family="ebml", brand="matroska", has_index=True)
    at = 4
    length, at = _vint(head, at)
    end = at + length
    while at < min(end, len(head)):
        name, at = _element_id(head, at)
        length, at = _vint(head, at)
        if name == _DOC_TYPE:
            found.brand = head[at : at + min(length, 32)].decode("ascii", "replace").strip("\0")
        if length < 0:
            return found
        at += length
    name, at = _element_id(head, end)
    if name == _SEGMENT:
        length, at = _vint(head, at)
        found.cut_short = length >= 0 and at + length > size
    return found


def _element_id(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data) or not data[at]:
        return 0, len(data)
    width = 9 - data[at].bit_length()
    return int.from_bytes(data[at : at + width], "big"), at + width


def _vint(data: bytes, at: int) -> tuple[int, int]:
    """An EBML size and the offset after it; -1 for an unknown size or damage."""
    if at >= len(data) or not data[at]:
        return -1, len(data)
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big") & ((1 << (7 * width)) - 1)
    return (-1 if value == (1 << (7 * width)) - 1 else value), at + width
