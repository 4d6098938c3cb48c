"""Read when the samples of CMAF segments are shown, from their boxes (ISO/IEC 14496-12).

Pure: bytes in, exact times out. Only what packaging has to prove is read: the time scale, the
edit list, and each fragment's decode time, durations and composition offsets. Nothing is trusted:
every size is checked against its parent.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from framegate.errors import Internal

MAX_HEADER_BYTES = 64 << 20  # of one moov or moof: a day of audio frames fits

_TFHD_BASE_OFFSET, _TFHD_DESCRIPTION = 0x01, 0x02
_TFHD_DURATION, _TFHD_SIZE, _TFHD_FLAGS = 0x08, 0x10, 0x20
_TRUN_OFFSET, _TRUN_FIRST_FLAGS = 0x001, 0x004
_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_CTS = 0x100, 0x200, 0x400, 0x800
_NOT_SYNC = 0x00010000


@dataclass(frozen=True, slots=True)
class TrackHeader:
    """From an initialisation segment. ``media_start`` is the first presented media time, in
    ``timescale`` units (what the edit list cuts off: B-frame delay, AAC priming).
    """

    timescale: int
    media_start: int
    default_duration: int
    default_flags: int


@dataclass(frozen=True, slots=True)
class SegmentTimes:
    """One media segment. ``start`` is presented seconds; ``decode_*`` are media time units."""

    start: Fraction
    duration: Fraction
    samples: int
    first_is_sync: bool
    decode_start: int
    decode_end: int


def read_header(stream: BinaryIO) -> TrackHeader:
    """An initialisation segment's one track. Raises `Internal` when there isn't one."""
    moov = next((body for kind, body in _boxes(stream) if kind == b"moov"), None)
    if moov is None:
        raise _broken("no moov box")
    tree = dict(_flatten(moov, (b"trak", b"mdia", b"edts", b"mvex")))
    try:
        mdhd, trex = tree[b"mdhd"], tree[b"trex"]
        at = 20 if mdhd[0] == 1 else 12
        (timescale,) = struct.unpack_from(">I", mdhd, at)
        _, _, default_duration, _, default_flags = struct.unpack_from(">5I", trex, 4)
        media_start = _media_start(tree.get(b"elst"))
    except (KeyError, struct.error, IndexError) as error:
        raise _broken("its moov box is incomplete") from error
    if timescale <= 0:
        raise _broken("its time scale is zero")
    return TrackHeader(timescale, media_start, default_duration, default_flags)


def read_segment(stream: BinaryIO, header: TrackHeader) -> SegmentTimes:
    """The samples of one media segment (one or more fragments). Raises `Internal`."""
    starts: list[int] = []
    samples = 0
    first_is_sync = False
    decode_start: int | None = None
    decode_end = 0
    for kind, body in _boxes(stream):
        if kind != b"moof":
            continue
        try:
            fragment = list(_samples(body, header))
        except (struct.error, IndexError) as error:
            raise _broken("a fragment header is incomplete") from error
        for decode, offset, duration, sync in fragment:
            if decode_start is None:
                decode_start, first_is_sync = decode, sync
            elif decode != decode_end:
                raise _broken(f"decode time jumps from {decode_end} to {decode}")
            starts.append(decode + offset)
            decode_end = decode + duration
            samples += 1
    if decode_start is None:
        raise _broken("it has no samples")
    scale = header.timescale
    return SegmentTimes(
        start=Fraction(min(starts) - header.media_start, scale),
        duration=Fraction(decode_end - decode_start, scale),
        samples=samples,
        first_is_sync=first_is_sync,
        decode_start=decode_start,
        decode_end=decode_end,
    )


def _samples(moof: bytes, header: TrackHeader) -> Iterator[tuple[int, int, int, bool]]:
    """(decode time, composition offset, duration, sync) of each sample of a fragment."""
    duration, flags, decode = header.default_duration, header.default_flags, 0
    for kind, body in _flatten(moof, (b"traf",)):
        if kind == b"tfhd":
            bits, at = _flags(body), 8
            at += 8 if bits & _TFHD_BASE_OFFSET else 0
            at += 4 if bits & _TFHD_DESCRIPTION else 0
            if bits & _TFHD_DURATION:
                (duration,) = struct.unpack_from(">I", body, at)
                at += 4
            at += 4 if bits & _TFHD_SIZE else 0
            if bits & _TFHD_FLAGS:
                (flags,) = struct.unpack_from(">I", body, at)
        elif kind == b"tfdt":
            (decode,) = struct.unpack_from(">Q" if body[0] == 1 else ">I", body, 4)
        elif kind == b"trun":
            for offset, length, sample_flags in _run(body, duration, flags):
                yield decode, offset, length, not sample_flags & _NOT_SYNC
                decode += length


def _run(trun: bytes, duration: int, flags: int) -> Iterator[tuple[int, int, int]]:
    """(composition offset, duration, flags) of each sample of a track run."""
    bits = _flags(trun)
    (count,) = struct.unpack_from(">I", trun, 4)
    at = 12 if bits & _TRUN_OFFSET else 8
    first_flags: int | None = None
    if bits & _TRUN_FIRST_FLAGS:
        (first_flags,) = struct.unpack_from(">I", trun, at)
        at += 4
    cts_format = ">i" if trun[0] == 1 else ">I"
    for index in range(count):
        length, sample_flags, offset = duration, flags, 0
        if index == 0 and first_flags is not None:
            sample_flags = first_flags
        if bits & _TRUN_DURATION:
            (length,) = struct.unpack_from(">I", trun, at)
            at += 4
        at += 4 if bits & _TRUN_SIZE else 0
        if bits & _TRUN_FLAGS:
            (sample_flags,) = struct.unpack_from(">I", trun, at)
            at += 4
        if bits & _TRUN_CTS:
            (offset,) = struct.unpack_from(cts_format, trun, at)
            at += 4
        if not bits & (_TRUN_DURATION | _TRUN_SIZE | _TRUN_FLAGS | _TRUN_CTS) and not length:
            raise _broken("a fragment's samples have no duration")
        yield offset, length, sample_flags


def _media_start(elst: bytes | None) -> int:
    """Media time of the first edit that shows something; 0 without an edit list."""
    if elst is None:
        return 0
    (count,) = struct.unpack_from(">I", elst, 4)
    form, at = (">Qqi", 8) if elst[0] == 1 else (">Iii", 8)
    for _ in range(count):
        _, media_time, _ = struct.unpack_from(form, elst, at)
        if media_time >= 0:
            return int(media_time)
        at += struct.calcsize(form)
    return 0


def _flags(box: bytes) -> int:
    return int.from_bytes(box[1:4], "big")


def _boxes(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Top-level boxes; bodies of moov and moof alone are read, others are skipped."""
    while head := stream.read(8):
        if len(head) < 8:  # noqa: PLR2004 - size and type
            raise _broken("it ends inside a box header")
        size, kind = struct.unpack(">I4s", head)
        taken = 8
        if size == 1:
            (size,) = struct.unpack(">Q", stream.read(8).rjust(8, b"\0"))
            taken = 16
        length = size - taken
        if size == 0 or length < 0:
            raise _broken("a box has an impossible size")
        if kind in (b"moov", b"moof"):
            if length > MAX_HEADER_BYTES:
                raise _broken("a header box is too big")
            body = stream.read(length)
            if len(body) < length:
                raise _broken("it ends inside a box")
            yield kind, body
        else:
            stream.seek(length, 1)


def _flatten(body: bytes, containers: tuple[bytes, ...]) -> Iterator[tuple[bytes, bytes]]:
    """Boxes inside ``body``, descending into ``containers``."""
    at = 0
    while at + 8 <= len(body):
        size, kind = struct.unpack_from(">I4s", body, at)
        if size < 8 or at + size > len(body):  # noqa: PLR2004 - size and type
            raise _broken("a box reaches over its parent")
        inner = body[at + 8 : at + size]
        if kind in containers:
            yield from _flatten(inner, containers)
        else:
            yield kind, inner
        at += size


def _broken(why: str) -> Internal:
    return Internal("A segment cannot be read", why)
