"""Caption data inside coded pictures: ATSC A/53 ``cc_data`` without decoding a picture.

H.264, H.265 and AV1 carry it as a registered ITU-T T.35 message, MPEG-2 as user data. Both begin
with a signature of 64 bits or more, so the packet is searched for that instead of being parsed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

_REGISTERED = b"\xb5\x00\x31GA94\x03"  # United States, ATSC, ATSC1_data, cc_data
_USER_DATA = b"\x00\x00\x01\xb2GA94\x03"
_SIGNATURES = {
    "h264": _REGISTERED,
    "hevc": _REGISTERED,
    "av1": _REGISTERED,
    "mpeg2video": _USER_DATA,
}
CODECS = frozenset(_SIGNATURES)
"""Codecs of pictures that captions are found in."""

_ESCAPED = frozenset({"h264", "hevc"})
_TRIPLES = 31  # cc_count has five bits
_PROCESS_CC_DATA = 0x40
_VALID = 0x04
_MESSAGES = 8  # of a packet that are read: one a picture, and pictures may be two fields
_LATEST = 64  # pictures that may wait for their turn: codecs reorder up to 16, of two fields

type Triple = tuple[int, int, int]
"""``cc_type`` (0, 1: CEA-608 of field 1, 2; 2, 3: CEA-708) and two bytes."""


def triples(packet: bytes, codec: str) -> list[Triple]:
    """The valid caption triples of one coded picture, in their order."""
    found: list[Triple] = []
    signature = _SIGNATURES[codec]
    at = packet.find(signature)
    for _ in range(_MESSAGES):
        if at < 0:
            break
        first = at + len(signature)
        data = packet[first : first + 2 + 3 * _TRIPLES + _TRIPLES]
        found += _read(_unescaped(data) if codec in _ESCAPED else data)
        at = packet.find(signature, first)
    return found


def pairs(data: bytes) -> list[Triple]:
    """The valid triples of a packet of a caption track (``c608``), as FFmpeg hands it out."""
    return _valid(data)


@dataclass(slots=True)
class Presented:
    """Caption data comes in decoding order; what leaves is in presentation order."""

    _waiting: list[tuple[int, int, list[Triple]]] = field(default_factory=list)
    _count: int = 0

    def push(
        self, pts: int, dts: int | None, found: list[Triple]
    ) -> Iterator[tuple[int, list[Triple]]]:
        """One picture's data; those before it whose turn has come, with their PTS."""
        self._count += 1
        heapq.heappush(self._waiting, (pts, self._count, found))
        while self._waiting and (
            len(self._waiting) > _LATEST or (dts is not None and self._waiting[0][0] <= dts)
        ):
            yield self._next()

    def finish(self) -> Iterator[tuple[int, list[Triple]]]:
        """The rest."""
        while self._waiting:
            yield self._next()

    def _next(self) -> tuple[int, list[Triple]]:
        pts, _, found = heapq.heappop(self._waiting)
        return pts, found


def _read(data: bytes) -> list[Triple]:
    """``cc_data`` after its type code: flags and count, a reserved byte, triples."""
    if len(data) < 2 or not data[0] & _PROCESS_CC_DATA:  # noqa: PLR2004 - flags, reserved
        return []
    return _valid(data[2 : 2 + 3 * (data[0] & _TRIPLES)])


def _valid(data: bytes) -> list[Triple]:
    return [
        (data[at] & 3, data[at + 1], data[at + 2])
        for at in range(0, len(data) - 2, 3)
        if data[at] & _VALID
    ]


def _unescaped(data: bytes) -> bytes:
    """Without emulation prevention bytes."""
    return data.replace(b"\0\0\3", b"\0\0")
