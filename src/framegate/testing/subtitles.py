"""Text tracks for tests: cues muxed into a clip, in every codec that containers hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.subtitles.subtitle import SubtitleSet

MS = Fraction(1, 1000)

_HEADER = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n"
    "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, "
    "Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, "
    "Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n"
    "Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\n\n"
    "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


@dataclass(frozen=True, slots=True)
class TextTrack:
    """Cues as (start, end, text in ASS), milliseconds from the first picture; ``codec`` is FFmpeg's
    encoder.
    """

    codec: str
    cues: Sequence[tuple[int, int, str]]
    language: str = ""
    title: str = ""
    disposition: int = 0


def add_text(clip: Path, path: Path, tracks: Sequence[TextTrack]) -> Path:
    """A copy of a clip with text tracks behind its own; the container follows ``path``'s name."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        copied = {s.index: out.add_stream_from_template(s) for s in source.streams}
        made = [(_add(out, track), track) for track in tracks]
        found: list[Any] = [packet for packet in source.demux() if packet.dts is not None]
        for packet in found:
            packet.stream = copied[packet.stream_index]
        shown = [packet for packet in found if packet.stream.type == "video"]
        first = round(min(packet.pts * packet.time_base for packet in shown) / MS)
        for stream, track in made:
            for number, (start, end, text) in enumerate(track.cues):
                found.append(_packet(stream, first + start, first + end, text, number))
        for packet in sorted(found, key=lambda one: one.dts * one.time_base):
            out.mux(packet)
    return path


def _add(out: Any, track: TextTrack) -> Any:  # noqa: ANN401 - PyAV's containers and streams
    stream = out.add_stream(track.codec)
    stream.codec_context.subtitle_header = _HEADER.encode()
    stream.codec_context.time_base = MS
    stream.metadata.update(
        {name: said for name in ("language", "title") if (said := getattr(track, name))}
    )
    if track.disposition:
        stream.disposition = track.disposition
    return stream


def _packet(stream: Any, start: int, end: int, text: str, number: int) -> Any:  # noqa: ANN401 - as above
    event = f"{number},0,Default,,0,0,0,,{text}".encode()
    packet = stream.codec_context.encode_subtitle(SubtitleSet.create(event, 0, end - start, start))
    packet.stream, packet.time_base = stream, MS
    packet.pts = packet.dts = start
    packet.duration = end - start
    return packet
