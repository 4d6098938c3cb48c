"""What will be encoded: ladder, grid, chunks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from framegate.domain.media import FieldOrder
from framegate.domain.pertitle import LadderMode, TitleLadder
from framegate.domain.sound import AudioCodec, AudioPurpose, Levelled, LoudnessMode


class VideoCodec(StrEnum):
    """Output codecs."""

    H264 = "h264"
    H265 = "h265"
    AV1 = "av1"


_X26X = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)
PRESETS: dict[VideoCodec, tuple[str, ...]] = {
    VideoCodec.H264: _X26X,
    VideoCodec.H265: _X26X,
    VideoCodec.AV1: tuple(str(number) for number in range(14)),
}
"""What `EncodeOptions.preset` may say, fast to slow for x264 and x265, the other way for AV1."""


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """What a person may choose about the encode; the rest follows from the source."""

    codec: VideoCodec = VideoCodec.H264
    preset: str | None = None  # None: the codec's default in stages.encode.ladder
    crf_offset: float = 0.0  # added to every rung's CRF; negative is better and bigger
    max_short_side: int = 2160  # no rung above it
    audio_bitrate: int = 128_000  # bit/s of one stereo track
    audio_codec: AudioCodec = AudioCodec.AAC
    loudness: LoudnessMode = LoudnessMode.R128
    chunk_s: int = 30  # least seconds in a chunk; whole segments
    ladder: LadderMode = LadderMode.PER_TITLE


@dataclass(frozen=True, slots=True)
class Rendition:
    """One rung. Rates in bit/s, ``bufsize_bits`` in bits."""

    name: str  # "1080p"; the short side of the displayed picture
    width: int
    height: int
    codec: VideoCodec
    crf: float
    maxrate: int
    bufsize_bits: int
    preset: str
    frame_rate: Fraction
    sample_aspect: Fraction = Fraction(1)  # x width / height is the same in all rungs of a ladder
    tuned: tuple[str, ...] = ()  # the encoder's own parameters over the preset: "trellis=1"

    def step(self, grid: Grid) -> int:
        """Grid frames to one of this rendition: it shows every ``step``-th of them."""
        return int(grid.frame_rate / self.frame_rate)


STEREO_GROUP, SURROUND_GROUP = "audio", "surround"
"""Audio renditions that a viewer can choose between lie in one group; a player takes a group."""


@dataclass(frozen=True, slots=True)
class AudioRendition:
    """One audio track of the package."""

    name: str  # of its folder and playlist
    source_index: int
    codec: str  # an `AudioCodec`
    bitrate: int
    sample_rate: int
    channels: int  # 2, or 6 for 5.1
    language: str
    label: str = ""  # what viewers choose from, unique in the group; "" for plans without it
    group: str = STEREO_GROUP
    purpose: AudioPurpose = AudioPurpose.MAIN
    source_layout: str = "stereo"  # FFmpeg's name of it
    target_lufs: float | None = None  # None: as loud as the source

    @property
    def is_surround(self) -> bool:
        """Whether it is the 5.1 of a track that comes in stereo too."""
        return self.group == SURROUND_GROUP


@dataclass(frozen=True, slots=True)
class Grid:
    """The output timeline: frame n is shown at n / frame_rate from the video's first frame.

    Renditions of a lower rate take every second frame of it (`Rendition.step`); the lengths of
    GOPs, segments and the whole are multiples of every rendition's step.
    """

    frame_rate: Fraction
    frames: int
    gop_frames: int  # round(2 s x fps)
    segment_frames: int  # 2 GOPs


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole segments of the output grid, encoded by one call for all renditions."""

    index: int
    first_frame: int
    frames: int


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is otherwise in the renditions than in the source."""

    what: str  # "Frame rate"
    source: str  # "VFR 23.7-60 fps"
    output: str  # "30 fps"


class FieldWork(StrEnum):
    """What is done about fields before anything else."""

    KEEP = "keep"  # frames are pictures
    FRAMES = "frames"  # deinterlaced, a picture for each frame
    FIELDS = "fields"  # deinterlaced, a picture for each field
    FILM = "film"  # 3:2 pulldown taken back: four pictures for five frames


@dataclass(frozen=True, slots=True)
class Fields:
    """``order``: which field comes first; UNKNOWN leaves it to each frame's flag."""

    work: FieldWork = FieldWork.KEEP
    order: FieldOrder = FieldOrder.UNKNOWN


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """Pure function of facts, options and trials; hashed into each chunk's identity."""

    renditions: tuple[Rendition, ...]
    audio: tuple[AudioRendition, ...]
    grid: Grid
    chunks: tuple[Chunk, ...]
    fields: Fields = Fields()
    notes: tuple[str, ...] = ()  # for example "Frame rate: VFR 23.7-60 fps → 30 fps"
    changes: tuple[Change, ...] = ()  # the notes taken apart
    title: TitleLadder | None = None  # None: the fixed ladder was asked for


@dataclass(frozen=True, slots=True)
class QualityWindow:
    """VMAF over a stretch of output frames of one rendition."""

    rendition: str
    first_frame: int
    frames: int
    join: bool  # the window straddles two chunks
    vmaf_mean: float
    vmaf_min: float


@dataclass(frozen=True, slots=True)
class EncodedRendition:
    """Measured on the finished track."""

    rendition: Rendition
    path: str  # relative to the asset's work folder
    sha256: str
    size_bytes: int
    bitrate_mean: int
    bitrate_peak: int  # over one segment
    frames: int
    windows: tuple[QualityWindow, ...] = ()


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """Measured on the finished track."""

    audio: AudioRendition
    path: str
    sha256: str
    size_bytes: int
    priming_samples: int
    level: Levelled | None = None  # None where it was not measured
