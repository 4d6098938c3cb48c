"""Open a hostile source by descriptor and read it without falling over.

The only way media tasks open a container. Formats, protocols and decoders are allow-lists, so a
playlist, a script, an image sequence, a data URI or an external data reference has nothing to open
with: FFmpeg sees one descriptor and the protocol ``fd`` and nothing else.

An open file description has one offset: the host opens the source anew for every call, and a task
that reads twice opens, closes and opens again (each opening starts at byte 0).
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any, overload

import av
import av.error

# PyAV imports these when it first meets such a stream; a jailed child can import nothing.
import av.subtitles.codeccontext
import av.subtitles.stream
import av.subtitles.subtitle
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import Container, Flags, InputContainer
from av.packet import Packet
from av.rational import AVRational
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from framegate.domain.disguise import unsafe_kind
from framegate.domain.signature import media_type_of
from framegate.errors import (
    EmptyInput,
    FramegateError,
    Internal,
    MediaLimit,
    NotAVideo,
    Undecodable,
    UnsafeInput,
)
from framegate.media.brightness import described

SOURCE_FORMATS = "mov,matroska,webm,mpegts,mpeg,avi,ogg,flv,mxf,yuv4mpegpipe,asf,ivf"
"""Demuxers for what senders send: containers with timestamps of their own, none that opens more."""

WORK_FORMATS = "nut,mov"
"""Demuxers for framegate's own intermediate files."""

VIDEO_DECODERS = (
    "h264,hevc,vp8,vp9,libdav1d,av1,mpeg1video,mpeg2video,mpeg4,h263,h263p,flv,theora,mjpeg,"
    "prores,dnxhd,dvvideo,rawvideo,ffv1,huffyuv,ffvhuff,utvideo,cfhd,vc1,wmv1,wmv2,wmv3,"
    "msmpeg4v1,msmpeg4v2,msmpeg4,vp6,vp6f,vp6a,jpeg2000,v210,png,qtrle,wrapped_avframe"
)
AUDIO_DECODERS = (
    "aac,mp3float,mp3,mp2float,mp2,ac3,eac3,opus,libopus,vorbis,flac,alac,dca,truehd,mlp,"
    "amrnb,amrwb,wmav1,wmav2,wmapro,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_f32le,pcm_f32be,pcm_u8,pcm_s8,pcm_alaw,pcm_mulaw,pcm_dvd,pcm_bluray,adpcm_ms,"
    "adpcm_ima_wav,adpcm_ima_qt,adpcm_swf,nellymoser,speex,libspeex"
)
TEXT_DECODERS = "subrip,srt,ass,ssa,webvtt,mov_text,text,cc_dec,dvbsub,dvdsub,pgssub,eia_608"
DECODERS = f"{VIDEO_DECODERS},{AUDIO_DECODERS},{TEXT_DECODERS}"
"""Decoders that may touch hostile bytes: what cameras, editors and the web made since 1993."""

GUESSING = int(Flags.gen_pts.value)  # type: ignore[call-overload]  # the stub has the enum itself
"""On by default in PyAV: a missing timestamp becomes that of the next packet, which is none that a
picture is shown at when the file holds places only (AVI): all of them came a frame late.
"""

PROBE_BYTES = 8 << 20
PROBE_US = 10_000_000
MAX_STREAMS = 64
MAX_STALLS = 32  # demux errors in a row, with no packet between, before the rest is given up

VENDOR_ERRORS = (
    av.error.FFmpegError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,  # UnicodeDecodeError is one
)
"""What PyAV was seen to raise on mutated files, and its close relatives."""


@dataclass(slots=True)
class Tally:
    """Counted while reading; one per pass."""

    packets: int = 0
    corrupt: int = 0  # packets that the demuxer or the decoder refused
    frames: int = 0
    untimed: int = 0  # frames without a timestamp: left out
    stopped_early: bool = False  # the demuxer gave up before the end of the file


