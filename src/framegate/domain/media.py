"""What a media file is: claimed by its headers beside measured from its packets and frames.

Names end in ``_claimed`` (header) or ``_measured`` (packets, frames) where the two can differ.
Times are exact seconds (`Fraction`), on the presentation timeline after edit lists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from framegate.domain.sound import AudioPurpose

_BLOCK = 64  # px: codecs code whole blocks, none larger than this
_LEAST_BOUND = 3840 * 2160

PQ_PEAK = 1000
"""cd/m2 that PQ is taken to reach where no metadata says: the mastering peak of HDR10 as it is
mostly made, and HLG's reference display."""

PQ_TRANSFER, HLG_TRANSFER = "smpte2084", "arib-std-b67"
"""Transfer curves of HDR (ITU-R BT.2100), as H.273 names them."""

INTERLACED_LEAST = 0.15
"""`VideoFacts.interlaced_measured` from which a track is interlaced. Progressive clips measure 0
(MPEG-2 at a low rate up to 0.03), interlaced ones over 0.9; half of that where an encoder that knew
nothing of fields blurred them into each other."""


def decoder_pixels(width: int, height: int) -> int:
    """Width x height that a decoder may reach for a track of this coded size: whole blocks of it,
    or 4K where that is more (a stream may grow on the way; up to there it costs little).
    """
    return max(_LEAST_BOUND, math.ceil(width / _BLOCK) * math.ceil(height / _BLOCK) * _BLOCK**2)


class HdrKind(StrEnum):
    """Dynamic range of the picture."""

    SDR = "sdr"
    PQ = "pq"
    HLG = "hlg"
    DOLBY_VISION_5 = "dolby-vision-5"
    DOLBY_VISION_8 = "dolby-vision-8"
    DOLBY_VISION_OTHER = "dolby-vision-other"


class FieldOrder(StrEnum):
    """How lines are laid out in time."""

    PROGRESSIVE = "progressive"
    TOP_FIRST = "top-first"
    BOTTOM_FIRST = "bottom-first"
    UNKNOWN = "unknown"


class Telecine(StrEnum):
    """How film of 24 pictures a second came to 30 frames: not at all, by fields repeated in the
    pictures, or by flags that ask the display to repeat them.
    """

    NONE = "none"
    PICTURES = "pictures"
    FLAGS = "flags"


@dataclass(frozen=True, slots=True)
class Colour:
    """ITU-T H.273 names. ``*_claimed`` is None where untagged; the others are what framegate uses.

    Untagged material is BT.709 from 1280x720 up, else BT.601 (525 lines: smpte170m, 625: bt470bg).
    """

    primaries_claimed: str | None
    transfer_claimed: str | None
    matrix_claimed: str | None
    range_claimed: str | None
    primaries: str
    transfer: str
    matrix: str
    full_range: bool


@dataclass(frozen=True, slots=True)
class Rotation:
    """The display matrix, taken apart: flip first (mirror left-right), then turn clockwise."""

    clockwise_deg: int = 0  # 0, 90, 180, 270
    flip_horizontal: bool = False


@dataclass(frozen=True, slots=True)
class Crop:
    """Pixels to cut from the coded picture (clean aperture)."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


@dataclass(frozen=True, slots=True)
class FrameRate:
    """Frames a second. ``variable`` when measured intervals differ by more than a time base tick
    and 2 % of the median; ``measured`` is then the mean, or the rate of the grid on which the
    frames lie when only some (at most a tenth) are missing.
    """

    claimed: Fraction | None
    measured: Fraction
    variable: bool
    shortest_interval: Fraction
    longest_interval: Fraction


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """The video track that framegate screens and publishes."""

    index: int
    codec: str
    profile: str | None
    width: int  # coded, before crop, sample aspect and rotation
    height: int
    display_width: int  # what a viewer should see: square pixels, cropped, rotated; even
    display_height: int
    sample_aspect: Fraction
    rotation: Rotation
    clean_aperture: Crop
    pixel_format: str
    bit_depth: int
    chroma: str  # "420", "422", "444", "400", "rgb"
    has_alpha: bool
    colour: Colour
    hdr: HdrKind
    field_order_claimed: FieldOrder
    interlaced_measured: float  # share of frames with fields of two moments, of those that tell
    frame_rate: FrameRate
    time_base: Fraction
    start: Fraction  # PTS of the first presented frame, s
    duration_claimed: Fraction | None
    duration_measured: Fraction  # last PTS + its interval - first PTS
    frames_claimed: int | None
    frames_measured: int  # packets seen by the demuxer
    keyframes: tuple[int, ...]  # PTS in time_base units, ascending
    has_b_frames: bool
    interlaced_flagged: float = 0.0  # share of probed frames, 0..1
    field_order_measured: FieldOrder = FieldOrder.UNKNOWN  # UNKNOWN: too little moves to tell
    telecine: Telecine = Telecine.NONE
    mastering_peak: int | None = None  # cd/m2 that HDR metadata says; None where it says none
    coded_aspect: Fraction = Fraction(1)  # sample aspect that the first frame itself has

    @property
    def decoder_pixels(self) -> int:
        """The bound of every pass over this track, so that no pass shows pictures that another
        one, screening above all, could not see.
        """
        return decoder_pixels(self.width, self.height)

    @property
    def may_be_interlaced(self) -> bool:
        """Whether the encode may publish a frame's fields as pictures of their own."""
        measured = self.interlaced_measured >= INTERLACED_LEAST
        return measured or self.interlaced_flagged > 1 / 2 or self.telecine is Telecine.PICTURES

    @property
    def hdr_transfer(self) -> str | None:
        """The curve that screening and encoding map to SDR from; None for SDR. Dolby Vision is
        shown by its base layer.
        """
        transfer = self.colour.transfer
        return transfer if transfer in (PQ_TRANSFER, HLG_TRANSFER) else None


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """One audio track."""

    index: int
    codec: str
    sample_rate: int
    channels: int
    layout: str
    language: str | None
    start: Fraction
    duration_measured: Fraction
    default: bool
    title: str | None = None
    purpose: AudioPurpose = AudioPurpose.MAIN


@dataclass(frozen=True, slots=True)
class TextFacts:
    """A subtitle or caption track; ``embedded`` for CEA-608/708 inside the video."""

    index: int
    codec: str
    language: str | None
    embedded: bool = False
    title: str | None = None
    default: bool = False
    forced: bool = False
    hearing_impaired: bool = False


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """Everything probe found. ``dropped`` names what will not be published and why."""

    container: str
    container_claimed: str  # by file name extension; "" when none
    size_bytes: int
    bit_rate: int  # size over measured duration, bit/s
    start: Fraction
    duration_claimed: Fraction | None
    duration_measured: Fraction
    video: VideoFacts
    audio: tuple[AudioFacts, ...]
    text: tuple[TextFacts, ...]
    has_edit_list: bool
    truncated: bool
    readable_share: float  # measured over claimed duration, 0..1
    corrupt_packets: int
    warnings: tuple[str, ...]
    dropped: tuple[str, ...]
