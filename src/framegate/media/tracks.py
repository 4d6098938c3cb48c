"""Which tracks count: the moving picture that is screened and published, sound, text, the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from framegate.domain.media import AudioFacts, TextFacts
from framegate.domain.sound import AudioPurpose
from framegate.errors import FramegateError, NoVideoTrack, UnsupportedInput
from framegate.media.container import AUDIO_DECODERS, VIDEO_DECODERS

_STILLS = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_DECODERS = frozenset(VIDEO_DECODERS.split(","))
_SOUND_DECODERS = frozenset(AUDIO_DECODERS.split(","))

_PURPOSES = (
    (Disposition.visual_impaired | Disposition.descriptions, AudioPurpose.DESCRIPTION),
    (Disposition.hearing_impaired, AudioPurpose.CLEAR_SPEECH),
    (Disposition.comment, AudioPurpose.COMMENTARY),
    (Disposition.dub, AudioPurpose.DUB),
)
"""A track may carry several flags: the one that a viewer must know most about counts."""


@dataclass(slots=True)
class Extent:
    """Where a track's packets lie on the presentation timeline, ticks of its time base."""

    first: int | None = None
    end: int = 0

    def add(self, pts: int, duration: int) -> None:
        """Take one packet in."""
        self.first = pts if self.first is None else min(self.first, pts)
        self.end = max(self.end, pts + max(0, duration))


@dataclass(slots=True)
class Selection:
    """The chosen video stream, and by name what is left out."""

    video: VideoStream
    audio: list[Any]
    text: list[Any]
    dropped: list[str] = field(default_factory=list)


def select(container: InputContainer) -> Selection:
    """The default video track, else the largest; cover art and thumbnails are not video.

    Raises `NoVideoTrack`, and `UnsupportedInput` when no video track has an allowed decoder.
    """
    moving: list[VideoStream] = []
    sound: list[Any] = []
    dropped: list[str] = []
    unknown: list[str] = []
    refused: list[Any] = []
    for stream in container.streams:
        context: Any = stream.codec_context if stream.type in {"video", "audio"} else None
        if isinstance(stream, VideoStream):
            if stream.disposition & _STILLS:
                dropped.append(f"track {stream.index}: attached picture")
            elif context is None or context.codec.name not in _DECODERS:
                unknown.append(f"track {stream.index}: {codec_name(stream)}, no allowed decoder")
            else:
                moving.append(stream)
        elif stream.type == "audio" and context is not None and context.sample_rate:
            known = context.codec.name in _SOUND_DECODERS
            (sound if known else refused).append(stream)
        elif stream.type != "subtitle":
            dropped.append(f"track {stream.index}: {stream.type} that is not understood")
    if not moving:
        raise _no_picture(container, unknown)
    unknown += [f"track {s.index}: {codec_name(s)}, no allowed decoder" for s in refused]
    chosen = max(moving, key=_rank)
    for other in moving:
        if other is not chosen:
            size = f"{other.codec_context.width}x{other.codec_context.height}"
            dropped.append(f"track {other.index}: further video ({codec_name(other)}, {size})")
    return Selection(chosen, sound, list(container.streams.subtitles), dropped + unknown)


def _no_picture(container: InputContainer, unknown: list[str]) -> FramegateError:
    if unknown:
        return UnsupportedInput(
            "The video track cannot be decoded",
            "; ".join(unknown),
            "Export the video as H.264, H.265, VP9 or AV1",
        )
    return NoVideoTrack("The file has no video track", _what_there_is(container))


def audio_facts(stream: Any, extent: Extent) -> AudioFacts:  # noqa: ANN401 - PyAV's AudioStream
    """What one audio track is, measured from its packets."""
    base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
    first = extent.first if extent.first is not None else 0
    context = stream.codec_context
    return AudioFacts(
        index=stream.index,
        codec=codec_name(stream),
        sample_rate=context.sample_rate,
        channels=context.layout.nb_channels,
        layout=context.layout.name,
        language=language_of(stream),
        start=first * base,
        duration_measured=max(0, extent.end - first) * base
        if extent.first is not None
        else Fraction(0),
        default=bool(stream.disposition & Disposition.default),
        title=title_of(stream),
        purpose=next((p for flag, p in _PURPOSES if stream.disposition & flag), AudioPurpose.MAIN),
    )


def text_facts(streams: Sequence[Any]) -> list[TextFacts]:
    """Subtitle tracks."""
    return [
        TextFacts(
            s.index,
            codec_name(s),
            language_of(s),
            title=title_of(s),
            default=bool(s.disposition & Disposition.default),
            forced=bool(s.disposition & Disposition.forced),
            hearing_impaired=bool(
                s.disposition & (Disposition.hearing_impaired | Disposition.captions)
            ),
        )
        for s in streams
    ]


def language_of(stream: Stream) -> str | None:
    """The track's language tag; None when unsaid ("und")."""
    tag = (stream.metadata.get("language") or "").strip()
    return tag if tag and tag != "und" else None


def title_of(stream: Stream) -> str | None:
    """What the track calls itself; MP4 calls that a name."""
    said = stream.metadata.get("title") or stream.metadata.get("name") or ""
    return said.strip() or None


def codec_name(stream: Stream) -> str:
    """The codec's name ("h264", "av1"), not its decoder's ("libdav1d")."""
    context: Any = stream.codec_context  # None where FFmpeg has no decoder
    return "unknown" if context is None else str(context.codec.canonical_name)


def _rank(stream: VideoStream) -> tuple[bool, int, int]:
    area = (stream.codec_context.width or 0) * (stream.codec_context.height or 0)
    return bool(stream.disposition & Disposition.default), area, -stream.index


def _what_there_is(container: InputContainer) -> str:
    kinds = sorted({s.type for s in container.streams if s.type != "video"})
    return f"it holds only {', '.join(kinds)}" if kinds else "it holds no readable track"
