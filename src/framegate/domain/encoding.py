"""What is asked of the encoders and what they answer: requests, answers, receipts."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from framegate.domain.blurring import FrameSpan
from framegate.domain.ladder import AudioRendition, Chunk, Fields, Grid, Rendition
from framegate.domain.media import VideoFacts
from framegate.domain.sound import Level, Levelling


@dataclass(frozen=True, slots=True)
class ChunkWork:
    """One chunk, for all its renditions."""

    video: VideoFacts  # ``keyframes`` cut down to those worth seeking to, ascending
    grid: Grid
    chunk: Chunk
    renditions: tuple[Rendition, ...]
    fields: Fields
    blurred: tuple[FrameSpan, ...] = ()  # of the chunk's frames, in every rendition


@dataclass(frozen=True, slots=True)
class EncodedPart:
    """One rendition of one chunk. ``segment_bytes`` follow the grid's segments."""

    rendition: str
    frames: int
    size_bytes: int  # of the packets
    extradata_sha256: str
    first_pts: int  # frame numbers of the rendition: of its own rate
    reorder_frames: int  # how far packets run behind their presentation: DTS starts so far early
    keyframes: tuple[int, ...]
    segment_bytes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """What encoding a chunk answers."""

    parts: tuple[EncodedPart, ...]
    source_frames: int  # decoded of the chunk's own stretch: each counts in one chunk alone
    corrupt_packets: int  # refused on the way, pre-roll included


@dataclass(frozen=True, slots=True)
class SourceRead:
    """What the encode decoded of the source, all chunks together."""

    frames: int
    corrupt_packets: int


@dataclass(frozen=True, slots=True)
class ChunkFile:
    """A finished file of a chunk."""

    rendition: str
    path: str  # relative to the asset's work folder
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ChunkReceipt:
    """Proof that a chunk is done: its identity, its files with their hashes, its numbers.

    ``imprints`` holds those of the chunk's own source frames; it belongs to no rendition.
    """

    id: str  # SHA-256 over everything that the bytes depend on
    index: int
    files: tuple[ChunkFile, ...]
    imprints: ChunkFile
    done: ChunkDone


@dataclass(frozen=True, slots=True)
class JoinWork:
    """Chunks of one rendition to one track."""

    frame_rate: Fraction
    timescale: int  # ticks a second, the same for all renditions of a grid
    frames: int
    chunk_bytes: tuple[int, ...]  # sizes of the NUT files, in the order they come
    reorder_frames: int
    extradata_sha256: str


@dataclass(frozen=True, slots=True)
class AudioWork:
    """One audio track, whole."""

    audio: AudioRendition
    video_start: Fraction  # source time of the video's first frame, s
    samples: int  # of the output: the video's length at the output rate
    max_pixels: int  # width x height that a decoder may reach
    levelling: Levelling = Levelling()  # noqa: RUF009 - frozen: one value for all


@dataclass(frozen=True, slots=True)
class AudioDone:
    """What encoding an audio track answers."""

    packets: int
    priming_samples: int
    source_frames: int
    corrupt_packets: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What measuring an audio track answers."""

    level: Level
    frames: int  # decoded
    corrupt_packets: int


@dataclass(frozen=True, slots=True)
class Encoders:
    """What the media build of this machine can encode, and the versions that bytes depend on."""

    software: dict[str, bool]  # by output codec
    hardware_built_in: tuple[str, ...]  # in the build; whether a card is there is another matter
    libraries: dict[str, str]
