"""Encode audio tracks on the host's side: measure, encode, measure what came out.

source ── measure ──► gain, ceiling ── encode ──► audio/<name>.mp4 ── measure ──► good?
                          ▲                                               │ no
                          └───────────────────────────────────────────────┘
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from framegate.domain import serial
from framegate.domain.encoding import AudioDone, AudioWork, Measured
from framegate.domain.ladder import AudioRendition, EncodedAudio, EncodePlan
from framegate.domain.layout import AUDIO
from framegate.domain.media import MediaFacts
from framegate.domain.sound import Level, Levelled, Levelling
from framegate.errors import Undecodable
from framegate.security.sandbox.limits import Limits
from framegate.stages.base import StageContext
from framegate.stages.encode import levelling
from framegate.storage.atomic import atomic_file, make_folder, writing
from framegate.storage.local import sha256_of
from framegate.storage.source import reopened

MIXED_OVER = 2  # channels: more than these are added up
SLACK_BYTES = 64 << 20  # over the bit rate: headers, fragments


def encode_audio(
    context: StageContext, fd: int, facts: MediaFacts, plan: EncodePlan, audio: AudioRendition
) -> EncodedAudio | None:
    """One audio track, whole: ``audio/<name>.mp4``. None when nothing of it can be decoded.

    Raises what the tasks of `media.audio` and `media.audio_level` raise, and `DiskFull`.
    """
    length = plan.grid.frames / plan.grid.frame_rate
    work = AudioWork(
        audio=audio,
        video_start=facts.video.start,
        samples=round(length * audio.sample_rate),
        max_pixels=facts.video.decoder_pixels,
    )
    path = context.work / AUDIO / f"{audio.name}.mp4"
    try:
        before = _measure_source(context, fd, work)
        channels = next((t.channels for t in facts.audio if t.index == audio.source_index), 0)
        following: Levelling | None = levelling.first(
            before, audio.target_lufs, mixed=channels > MIXED_OVER
        )
        tries: list[tuple[Levelling, Level]] = []
        while following is not None:
            work = replace(work, levelling=following)
            done = _encode(context, fd, work, path, length)
            tries.append((following, _measure_encoded(context, work, path)))
            following = levelling.again(tries, audio.target_lufs)
    except Undecodable:
        return None
    return EncodedAudio(
        audio=audio,
        path=str(path.relative_to(context.work)),
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        priming_samples=done.priming_samples,
        level=Levelled(before, *tries[-1]),
    )


def _measure_source(context: StageContext, fd: int, work: AudioWork) -> Level:
    with reopened(fd) as source:
        return _measured(
            context.sandbox.run(
                "framegate.media.audio_level:source",
                serial.dump(work),
                fds={"source": source},
                limits=_limits(work),
            )
        )


def _measure_encoded(context: StageContext, work: AudioWork, path: Path) -> Level:
    with path.open("rb") as track:
        return _measured(
            context.sandbox.run(
                "framegate.media.audio_level:encoded",
                serial.dump(work),
                fds={"track": track.fileno()},
                limits=_limits(work),
            )
        )


def _measured(answer: dict[str, Any]) -> Level:
    return serial.load(Measured, answer).level


def _encode(
    context: StageContext, fd: int, work: AudioWork, path: Path, length: Fraction
) -> AudioDone:
    with writing(path.name), reopened(fd) as source:
        make_folder(path.parent)
        with atomic_file(path) as out:
            answer = context.sandbox.run(
                "framegate.media.audio:encode",
                serial.dump(work),
                fds={"source": source, "out": out.fileno()},
                limits=replace(
                    _limits(work),
                    file_bytes=int(2 * work.audio.bitrate / 8 * length) + SLACK_BYTES,
                ),
            )
    return serial.load(AudioDone, answer)


def _limits(work: AudioWork) -> Limits:
    """Generous: they stop what runs away, not what is slow."""
    seconds = work.samples / work.audio.sample_rate
    return Limits(memory_bytes=2 << 30, cpu_s=3600 + int(seconds), wall_s=3600.0 + seconds)
