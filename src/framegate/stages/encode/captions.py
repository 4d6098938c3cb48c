"""Read the source's captions into WebVTT files: ``captions/<name>.vtt`` in the work folder.

Before screening, for what viewers will read is looked at like what they will see. Pictures of text
(DVD, Blu-ray, DVB) and teletext have no words to take over: they are left out, and said to be.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from framegate.domain import serial, webvtt
from framegate.domain.caption_twins import said_twice
from framegate.domain.captions import (
    MAX_CHARACTERS,
    MAX_CUES,
    Captions,
    CaptionsDone,
    CaptionsMode,
    CaptionsWork,
    CaptionTrack,
    Cue,
    service_name,
)
from framegate.domain.counted import counted
from framegate.domain.languages import english_name, short_tag
from framegate.domain.layout import CAPTIONS
from framegate.domain.media import MediaFacts, TextFacts
from framegate.domain.track_labels import track_labels, unique
from framegate.errors import Internal
from framegate.security.sandbox.limits import Limits
from framegate.stages.base import StageContext
from framegate.storage.atomic import make_folder, writing
from framegate.storage.local import write_hashed
from framegate.storage.source import reopened

STAGE = "captions"
TASK = "framegate.media.captions:read"
LINE_21, SERVICE = "eia_608", "eia_708"
TEXT = frozenset({"subrip", "ass", "ssa", "webvtt", "mov_text", "text", LINE_21})
PICTURES = frozenset({"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub"})
EMBEDDED = frozenset({"h264", "hevc", "av1", "mpeg2video"})
"""Codecs whose pictures may carry captions."""

SERVICES = 63  # of CEA-708: what a number can name
NO_LANGUAGE = "und"
_BYTES_PER_S = 5_000_000  # slowest disk worth waiting for

type Cues = dict[str, list[Cue]]
"""By the task's names of tracks: "2", "0.CC1", "0.SERVICE1"."""


def read_captions(
    context: StageContext, fd: int, facts: MediaFacts, mode: CaptionsMode
) -> Captions:
    """Every text track and embedded caption channel that has a cue. ``fd`` is the open source.

    Raises `DiskFull`, `MediaLimit`, `MediaCrash`, `Undecodable`.
    """
    if mode is CaptionsMode.DROP:
        return Captions(dropped=tuple(f"{_words(each)}: not wanted" for each in facts.text))
    wanted = [each for each in facts.text if not each.embedded and each.codec in TEXT]
    dropped = [
        _refusal(each) for each in facts.text if not each.embedded and each.codec not in TEXT
    ]
    embedded = facts.video.codec in EMBEDDED
    if not wanted and not embedded:
        return Captions(dropped=tuple(dropped))
    work = CaptionsWork(
        tracks=tuple(wanted),
        video=facts.video.index,
        video_codec=facts.video.codec,
        embedded=embedded,
        video_start=facts.video.start,
        length=facts.video.duration_measured,
        max_pixels=facts.video.decoder_pixels,
    )
    context.progress.start(STAGE, float(work.length), "s")
    collected = _Collected(work, context)
    with reopened(fd) as source:
        answer = context.sandbox.run(
            TASK,
            serial.dump(work),
            fds={"source": source},
            limits=_limits(facts),
            on_message=collected.hear,
        )
    done = serial.load(CaptionsDone, answer)
    silent = {each.index for each in wanted}
    for name, why in done.refused:
        collected.cues.pop(name, None)
        silent.discard(_position(name)[0])
        dropped.append(f"track {name.replace('.', ', ')}: {why}")
    if done.lost_packets:
        packets = counted(done.lost_packets, "packet")
        dropped.append(f"CEA-708: {packets} missing or cut short in the source")
    dropped += _without_twins(collected.cues)
    tracks, empty = _tracks(context, facts, collected.cues, silent)
    context.progress.end(STAGE, counted(len(tracks), "caption track"))
    return Captions(tracks, (*dropped, *empty))


class _Collected:
    """What the task told, checked: a child that read hostile bytes is believed nothing."""

    def __init__(self, work: CaptionsWork, context: StageContext) -> None:
        self._work, self._context = work, context
        self.cues: Cues = defaultdict(list)
        self._characters: dict[str, int] = defaultdict(int)
        self._known = {str(track.index) for track in work.tracks}
        lines = [str(track.index) for track in work.tracks if track.codec == LINE_21]
        lines += [str(work.video)] if work.embedded else []
        channels = [f"CC{number}" for number in range(1, 5)]
        channels += [service_name(number) for number in range(1, SERVICES + 1)]
        self._known |= {f"{index}.{channel}" for index in lines for channel in channels}

    def hear(self, message: dict[str, Any]) -> None:
        """One message of the task."""
        try:
            for name, start, end, text in message["cues"]:
                self._take(name, Cue(Fraction(start), Fraction(end), str(text)))
            at = float(Fraction(message["at"]))
        except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
            raise _nonsense("it is no list of cues") from error
        self._context.progress.advance(STAGE, at)

    def _take(self, name: str, cue: Cue) -> None:
        held = self.cues[name] if name in self._known else None
        if held is None or not 0 <= cue.start < cue.end <= self._work.length:
            raise _nonsense("a cue is of no track or no time")
        if cue.text != webvtt.clean(cue.text):
            raise _nonsense("a cue is not plain text")
        self._characters[name] += len(cue.text)
        if len(held) >= MAX_CUES or self._characters[name] > MAX_CHARACTERS:
            raise _nonsense("there are too many cues")
        held.append(cue)


