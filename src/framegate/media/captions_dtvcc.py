"""CEA-708's transport: triples of ``cc_data`` to DTVCC packets to the bytes of caption services.

By CTA-708-E (47 CFR 79.102). A packet begins with a triple of type 3 and goes on in triples of
type 2, over as many pictures as it takes:

    sequence (2 bits), size (6 bits) │ service (3), size (5) │ bytes │ service, size │ … │ 0
                                       7: one more byte with the number, 7 to 63

What cannot be a packet is passed over until the next one begins. Of a packet that is cut short,
the blocks that came whole are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

START, CONTINUED = 3, 2
"""``cc_type`` of a packet's first triple, and of the others."""

SERVICES = 63
_LARGEST = 128  # bytes, header included: what a size of 0 stands for
_SEQUENCE = 4  # numbers, over and over
_EXTENDED = 7  # the service number behind which another one comes

type Block = tuple[int, bytes]
"""Service number, 1 to 63, and some of its bytes."""


@dataclass(frozen=True, slots=True)
class DtvccPacket:
    """``follows``: nothing is missing between it and the packet before."""

    follows: bool
    blocks: tuple[Block, ...]


@dataclass(slots=True)
class Packets:
    """Puts packets together. ``lost`` counts those that are missing, and those cut short."""

    lost: int = 0
    _sequence: int | None = None  # number of the packet before
    _whole: bool = False  # the packet before was
    _follows: bool = False  # the one being read does
    _wanted: int = 0  # bytes after its header; 0 between packets
    _held: bytearray = field(default_factory=bytearray)

    def push(self, kind: int, first: int, second: int) -> Iterator[DtvccPacket]:
        """One triple of type 2 or 3; the packets that end with it."""
        if kind == START:
            if self._wanted:
                self.lost += 1
                yield self._ended(whole=False)
            self._begin(first)
            self._held.append(second)
        elif self._wanted:
            self._held += bytes((first, second))
        if 0 < self._wanted <= len(self._held):
            yield self._ended(whole=True)

    def _begin(self, header: int) -> None:
        sequence, size = header >> 6, header & 0x3F
        before, self._sequence = self._sequence, sequence
        missing = 0
        if before is not None and sequence != before:  # some writers do not count
            missing = (sequence - before - 1) % _SEQUENCE
        self.lost += missing
        self._follows = self._whole and not missing
        self._wanted = (2 * size or _LARGEST) - 1

    def _ended(self, *, whole: bool) -> DtvccPacket:
        blocks = tuple(_blocks(bytes(self._held[: self._wanted])))
        self._wanted, self._whole = 0, whole
        self._held.clear()
        return DtvccPacket(self._follows, blocks)


def _blocks(data: bytes) -> Iterator[Block]:
    """The service blocks of a packet's bytes; nothing after one that cannot be."""
    at = 0
    while at < len(data):
        service, size = data[at] >> 5, data[at] & 0x1F
        at += 1
        if service == 0 or size == 0:  # the null block: the rest is padding
            return
        if service == _EXTENDED:
            service = data[at] & 0x3F if at < len(data) else 0
            at += 1
            if service < _EXTENDED:
                return
        if at + size > len(data):
            return
        yield service, data[at : at + size]
        at += size