@contextmanager
def vendor_errors(doing: str) -> Iterator[None]:
    """Turn whatever the vendor raises while ``doing`` into a leaf of `framegate.errors`."""
    try:
        yield
    except FramegateError:
        raise
    except MemoryError as error:
        raise MediaLimit(doing, "it needs more memory than a child may have") from error
    except av.error.InvalidDataError as error:
        raise Undecodable(doing, "the data is damaged") from error
    except VENDOR_ERRORS as error:
        raise Undecodable(doing, f"the reader gave up ({type(error).__name__})") from error


def open_source(
    fd: int,
    *,
    max_pixels: int,
    threads: int = 1,
    formats: str = SOURCE_FORMATS,
    decoders: str = DECODERS,
) -> InputContainer:
    """Open descriptor ``fd`` from byte 0; close the result (it is a context manager).

    ``max_pixels`` (width x height) binds every video decoder, ``threads`` each one's threads.
    Raises `EmptyInput`, `NotAVideo`, `UnsafeInput`, `Undecodable`, `MediaLimit`.
    """
    options = {
        "fd": str(fd),
        "protocol_whitelist": "fd",
        "format_whitelist": formats,
        "codec_whitelist": decoders,
        "max_pixels": str(max_pixels),
        "max_streams": str(MAX_STREAMS),
        "probesize": str(PROBE_BYTES),
        "analyzeduration": str(PROBE_US),
        "threads": "1",  # of the decoders that find_stream_info opens
        # Off already; said here because a data reference is the one door inside an MP4.
        "enable_drefs": "0",
        "use_absolute_path": "0",
    }
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        container = av.open("fd:", mode="r", options=options)
    except MemoryError as error:
        raise MediaLimit("The file cannot be opened", "its headers ask for too much") from error
    except VENDOR_ERRORS as error:
        raise _refusal(fd) from error
    if counts_places(container):
        container.flags &= ~GUESSING
    for stream in container.streams.video:
        prepare_decoder(stream, max_pixels=max_pixels, threads=threads, decoders=decoders)
    return container


def counts_places(container: Container) -> bool:
    """Whether the container knows no timestamps, only which place each picture's data has."""
    return container.format.name == "avi"


def prepare_decoder(
    stream: VideoStream, *, max_pixels: int, threads: int, decoders: str = DECODERS
) -> None:
    """Bind a stream's decoder, before its first packet, to a picture size and a thread count."""
    context: Any = stream.codec_context
    if context is None or context.is_open:
        return
    context.options = {"max_pixels": str(max_pixels), "codec_whitelist": decoders}
    context.thread_count = threads
    context.thread_type = "AUTO"


def packets(container: InputContainer, *streams: Stream, tally: Tally) -> Iterator[Packet[Any]]:
    """Every packet with data of ``streams``, in file order, past damaged stretches.

    A demuxer error ends PyAV's generator but not the demuxer: reading goes on where it stopped,
    until `MAX_STALLS` errors in a row. Where a container `counts_places`, a picture's PTS is its
    place.
    """
    places = counts_places(container)
    stalls = 0
    while True:
        try:
            for packet in container.demux(*streams):
                stalls = 0
                if places and packet.stream.type == "video":
                    packet.pts = packet.dts
                if packet.size:
                    tally.packets += 1
                    yield packet
        except MemoryError as error:
            raise MediaLimit("The file cannot be read", "a packet asks for too much") from error
        except FramegateError:
            raise
        except VENDOR_ERRORS:
            tally.corrupt += 1
            stalls += 1
            if stalls >= MAX_STALLS:
                tally.stopped_early = True
                return
        else:
            return


def video_track(container: InputContainer, index: int) -> VideoStream:
    """The video track that probe chose. Raises `Undecodable` when it is not there."""
    return _track(container, index, VideoStream)


def sought(container: InputContainer, stream: VideoStream, pts: int) -> bool:
    """Go to the keyframe at or before ``pts`` (ticks); False where the file cannot be sought."""
    try:
        container.seek(pts, stream=stream, backward=True)
    except VENDOR_ERRORS:
        return False
    return True


