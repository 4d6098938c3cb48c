"""From facts to a package, in two halves: plan, audio, chunks; joins, proof, package, stills.

Between them is told whether the chunks show what was screened.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from framegate.domain.blurring import frames_of
from framegate.domain.captions import CaptionTrack
from framegate.domain.counted import counted
from framegate.domain.encoding import ChunkReceipt, Encoders
from framegate.domain.ladder import Chunk, EncodePlan
from framegate.domain.layout import MEDIA, PACKAGE
from framegate.domain.media import MediaFacts
from framegate.domain.options import VmafMode
from framegate.domain.package import Packaged, Stills, TrackKind
from framegate.domain.screening import Screening
from framegate.domain.serial import dump, load
from framegate.domain.span import Span
from framegate.errors import Internal
from framegate.flow.state import AudioTracks, Encoded, Receipts, Run, Step, VideoTracks
from framegate.jobs import Answer, Steps
from framegate.stages.encode import encode, hardware
from framegate.stages.encode.audio import encode_audio
from framegate.stages.encode.package import package
from framegate.stages.encode.proof import prove
from framegate.stages.encode.stills import make_stills
from framegate.stages.encode.trial import make_plan
from framegate.storage.local import WorkLost, require_same


@dataclass(frozen=True, slots=True)
class Tracks:
    """What the first half leaves to the second."""

    plan: EncodePlan
    audio: AudioTracks
    receipts: Receipts
    blurred: tuple[Span, ...]


def encode_tracks(
    run: Run,
    steps: Steps,
    facts: MediaFacts,
    encoders: Encoders,
    screening: Screening | None = None,
    *,
    blur: tuple[Span, ...] = (),
) -> Tracks:
    """Plan, and encode all that the plan names, blurred in the spans of ``blur``; each step can be
    resumed, chunks singly.
    """
    hardware.require(encoders, run.options.encode.codec)
    plan = run.step(
        steps,
        Step.PLAN,
        EncodePlan,
        lambda: make_plan(run.context, run.source, facts, run.options.encode, screening),
    )
    audio = run.step(steps, Step.AUDIO, AudioTracks, lambda: _audio(run, facts, plan))
    return Tracks(plan, audio, _chunks(run, steps, facts, plan, encoders, blur=blur), blur)


def blur_again(
    run: Run,
    steps: Steps,
    facts: MediaFacts,
    encoders: Encoders,
    tracks: Tracks,
    *,
    blur: tuple[Span, ...],
) -> Tracks:
    """The tracks blurred elsewhere than they were: only the chunks that it touches are encoded.

    Raises `Internal` where the source was decoded otherwise than the first time: what was compared
    with what was screened would not be what is published.
    """
    if frames_of(blur, tracks.plan.grid, tracks.plan.fields) == frames_of(
        tracks.blurred, tracks.plan.grid, tracks.plan.fields
    ):
        return replace(tracks, blurred=blur)
    receipts = _chunks(run, steps, facts, tracks.plan, encoders, blur=blur, step=Step.BLUR)
    for before, after in zip(tracks.receipts, receipts, strict=True):
        if before.imprints.sha256 != after.imprints.sha256:
            raise Internal("A chunk was decoded otherwise than before", after.id)
    return replace(tracks, receipts=receipts, blurred=blur)


def package_tracks(
    run: Run,
    steps: Steps,
    facts: MediaFacts,
    tracks: Tracks,
    *,
    captions: Sequence[CaptionTrack],
    poster_at: Fraction,
) -> Encoded:
    """Join, measure and package what was encoded."""
    plan, audio, receipts = tracks.plan, tracks.audio, tracks.receipts
    video = run.step(steps, Step.JOIN, VideoTracks, lambda: _join(run, plan, receipts))
    recorded = run.was_resumed(Step.JOIN)
    if run.options.vmaf is not VmafMode.OFF:
        joined = video
        video = run.step(
            steps,
            Step.PROOF,
            VideoTracks,
            lambda: VideoTracks(
                prove(
                    run.context,
                    run.source,
                    facts.video,
                    plan,
                    joined.tracks,
                    full=run.options.vmaf is VmafMode.FULL,
                    blur=tracks.blurred,
                )
            ),
        )
    out = run.context.work / PACKAGE
    packaged = run.step(
        steps,
        Step.PACKAGE,
        Packaged,
        lambda: _package(run, plan, audio, video, captions, verify=recorded),
    )
    stills = run.step(
        steps,
        Step.STILLS,
        Stills,
        lambda: make_stills(
            run.context,
            plan,
            video.tracks,
            audio.tracks,
            out,
            poster_at=poster_at,
        ),
    )
    return Encoded(plan, audio.tracks, video.tracks, packaged, stills, tracks.blurred)


def require_package(root: Path, encoded: Encoded) -> None:
    """Raise `WorkLost` unless all that was packaged is still there, with the sizes it had.

    Between packaging and publishing may lie days, and a person's decision.
    """
    stills = encoded.stills
    names = (*encoded.packaged.files, stills.poster, *stills.sprites, stills.thumbnails)
    for name in (*names, stills.preview):
        if not (root / name).is_file():
            raise WorkLost(name)
    for track in encoded.packaged.tracks:
        kind = "*.vtt" if track.kind is TrackKind.TEXT else "*.m4s"
        segments = (root / MEDIA / track.name).glob(kind)
        if sum(path.stat().st_size for path in segments) != track.size_bytes:
            raise WorkLost(track.name)


def _audio(run: Run, facts: MediaFacts, plan: EncodePlan) -> AudioTracks:
    tracks = []
    for audio in plan.audio:
        done = encode_audio(run.context, run.source, facts, plan, audio)
        if done is not None:
            tracks.append(done)
    return AudioTracks(tuple(tracks))


def _package(
    run: Run,
    plan: EncodePlan,
    audio: AudioTracks,
    video: VideoTracks,
    captions: Sequence[CaptionTrack],
    *,
    verify: bool,
) -> Packaged:
    if verify:
        for sound in audio.tracks:
            require_same(run.context.work / sound.path, sound.sha256)
        for picture in video.tracks:
            require_same(run.context.work / picture.path, picture.sha256)
    out = run.context.work / PACKAGE
    return package(run.context, plan, video.tracks, audio.tracks, out, captions=captions)


def _join(run: Run, plan: EncodePlan, receipts: Receipts) -> VideoTracks:
    return VideoTracks(
        tuple(
            encode.join_rendition(run.context, plan, receipts, rendition)
            for rendition in plan.renditions
        )
    )


def _chunks(
    run: Run,
    steps: Steps,
    facts: MediaFacts,
    plan: EncodePlan,
    encoders: Encoders,
    *,
    blur: tuple[Span, ...],
    step: Step = Step.CHUNK,
) -> Receipts:
    """All chunks, a few at a time; one step each."""
    progress = run.context.progress
    done = dict.fromkeys(range(len(plan.chunks)), 0)
    lock = threading.Lock()
    fresh: set[int] = set()

    def heard(chunk: Chunk) -> Callable[[int], None]:
        def frames(count: int) -> None:
            with lock:
                done[chunk.index] = count
                total = sum(done.values())
            progress.advance(step, float(total))

        return frames

    def one(chunk: Chunk) -> ChunkReceipt:
        fresh.add(chunk.index)
        receipt = run.reading(
            lambda: encode.encode_chunk(
                run.context,
                run.source,
                facts,
                plan,
                chunk,
                source_sha256=run.asset.sha256,
                encoders=encoders,
                blur=blur,
                on_frames=heard(chunk),
            )
        )
        encode.keep(run.context, receipt)
        return receipt

    def work(chunk: Chunk) -> Callable[[], Answer]:
        return lambda: dump(one(chunk))

    began = time.perf_counter()
    progress.start(step, float(plan.grid.frames), "frames")
    answers = steps.parallel(
        step, [work(chunk) for chunk in plan.chunks], at_once=run.chunks_at_once
    )
    receipts = [load(ChunkReceipt, answer) for answer in answers]
    for chunk, receipt in zip(plan.chunks, receipts, strict=True):
        if chunk.index in fresh or encode.intact(run.context.work, receipt):
            continue
        # its files are gone: encoding is deterministic, so doing it again brings them back
        if one(chunk) != receipt:
            raise WorkLost(receipt.id)
    run.note(step, time.perf_counter() - began, resumed=not fresh)
    rungs = ", ".join(rendition.name for rendition in plan.renditions)
    progress.end(step, f"{counted(len(plan.chunks), 'chunk')}, {rungs}")
    return receipts