def _without_twins(found: Cues) -> list[str]:
    """Take out what is said twice, and say so."""
    told = []
    pictures: dict[int, dict[str, list[Cue]]] = defaultdict(dict)
    for name, cues in found.items():
        index, channel = _position(name)
        if channel:
            pictures[index][channel] = sorted(cues, key=lambda cue: cue.start)
    for index, channels in sorted(pictures.items()):
        for twin, kept in sorted(said_twice(channels).items()):
            del found[f"{index}.{twin}"]
            told.append(f"track {index}, {twin}: {kept} says the same")
    return told


def _tracks(
    context: StageContext, facts: MediaFacts, found: Mapping[str, Sequence[Cue]], read: set[int]
) -> tuple[tuple[CaptionTrack, ...], list[str]]:
    """The files, and by name which tracks had nothing to say."""
    ordered = {name: webvtt.ordered(cues) for name, cues in found.items()}
    full = sorted((name for name, cues in ordered.items() if cues), key=_order)
    said = {_position(name)[0] for name in full}
    empty = [
        f"{_words(each)}: without any text"
        for each in facts.text
        if each.index in read and each.index not in said
    ]
    origins = {name: _origin(facts, name) for name in full}
    names = unique([_name(origins[name], name) for name in full], "-")
    labels = track_labels(
        [(origins[name].language, _title(origins[name], name)) for name in full], "Captions"
    )
    tracks = []
    default_free = True
    if full:
        with writing(CAPTIONS):
            make_folder(context.work / CAPTIONS)
    for key, name, label in zip(full, names, labels, strict=True):
        content = webvtt.render(ordered[key]).encode()
        path = f"{CAPTIONS}/{name}.vtt"
        origin = origins[key]
        tracks.append(
            CaptionTrack(
                name=name,
                source="track " + key.replace(".", ", "),
                source_index=origin.index,
                codec=origin.codec,
                language=short_tag(origin.language) or NO_LANGUAGE,
                label=label,
                cues=len(ordered[key]),
                path=path,
                sha256=write_hashed(context.work / path, content),
                size_bytes=len(content),
                default=origin.default and default_free,
                forced=origin.forced,
                hearing_impaired=origin.hearing_impaired or "." in key,
            )
        )
        default_free = default_free and not origin.default
    return tuple(tracks), empty


def _origin(facts: MediaFacts, name: str) -> TextFacts:
    """The source's track behind a name; captions in the picture are of the picture's track."""
    index, channel = _position(name)
    codec = SERVICE if channel.startswith("SERVICE") else LINE_21
    known = next((each for each in facts.text if each.index == index and not each.embedded), None)
    if known is None:
        return TextFacts(index, codec, None, embedded=True)
    return replace(known, codec=codec) if channel else known


def _position(name: str) -> tuple[int, str]:
    index, _, channel = name.partition(".")
    return int(index), channel


def _order(name: str) -> tuple[int, int, str]:
    """By the source's tracks; service 2 before service 10."""
    index, channel = _position(name)
    return index, len(channel), channel


def _name(origin: TextFacts, name: str) -> str:
    """Of its file: the channel, else the language and what sets the track apart."""
    channel = name.partition(".")[2]
    if channel:
        return channel
    kind = "-forced" if origin.forced else "-sdh" if origin.hearing_impaired else ""
    return (short_tag(origin.language) or NO_LANGUAGE)[:32] + kind


def _title(origin: TextFacts, name: str) -> str:
    channel = name.partition(".")[2].replace("SERVICE", "Service ")
    kind = "forced" if origin.forced else "SDH" if origin.hearing_impaired else ""
    return origin.title or channel or kind


def _words(text: TextFacts) -> str:
    if text.embedded:
        return f"captions inside the picture ({text.codec})"
    language = english_name(text.language) or text.language or "language not said"
    return f"track {text.index}: {text.codec}, {language}"


def _refusal(text: TextFacts) -> str:
    if text.codec in PICTURES:
        return f"{_words(text)}: pictures of text, no words"
    return f"{_words(text)}: no decoder for it"


def _limits(facts: MediaFacts) -> Limits:
    """One pass over the bytes, and some work for each cue."""
    seconds = 120 + facts.size_bytes / _BYTES_PER_S + float(facts.video.duration_measured) / 10
    return Limits(memory_bytes=1 << 30, cpu_s=math.ceil(seconds), wall_s=seconds, silence_s=seconds)


def _nonsense(why: str) -> Internal:
    return Internal("The answer about captions makes no sense", why)
