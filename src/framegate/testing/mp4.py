"""Patch the boxes of a small MP4, to make files that no muxer would write.

For clips whose ``moov`` lies at the end (the default of `make_clip`): inserting into it moves no
media data, so chunk offsets stay right.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts"})


def box(kind: bytes, payload: bytes) -> bytes:
    """A box with a 32-bit size."""
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def full_box(kind: bytes, payload: bytes, *, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags) + payload)


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """The boxes of a payload: kind and payload each."""
    found = []
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        start = at + 8
        if length == 1:
            length = struct.unpack(">Q", data[at + 8 : at + 16])[0]
            start = at + 16
        if length == 0:
            length = len(data) - at
        found.append((kind, data[start : at + length]))
        at += length
    return found


def rewrite(data: bytes, change: Callable[[tuple[bytes, ...], bytes], bytes | None]) -> bytes:
    """The file with each payload replaced by ``change(path, payload)``; None leaves it out.

    ``path`` names a box and its parents, outermost first. Parents are rebuilt after children;
    ``stsd`` is a leaf.
    """
    return _rewrite(data, (), change)


def replace(data: bytes, kind: bytes, change: Callable[[bytes], bytes | None]) -> bytes:
    """`rewrite` for every box of one kind."""
    return rewrite(data, lambda path, payload: change(payload) if path[-1] == kind else payload)


def put(payload: bytes, at: int, layout: str, *values: int) -> bytes:
    """The payload with big-endian numbers (`struct` layout) written at an offset."""
    packed = struct.pack(">" + layout, *values)
    return payload[:at] + packed + payload[at + len(packed) :]


def add_to_sample_entry(data: bytes, extra: bytes) -> bytes:
    """Append a box to the first sample entry of every track's ``stsd``."""

    def change(payload: bytes) -> bytes:
        (kind, entry), *rest = boxes(payload[8:])
        again = b"".join(box(k, p) for k, p in rest)
        return payload[:8] + box(kind, entry + extra) + again

    return replace(data, b"stsd", change)


def _rewrite(
    data: bytes,
    parents: tuple[bytes, ...],
    change: Callable[[tuple[bytes, ...], bytes], bytes | None],
) -> bytes:
    out = b""
    for kind, payload in boxes(data):
        path = (*parents, kind)
        body = _rewrite(payload, path, change) if kind in CONTAINERS else payload
        changed = change(path, body)
        if changed is not None:
            out += box(kind, changed)
    return out
