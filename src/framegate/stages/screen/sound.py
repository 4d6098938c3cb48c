"""The sound of the first audio track: loudness, silence, speech."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framegate.domain.findings import AnalyserRun
from framegate.domain.media import AudioFacts, MediaFacts
from framegate.domain.span import Span
from framegate.errors import Internal
from framegate.security.sandbox import FrameHeader, Limits, RingSpec
from framegate.stages.base import StageContext
from framegate.stages.screen.cascade import Listening, Seen
from framegate.stages.screen.protocol import SOUND_RATE, AudioAnalyser
from framegate.storage.source import reopened

TASK = "framegate.media.audio_samples:decode"
BLOCK_S = 30
RING = RingSpec(slots=2, slot_bytes=BLOCK_S * SOUND_RATE * 4)


@dataclass(frozen=True, slots=True)
class Heard:
    """What listening brought; empty without an audio track."""

    loudness_lufs: float | None = None
    silence: tuple[Span, ...] = ()
    seen: Seen = field(default_factory=Seen)
    runs: tuple[AnalyserRun, ...] = ()


def listen(
    context: StageContext,
    fd: int,
    facts: MediaFacts,
    analysers: Sequence[AudioAnalyser],
    limits: Limits | None = None,
) -> Heard:
    """Decode the default audio track (else the first) once. Raises as `screen` does."""
    listening = Listening(analysers)
    track = _track(facts)
    if track is None:
        return Heard(runs=listening.skipped("the video has no sound"))
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

    with reopened(fd) as source:
        answer = context.sandbox.run(
            TASK,
            {
                "index": track.index,
                "start": str(facts.video.start),
                "sound": bool(analysers),
                "max_pixels": facts.video.decoder_pixels,
            },
            fds={"source": source},
            limits=limits or _limits(track),
            ring=RING,
            on_message=on_message,
            on_frame=on_frame,
        )
    seen = listening.finish()
    loudness = answer.get("loudness_lufs")
    if loudness is not None and not (isinstance(loudness, float) and math.isfinite(loudness)):
        raise _nonsense()
    return Heard(loudness, tuple(silence), seen, seen.runs)


def _track(facts: MediaFacts) -> AudioFacts | None:
    return next((track for track in facts.audio if track.default), None) or next(
        iter(facts.audio), None
    )


def _limits(track: AudioFacts) -> Limits:
    """Thirty times the duration: speech recognition on a slow machine holds the decoder up."""
    seconds = 120.0 + 30.0 * float(track.duration_measured)
    return Limits(cpu_s=math.ceil(seconds), wall_s=seconds, threads=16)


def _nonsense() -> Internal:
    return Internal("The decoder's answer makes no sense", "the sound cannot be read")
