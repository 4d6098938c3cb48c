"""Sandboxed task: every cue of a source's text tracks and of the captions inside its picture.

    packets ─┬─ text track ──► text decoder ──► ASS event ──► words ────┐
             ├─ caption track (c608) ──► triples ──────────┐            ├─► cut, cleaned ─► messages
             └─ picture ──► triples ─► presentation order ─┴─► CEA-608 ─┤
                                                           └─► CEA-708 ─┘

One pass over the packets; no picture is decoded. Messages: ``{"cues": [[track, start, end, text]],
"at": seconds}`` with seconds as fractions from the video's first frame. ``track`` is the number of
the source's track, with ``.CC1`` behind it for CEA-608 and ``.SERVICE1`` for CEA-708.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from av.packet import Packet
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle

from framegate.domain.captions import (
    MAX_CHARACTERS,
    MAX_CUES,
    MAX_SERVICES,
    CaptionsDone,
    CaptionsWork,
    Cue,
)
from framegate.domain.serial import dump, load, prepare
from framegate.domain.webvtt import clean
from framegate.errors import MediaLimit, Undecodable
from framegate.media import captions_a53 as a53
from framegate.media.captions_608 import Field
from framegate.media.captions_708 import Services
from framegate.media.captions_text import MAX_EVENT_BYTES, words
from framegate.media.container import (
    VENDOR_ERRORS,
    Tally,
    open_source,
    packets,
    time_base,
    video_track,
)
from framegate.security.sandbox.call import Call

UNTIMED = Fraction(5)  # s that text stands when the file does not say until when
CAPTION_CODEC = "eia_608"

_BATCH = 8_000  # characters a message: JSON may double them
_REPORT_PACKETS = 5_000
_MS = 1000

prepare(CaptionsWork, CaptionsDone)


def read(call: Call) -> dict[str, Any]:
    """Task: request `CaptionsWork`, descriptor ``source``; answers `CaptionsDone` as JSON.

    Raises `Undecodable` when a track is not where it was found before, `MediaLimit`.
    """
    work = load(CaptionsWork, call.request)
    tally = Tally()
    out = _Outbox(call, work)
    with open_source(call.fd("source"), max_pixels=work.max_pixels) as container:
        readers: dict[int, _Text | _LineTrack | _Picture] = {}
        for track in work.tracks:
            stream = (
                container.streams[track.index] if track.index < len(container.streams) else None
            )
            if not isinstance(stream, SubtitleStream):
                raise Undecodable("The track is not where it was found before", f"{track.index}")
            kind = _LineTrack if track.codec == CAPTION_CODEC else _Text
            readers[track.index] = kind(stream, tally)
        if work.embedded:
            picture = video_track(container, work.video)
            readers[work.video] = _Picture(picture.index, time_base(picture), work.video_codec)
        wanted = [container.streams[index] for index in readers]
        for packet in packets(container, *wanted, tally=tally):
            out.put(packet.stream_index, readers[packet.stream_index].push(packet))
            if tally.packets % _REPORT_PACKETS == 0:
                out.flush()
        for index, reader in readers.items():
            out.put(index, reader.finish(work.video_start + work.length))
    out.flush()
    lines = {i: each.line for i, each in readers.items() if not isinstance(each, _Text)}
    refused = out.refused | {
        f"{index}.{name}": f"more than {MAX_SERVICES} services"
        for index, line in lines.items()
        for name in line.services.refused
    }
    return dump(
        CaptionsDone(
            corrupt_packets=tally.corrupt,
            refused=tuple(sorted(refused.items())),
            lost_packets=sum(line.services.lost for line in lines.values()),
        )
    )


type _Named = Iterator[tuple[str, Cue]]
"""A channel ("" for a text track) and a cue, in the source's own seconds."""


