"""Published = screened: what the encode decoded beside what screening decoded. Pure.

Frame counts, for now: they tell a decoder that lost its way after a seek, a source whose damage
shows only in one of the two passes, a stretch that one of them could not reach.
"""

from __future__ import annotations

from dataclasses import dataclass

from framegate.domain.encoding import SourceRead
from framegate.domain.frames import Coverage


@dataclass(frozen=True, slots=True)
class Agreement:
    """``exact`` when screening decoded every frame of the source, so that the numbers must be
    equal; where it left frames out, the encode must have decoded at least as many.
    """

    frames_screened: int
    frames_encoded: int
    corrupt_packets: int  # refused by the encode's decoder
    exact: bool
    agrees: bool


def compare(screened: Coverage, encoded: SourceRead) -> Agreement:
    """Whether the encode saw what screening saw."""
    exact = screened.frames_decoded + screened.undecodable_frames == screened.frames_in_source
    if exact:
        agrees = encoded.frames == screened.frames_decoded
    else:
        agrees = screened.frames_decoded <= encoded.frames <= screened.frames_in_source
    return Agreement(
        frames_screened=screened.frames_decoded,
        frames_encoded=encoded.frames,
        corrupt_packets=encoded.corrupt_packets,
        exact=exact,
        agrees=agrees,
    )
