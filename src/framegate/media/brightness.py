"""How bright PQ pictures get, for files that do not say.

PQ codes reach 10,000 cd/m2. A mastering display's metadata says how much of that is used; without,
swscale maps all of it, and pictures graded for 1,000 cd/m2, which nearly all are, come out dark.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from av.packet import Packet, PacketSideData, packet_sidedata_type_from_literal
from av.video.stream import VideoStream

from framegate.domain.media import PQ_PEAK

_PQ = 16  # H.273
_SAID: Literal["mastering_display_metadata"] = "mastering_display_metadata"
_BT2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)  # red, green, blue, white
_UNIT = 50_000  # of a chromaticity

_PLACES = "".join(struct.pack("=2i", round(at * _UNIT), _UNIT).hex() for at in _BT2020)
ASSUMED: bytes = bytes.fromhex(_PLACES) + struct.pack("=6i", 0, 1, PQ_PEAK, 1, 1, 1)
"""FFmpeg's AVMasteringDisplayMetadata: primaries, white, black and peak as pairs of integers, then
whether colours and luminances are there."""

_PEAK_AT = len(ASSUMED) - 16


def described(source: Iterable[Packet[Any]], stream: VideoStream) -> Iterator[Packet[Any]]:
    """The packets of a stream; those of PQ without a word about its mastering with `ASSUMED`.

    What the bitstream itself says still wins: decoders put it over what comes with the packet.
    """
    context: Any = stream.codec_context
    if context is None or int(context.color_trc) != _PQ or _SAID in context.coded_side_data:
        yield from source
        return
    side_data: Any = PacketSideData  # the stubs do not know how it is made
    assumed = side_data(packet_sidedata_type_from_literal(_SAID), len(ASSUMED))
    assumed.update(ASSUMED)
    for packet in source:
        packet.set_sidedata(assumed)
        yield packet


def peak_of(metadata: bytes) -> int | None:
    """The mastering peak, cd/m2, that a frame's metadata says; None for `ASSUMED` and nonsense."""
    if len(metadata) != len(ASSUMED) or metadata == ASSUMED:
        return None
    peak, unit, _, has_luminance = struct.unpack("=4i", metadata[_PEAK_AT:])
    return round(peak / unit) if has_luminance and unit > 0 else None
