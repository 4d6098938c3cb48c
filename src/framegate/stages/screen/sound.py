"""The sound of every audio track: loudness, silence, speech.

Each track is decoded once and heard whole by every analyser. One of which nothing can be decoded,
or that is one too many, is told as not screened, and so is not published.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framegate.domain import serial
from framegate.domain.audio_tracks import MOST_TRACKS, in_order
from framegate.domain.decoding import BLOCK_S, SOUND_RATE, ListenDone, ListenWork
from framegate.domain.findings import AnalyserRun, Finding, Tag
from framegate.domain.media import AudioFacts, MediaFacts
from framegate.domain.sound import HeardTrack
from framegate.domain.span import Span
from framegate.errors import Internal, Undecodable
from framegate.security.sandbox import FrameHeader, Limits, RingSpec
from framegate.stages.base import StageContext
from framegate.stages.screen.cascade import Listening, Seen
from framegate.stages.screen.protocol import AudioAnalyser
from framegate.storage.source import reopened

TASK = "framegate.media.audio_samples:decode"
RING = RingSpec(slots=2, slot_bytes=BLOCK_S * SOUND_RATE * 4)


@dataclass(frozen=True, slots=True)
class Heard:
    """What listening brought, the default track first; empty without an audio track."""

    tracks: tuple[HeardTrack, ...] = ()
    findings: tuple[Finding, ...] = ()
    tags: tuple[Tag, ...] = ()
    runs: tuple[AnalyserRun, ...] = ()
    spoken_language: str | None = None  # of the first track with speech

    @property
    def first(self) -> HeardTrack | None:
        """The track that plays when nobody chooses, or what comes next where that was not heard."""
        return next((track for track in self.tracks if track.screened), None)


def listen(
    context: StageContext,
    fd: int,
    facts: MediaFacts,
    analysers: Sequence[AudioAnalyser],
    limits: Limits | None = None,
) -> Heard:
    """Decode every audio track once, the default one first. Raises as `screen` does."""
    tracks = in_order(facts.audio)
    if not tracks:
        return Heard(runs=Listening(analysers).skipped("the video has no sound"))
    heard: list[HeardTrack] = []
    seen: list[Seen] = []
    for track in tracks[:MOST_TRACKS]:
        listening = Listening(analysers)
        try:
            told = _listen(context, fd, (facts, track), listening, limits)
        except Undecodable as error:
            told = HeardTrack(track.index, screened=False, why=str(error))
        looked = listening.finish()
        heard.append(told)
        if told.screened:
            seen.append(_of_track(looked, track, several=len(tracks) > 1))
    why = f"only {MOST_TRACKS} audio tracks are listened to"
    heard += [HeardTrack(track.index, screened=False, why=why) for track in tracks[MOST_TRACKS:]]
    if not seen:
        runs = Listening(analysers).skipped("no audio track could be decoded; none is published")
        return Heard(tracks=tuple(heard), runs=runs)
    return Heard(
        tracks=tuple(heard),
        findings=tuple(finding for each in seen for finding in each.findings),
        tags=tuple(tag for each in seen for tag in each.tags),
        runs=tuple(run for each in seen for run in each.runs),
        spoken_language=next((s.spoken_language for s in seen if s.spoken_language), None),
    )


def _of_track(seen: Seen, track: AudioFacts, *, several: bool) -> Seen:
    """The same with the track's number in it, and in words where there are several."""

    def run(each: AnalyserRun) -> AnalyserRun:
        said = (f"track {track.index}" if several else "", each.reason)
        return replace(each, track=track.index, reason=": ".join(filter(None, said)))

    return replace(
        seen,
        findings=tuple(replace(each, track=track.index) for each in seen.findings),
        runs=tuple(run(each) for each in seen.runs),
    )


def _listen(
    context: StageContext,
    fd: int,
    source: tuple[MediaFacts, AudioFacts],
    listening: Listening,
    limits: Limits | None,
) -> HeardTrack:
    facts, track = source
    silence: list[Span] = []

    def on_message(message: dict[str, Any]) -> None:
        try:
            silence.extend(
                Span(Fraction(first), Fraction(last)) for first, last in message["silence"]
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise _nonsense() from error

    def on_frame(header: FrameHeader, pixels: NDArray[np.uint8]) -> None:
        try:
            start = Fraction(header.meta["start"])
            sound = pixels.reshape(-1).view(np.float32)
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise _nonsense() from error
        # a hostile file can decode to NaN; no model has to know
        listening.hear(start, np.nan_to_num(sound, posinf=1.0, neginf=-1.0))

    work = ListenWork(
        index=track.index,
        start=facts.video.start,
        sound=listening.wanted,
        max_pixels=facts.video.decoder_pixels,
    )
    with reopened(fd) as opened:
        answer = context.sandbox.run(
            TASK,
            serial.dump(work),
            fds={"source": opened},
            limits=limits or _limits(track),
            ring=RING,
            on_message=on_message,
            on_frame=on_frame,
        )
    done = serial.load(ListenDone, answer)
    if done.loudness_lufs is not None and not math.isfinite(done.loudness_lufs):
        raise _nonsense()
    return HeardTrack(
        index=track.index,
        screened=done.heard_s > 0,
        why="" if done.heard_s > 0 else "nothing of it can be decoded",
        heard_s=float(done.heard_s),
        loudness_lufs=done.loudness_lufs,
        silence=tuple(silence),
        corrupt_packets=done.corrupt_packets,
    )


def _limits(track: AudioFacts) -> Limits:
    """Thirty times the duration: speech recognition on a slow machine holds the decoder up."""
    seconds = 120.0 + 30.0 * float(track.duration_measured)
    return Limits(cpu_s=math.ceil(seconds), wall_s=seconds, threads=16)


def _nonsense() -> Internal:
    return Internal("The decoder's answer makes no sense", "the sound cannot be read")
