"""Published = screened: what the encode decoded beside what screening saw. Pure.

Frame counts tell a decoder that lost its way after a seek, a source whose damage shows only in one
of the two passes, a stretch that one of them could not reach. Pictures
(`framegate.domain.unseen`) tell a frame that was put in between two samples.
"""

from __future__ import annotations

from dataclasses import dataclass

from framegate.domain.encoding import SourceRead
from framegate.domain.frames import Coverage
from framegate.domain.unseen import Comparison


@dataclass(frozen=True, slots=True)
class Agreement:
    """``exact`` when screening decoded every frame of the source, so that the numbers must be
    equal; where it left frames out, the encode must have decoded at least as many.

    Of the ``frames_compared`` pictures, ``frames_unlike`` were like nothing that had been looked at
    around them; ``looked_again`` frames were then shown to the analysers, which leaves
    ``left_unseen``.
    """

    frames_screened: int
    frames_encoded: int
    corrupt_packets: int  # refused by the encode's decoder
    exact: bool
    agrees: bool
    frames_compared: int = 0
    frames_unlike: int = 0
    looked_again: int = 0
    left_unseen: int = 0


def compare(
    screened: Coverage, encoded: SourceRead, pictures: Comparison, *, looked_again: int = 0
) -> Agreement:
    """Whether the encode saw what screening saw; ``screened`` counts the second look in."""
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
        agrees=agrees and not screened.unseen_frames,
        frames_compared=pictures.frames,
        frames_unlike=pictures.unlike,
        looked_again=looked_again,
        left_unseen=screened.unseen_frames,
    )
