"""Read when and where the samples of CMAF segments lie, from their boxes (ISO/IEC 14496-12).

Pure: bytes in, exact times out. Only what packaging has to prove is read: the time scale, the
edit list, the sample entry, and each fragment's decode time, durations, composition offsets and
sample sizes. Nothing is trusted: every size is checked against its parent.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, NamedTuple

from framegate.errors import Internal
from framegate.stages.encode.sample_entry import SampleEntry, read_entry

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
    default_size: int
    default_flags: int
    entry: SampleEntry


class Sample(NamedTuple):
    """``decode`` and ``presented`` (composition time) are media time units, ``size`` bytes."""

    decode: int
    presented: int
    duration: int
    size: int
    sync: bool


@dataclass(frozen=True, slots=True)
class Fragment:
    """A moof and its samples. ``position`` and ``data`` are bytes from the start of the file: of
    the moof, and of the first sample. ``start`` and ``end`` are when its samples are shown, media
    time units.
    """

    position: int
    data: int
    first: Sample
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SegmentTimes:
    """One media segment. ``start`` and ``end`` are presented seconds, without what the edit list
    cuts off; ``decode_*`` are media time units.

    ``bursts`` say how early bytes are needed: (decode time since ``decode_start``, bytes from the
    start of the file to the end of that sample). Only points that no line between two others
    passes above are kept, so that a long video takes little memory.
    """

    start: Fraction
    end: Fraction
    duration: Fraction
    samples: int
    first_is_sync: bool
    decode_start: int
    decode_end: int
    fragments: tuple[Fragment, ...]
    bursts: tuple[tuple[int, int], ...]


def read_header(stream: BinaryIO) -> TrackHeader:
    """An initialisation segment's one track. Raises `Internal` when there isn't one."""
    moov = next((body for kind, _, body in _boxes(stream) if kind == b"moov"), None)
    if moov is None:
        raise _broken("no moov box")
    tree = dict(_flatten(moov, (b"trak", b"mdia", b"edts", b"mvex", b"minf", b"stbl")))
    try:
        mdhd, trex = tree[b"mdhd"], tree[b"trex"]
        at = 20 if mdhd[0] == 1 else 12
        (timescale,) = struct.unpack_from(">I", mdhd, at)
        _, _, duration, size, flags = struct.unpack_from(">5I", trex, 4)
        entry = read_entry(tree[b"stsd"])
        media_start = _media_start(tree.get(b"elst"))
    except (KeyError, struct.error, IndexError) as error:
        raise _broken("its moov box is incomplete") from error
    if timescale <= 0:
        raise _broken("its time scale is zero")
    return TrackHeader(timescale, media_start, duration, size, flags, entry)


def read_segment(stream: BinaryIO, header: TrackHeader) -> SegmentTimes:
    """The samples of one media segment (one or more fragments). Raises `Internal`."""
    fragments: list[Fragment] = []
    bursts: list[tuple[int, int]] = []
    count, decode_start, decode_end = 0, 0, 0
    for kind, position, body in _boxes(stream):
        if kind != b"moof":
            continue
        try:
            data, samples = _samples(body, position, header)
        except (struct.error, IndexError) as error:
            raise _broken("a fragment header is incomplete") from error
        if not samples:
            continue
        first, last = samples[0], samples[-1]
        if not fragments:
            decode_start = first.decode
        elif first.decode != decode_end:
            raise _broken(f"decode time jumps from {decode_end} to {first.decode}")
        decode_end = last.decode + last.duration
        start = min(sample.presented for sample in samples)
        end = max(sample.presented + sample.duration for sample in samples)
        fragments.append(Fragment(position, data, first, start, end))
        count += len(samples)
        read = data
        for sample in samples:
            read += sample.size
            _add_burst(bursts, (sample.decode - decode_start, read))
    if not fragments:
        raise _broken("it has no samples")
    scale, hidden = header.timescale, header.media_start
    return SegmentTimes(
        start=Fraction(min(fragment.start for fragment in fragments) - hidden, scale),
        end=Fraction(max(fragment.end for fragment in fragments) - hidden, scale),
        duration=Fraction(decode_end - decode_start, scale),
        samples=count,
        first_is_sync=fragments[0].first.sync,
        decode_start=decode_start,
        decode_end=decode_end,
        fragments=tuple(fragments),
        bursts=tuple(bursts),
    )


def _add_burst(bursts: list[tuple[int, int]], new: tuple[int, int]) -> None:
    """Append to the upper hull of points in order of time."""
    while len(bursts) > 1:
        (t0, b0), (t1, b1) = bursts[-2:]
        if (b1 - b0) * (new[0] - t0) > (new[1] - b0) * (t1 - t0):
            break
        bursts.pop()
    bursts.append(new)


def _samples(moof: bytes, position: int, header: TrackHeader) -> tuple[int, list[Sample]]:
    """Where the first sample lies in the file, and all samples of a fragment."""
    defaults = (header.default_duration, header.default_size, header.default_flags)
    decode, data = 0, 0
    samples: list[Sample] = []
    for kind, body in _flatten(moof, (b"traf",)):
        if kind == b"tfhd":
            defaults = _own_defaults(body, defaults)
        elif kind == b"tfdt":
            (decode,) = struct.unpack_from(">Q" if body[0] == 1 else ">I", body, 4)
        elif kind == b"trun":
            if not samples and _flags(body) & _TRUN_OFFSET:
                (offset,) = struct.unpack_from(">i", body, 8)
                data = position + offset
            for cts, length, bytes_, sample_flags in _run(body, *defaults):
                sync = not sample_flags & _NOT_SYNC
                samples.append(Sample(decode, decode + cts, length, bytes_, sync))
                decode += length
    return data, samples


def _own_defaults(tfhd: bytes, defaults: tuple[int, int, int]) -> tuple[int, int, int]:
    """Duration, size and flags of a fragment's samples that say nothing else."""
    duration, size, flags = defaults
    bits, at = _flags(tfhd), 8
    if bits & _TFHD_BASE_OFFSET:
        raise _broken("a fragment says where its samples lie by the file, not by itself")
    at += 4 if bits & _TFHD_DESCRIPTION else 0
    if bits & _TFHD_DURATION:
        (duration,) = struct.unpack_from(">I", tfhd, at)
        at += 4
    if bits & _TFHD_SIZE:
        (size,) = struct.unpack_from(">I", tfhd, at)
        at += 4
    if bits & _TFHD_FLAGS:
        (flags,) = struct.unpack_from(">I", tfhd, at)
    return duration, size, flags