class _Text:
    """A text track."""

    def __init__(self, stream: SubtitleStream, tally: Tally) -> None:
        self._stream = stream
        self._base = time_base(stream)
        self._tally = tally
        self._open: Cue | None = None  # until whatever comes next

    def push(self, packet: Packet[Any]) -> _Named:
        if packet.pts is None:
            self._tally.untimed += 1
            return
        start = packet.pts * self._base
        yield from self.finish(start)
        try:
            said, lasting = self._decode(packet)
        except MemoryError as error:
            raise MediaLimit("A caption cannot be read", "it asks for too much memory") from error
        except VENDOR_ERRORS:
            self._tally.corrupt += 1
            return
        if not said:
            return
        cue = Cue(start, start + lasting, said)
        if lasting > 0:
            yield "", cue
        else:
            self._open = cue

    def finish(self, at: Fraction) -> _Named:
        cue, self._open = self._open, None
        if cue is not None and at > cue.start:
            yield "", Cue(cue.start, min(at, cue.start + UNTIMED), cue.text)

    def _decode(self, packet: Packet[Any]) -> tuple[str, Fraction]:
        if packet.size > MAX_EVENT_BYTES:
            self._tally.corrupt += 1
            return "", Fraction(0)
        lasting = (packet.duration or 0) * self._base
        found = self._stream.codec_context.decode2(packet)
        if found is None:
            return "", lasting
        if lasting <= 0 and 0 < found.end_display_time < 1 << 31:
            lasting = Fraction(found.end_display_time, _MS)
        return "\n".join(words(e.ass) for e in found if isinstance(e, AssSubtitle)), lasting


@dataclass(slots=True)
class _Line:
    """Captions of a track's pictures: line 21 and the services beside it."""

    fields: tuple[Field, Field] = field(default_factory=lambda: (Field(1), Field(3)))
    services: Services = field(default_factory=Services)

    def push(self, found: Sequence[a53.Triple], at: Fraction) -> _Named:
        for kind, first, second in found:
            if kind < len(self.fields):
                yield from self.fields[kind].push(first, second, at)
        rest = [each for each in found if each[0] >= len(self.fields)]
        yield from self.services.push(rest, at)

    def finish(self, at: Fraction) -> _Named:
        for each in (*self.fields, self.services):
            yield from each.finish(at)


class _LineTrack:
    """A caption track of its own (``c608``); packets come in order."""

    def __init__(self, stream: SubtitleStream, tally: Tally) -> None:
        self._base = time_base(stream)
        self._tally = tally
        self.line = _Line()

    def push(self, packet: Packet[Any]) -> _Named:
        if packet.pts is None or packet.size > MAX_EVENT_BYTES:
            self._tally.corrupt += 1
            return
        yield from self.line.push(a53.pairs(bytes(packet)), packet.pts * self._base)

    def finish(self, at: Fraction) -> _Named:
        return self.line.finish(at)


class _Picture:
    """Captions inside the pictures of a track."""

    def __init__(self, index: int, base: Fraction, codec: str) -> None:
        self.index = index
        self._base = base
        self._codec = codec
        self._order = a53.Presented()
        self.line = _Line()

    def push(self, packet: Packet[Any]) -> _Named:
        found = a53.triples(bytes(packet), self._codec)
        if packet.pts is None:
            return
        for pts, presented in self._order.push(packet.pts, packet.dts, found):
            yield from self.line.push(presented, pts * self._base)

    def finish(self, at: Fraction) -> _Named:
        for pts, presented in self._order.finish():
            yield from self.line.push(presented, pts * self._base)
        yield from self.line.finish(at)


class _Outbox:
    """Cues on their way to the host: cut to the picture's time, counted, in messages."""

    def __init__(self, call: Call, work: CaptionsWork) -> None:
        self._call = call
        self._start, self._length = work.video_start, work.length
        self._held: list[list[str]] = []
        self._size = 0
        self._at = Fraction(0)
        self._cues: dict[str, int] = {}
        self._characters: dict[str, int] = {}
        self.refused: dict[str, str] = {}

    def put(self, index: int, found: _Named) -> None:
        """Take what a reader found."""
        for channel, cue in found:
            self._take(f"{index}.{channel}" if channel else str(index), cue)

    def flush(self) -> None:
        """Send what is held, or that there was nothing."""
        held, self._held, self._size = self._held, [], 0
        self._call.emit({"cues": held, "at": str(self._at)})

    def _take(self, track: str, cue: Cue) -> None:
        if track in self.refused:
            return
        start, end = max(cue.start - self._start, Fraction(0)), cue.end - self._start
        end = min(end, self._length)
        text = clean(cue.text)
        if not text or end <= start:
            return
        self._cues[track] = self._cues.get(track, 0) + 1
        self._characters[track] = self._characters.get(track, 0) + len(text)
        if self._cues[track] > MAX_CUES:
            self.refused[track] = f"more than {MAX_CUES} cues"
        elif self._characters[track] > MAX_CHARACTERS:
            self.refused[track] = f"more than {MAX_CHARACTERS} characters"
        else:
            self._held.append([track, str(start), str(end), text])
            self._at = start
            self._size += len(text)
            if self._size > _BATCH or len(self._held) > _BATCH // 40:
                self.flush()