def audio_track(container: InputContainer, index: int) -> AudioStream:
    """An audio track that probe found. Raises `Undecodable` when it is not there."""
    return _track(container, index, AudioStream)


def _track[S: Stream](container: InputContainer, index: int, kind: type[S]) -> S:
    stream = container.streams[index] if index < len(container.streams) else None
    if not isinstance(stream, kind):
        raise Undecodable("The track is not where it was found before", f"track {index}")
    return stream


@overload
def decode_packets(
    source: Iterable[Packet[Any]], stream: VideoStream, *, tally: Tally
) -> Generator[VideoFrame]: ...


@overload
def decode_packets(
    source: Iterable[Packet[Any]], stream: AudioStream, *, tally: Tally
) -> Generator[AudioFrame]: ...


def decode_packets(
    source: Iterable[Packet[Any]], stream: VideoStream | AudioStream, *, tally: Tally
) -> Generator[VideoFrame | AudioFrame]:
    """Frames with a PTS, in presentation order; a damaged packet costs itself, not the rest.

    Flushes the decoder when ``source`` ends. To decode again, seek or open again.
    """
    places = None
    if isinstance(stream, VideoStream):
        source = described(source, stream)
        if counts_places(stream.container):
            places = _Places(stream)
    for packet in chain(source, [None]):
        frames = _decode(stream, packet, tally)
        if places is not None:
            places.take(frames)
        yield from _timed(frames, tally)


class _Places:
    """Gives the pictures of a container that `counts_places` their times: the first one that is
    shown takes the first place, whatever the order in which they are coded.

    A decoder answers with a picture when it has seen as many more packets as it needs for putting
    pictures in order; FFmpeg's own commands show it only then, up to 80 ms after its sound.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._context: Any = stream.codec_context
        self._last: int | None = None

    def take(self, frames: Sequence[VideoFrame | AudioFrame]) -> None:
        """The next ones. When no packets are left, each takes the place after the one before."""
        for frame in frames:
            if frame.dts is not None:  # of the packet that made the decoder answer
                frame.pts = frame.dts - self._context.reorder_depth
            elif self._last is not None:
                frame.pts = self._last + 1
            self._last = frame.pts


def exact(value: AVRational | Fraction | None) -> Fraction | None:
    """A vendor rational as `Fraction`; None for none, zero denominators and 0/1 placeholders."""
    if value is None or not value.denominator or not value.numerator:
        return None
    return Fraction(int(value.numerator), int(value.denominator))


def time_base(stream: Stream) -> Fraction:
    """The stream's time base. Raises `Undecodable` when it has none."""
    found = exact(stream.time_base)
    if found is None or found < 0:
        raise Undecodable("The track has no time base")
    return found


def _decode(
    stream: VideoStream | AudioStream, packet: Packet[Any] | None, tally: Tally
) -> Sequence[VideoFrame | AudioFrame]:
    try:
        return stream.decode(packet)
    except MemoryError as error:
        raise MediaLimit("A frame cannot be decoded", "it asks for too much memory") from error
    except av.error.EOFError:
        return []  # already flushed
    except VENDOR_ERRORS:
        tally.corrupt += 1
        return []


def _timed(
    frames: Sequence[VideoFrame | AudioFrame], tally: Tally
) -> Iterator[VideoFrame | AudioFrame]:
    for frame in frames:
        if frame.pts is None:
            tally.untimed += 1
            continue
        tally.frames += 1
        yield frame


def _refusal(fd: int) -> FramegateError:
    """Why the descriptor could not be opened, from its first bytes."""
    try:
        head = os.pread(fd, 4096, 0)
    except OSError as error:
        return Internal("The source descriptor cannot be read", error.strerror or "")
    if not head:
        return EmptyInput("The file is empty")
    kind = unsafe_kind(head)
    if kind is not None:
        return UnsafeInput("The file is not a video", f"it is {kind}")
    if media_type_of(head) is not None:
        return Undecodable("The file cannot be opened", "its index is missing or damaged")
    return NotAVideo("The file is not a video", "its bytes are no container that framegate reads")