def _run(trun: bytes, duration: int, size: int, flags: int) -> Iterator[tuple[int, int, int, int]]:
    """(composition offset, duration, size, flags) of each sample of a track run."""
    bits = _flags(trun)
    (count,) = struct.unpack_from(">I", trun, 4)
    at = 12 if bits & _TRUN_OFFSET else 8
    first_flags: int | None = None
    if bits & _TRUN_FIRST_FLAGS:
        (first_flags,) = struct.unpack_from(">I", trun, at)
        at += 4
    cts_format = ">i" if trun[0] == 1 else ">I"
    for index in range(count):
        length, bytes_, sample_flags, offset = duration, size, flags, 0
        if index == 0 and first_flags is not None:
            sample_flags = first_flags
        if bits & _TRUN_DURATION:
            (length,) = struct.unpack_from(">I", trun, at)
            at += 4
        if bits & _TRUN_SIZE:
            (bytes_,) = struct.unpack_from(">I", trun, at)
            at += 4
        if bits & _TRUN_FLAGS:
            (sample_flags,) = struct.unpack_from(">I", trun, at)
            at += 4
        if bits & _TRUN_CTS:
            (offset,) = struct.unpack_from(cts_format, trun, at)
            at += 4
        if not bits & (_TRUN_DURATION | _TRUN_SIZE | _TRUN_FLAGS | _TRUN_CTS) and not length:
            raise _broken("a fragment's samples have no duration")
        yield offset, length, bytes_, sample_flags


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


def _boxes(stream: BinaryIO) -> Iterator[tuple[bytes, int, bytes]]:
    """Top-level boxes: kind, position, body. Only moov and moof are read, others are skipped."""
    position = 0
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
            yield kind, position, body
        else:
            stream.seek(length, 1)
        position += size


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
