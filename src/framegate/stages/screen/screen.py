"""Screen: one decode of the source, every look at it, one value.

sandboxed child: decode ─► signals of every frame ─► samples (previews) ─┐ ring
calling thread:  check, find bars, queue ◄───────────────────────────────┘
second thread:   save the preview, run the cascade
then the sound, then coverage and quality
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from framegate.domain.captions import Captions
from framegate.domain.counted import counted
from framegate.domain.creator import findings_of
from framegate.domain.decoding import SampleDone, SampleWork
from framegate.domain.frames import Sample, Signals
from framegate.domain.layout import IMPRINTS, SAMPLES
from framegate.domain.media import MediaFacts, VideoFacts
from framegate.domain.options import ScreenMode
from framegate.domain.sampling import SamplingRule
from framegate.domain.screening import Screening
from framegate.domain.serial import dump, load
from framegate.errors import Internal
from framegate.security.sandbox import Limits
from framegate.stages.base import StageContext
from framegate.stages.screen.behind import Behind
from framegate.stages.screen.cascade import Cascade, not_run
from framegate.stages.screen.coverage import DecodeFacts, Looks, cover
from framegate.stages.screen.protocol import Panel
from framegate.stages.screen.quality import score_quality
from framegate.stages.screen.reading import read
from framegate.stages.screen.sample import (
    RING,
    TASK,
    Decoding,
    decode_limits,
    save_preview,
    with_hashes,
)
from framegate.stages.screen.sound import listen
from framegate.storage.atomic import write_bytes
from framegate.storage.source import reopened

STAGE = "screen"
SIGNALS = "signals.json"
TORN_A_SHOT = 2  # frames of which a cut between fields may leave two pictures (3:2 pulldown)
WAITING = 16  # samples between decoder and models: 11 MB


def screen(
    context: StageContext,
    fd: int,
    facts: MediaFacts,
    panel: Panel,
    *,
    captions: Captions | None = None,
    max_gap_s: float = 1.0,
    mode: ScreenMode = ScreenMode.AUTO,
    sandbox_limits: Limits | None = None,
    rest: Callable[[], None] = lambda: None,
) -> Screening:
    """Look at the source behind ``fd`` (its offset is moved). Writes ``samples/``,
    ``signals.json`` and ``imprints.bin`` into the work folder.

    ``rest`` is called between pictures and sound: what the models of pictures have freed is given
    back before those of sound need it.

    Raises `Undecodable`, `MediaLimit`, `MediaCrash`, and what analysers raise.
    """
    rule = SamplingRule(max_gap=Fraction(str(max_gap_s)))
    seconds = float(facts.video.duration_measured)
    context.progress.start(STAGE, seconds, "s")
    samples = _empty_folder(context.work / SAMPLES)
    cascade = Cascade(panel.stills, panel.judges)

    def look(sample: Sample) -> None:
        save_preview(samples, sample)
        cascade.show(sample)

    with Behind(look, waiting=WAITING) as behind:
        decoding = Decoding(
            facts.video,
            sink=behind.give,
            progress=lambda done: context.progress.advance(STAGE, min(done, seconds)),
        )
        video = replace(facts.video, keyframes=())  # thousands, and none is sought
        whole = _why_whole(mode, video, panel)
        work = SampleWork(video, rule, skip=not whole)
        limits = sandbox_limits or decode_limits(facts.video)
        decoded = _decode(context, fd, work, decoding, limits)
    seen = cascade.finish()
    rest()
    heard = listen(context, fd, facts, panel.audio, sandbox_limits)
    said = read(context, captions or Captions(), panel.captions)
    end = max(facts.video.duration_measured, decoding.time(decoded.last))
    signals = Signals(
        frames=decoding.frame_signals(),
        black=tuple(decoding.black),
        freeze=tuple(decoding.freeze),
        silence=heard.first.silence if heard.first else (),
        loudness_lufs=heard.first.loudness_lufs if heard.first else None,
    )
    _save_signals(context.work / SIGNALS, decoding, facts)
    write_bytes(context.work / IMPRINTS, b"".join(decoding.imprints))
    unchecked = findings_of(panel.unchecked) if panel.unchecked else ()
    shots = decoding.shots(end)
    coverage = cover(
        _decode_facts(facts, decoded, decoding, whole),
        [sample.time for sample in decoding.samples],
        {"signals": [_signal_looks(decoding)], **seen.looks},
        end=end,
        max_gap=rule.max_gap,
    )
    screening = Screening(
        shots=shots,
        samples=with_hashes(decoding.samples, seen.pdq),
        signals=signals,
        findings=(*seen.findings, *heard.findings, *said.findings, *unchecked),
        runs=(*seen.runs, *heard.runs, *said.runs, *not_run(panel.unavailable)),
        tags=(*seen.tags, *heard.tags),
        faces_most=seen.faces_most,
        coverage=replace(
            coverage, torn_frames=decoded.torn if decoded.torn > TORN_A_SHOT * len(shots) else 0
        ),
        quality=score_quality(
            short_side=min(facts.video.display_width, facts.video.display_height),
            samples=[sample.signals for sample in decoding.samples if sample.signals],
            duration=end,
            still=(*signals.black, *signals.freeze),
            loudness_lufs=signals.loudness_lufs,
        ),
        spoken_language=heard.spoken_language,
        identity=seen.identity or panel.unchecked,
        sound=heard.tracks,
        description=seen.description,
    )
    sampled = counted(len(screening.samples), "sample")
    context.progress.end(STAGE, f"{counted(len(screening.shots), 'shot')}, {sampled}")
    return screening


def _decode(
    context: StageContext, fd: int, work: SampleWork, decoding: Decoding, limits: Limits
) -> SampleDone:
    with reopened(fd) as source:
        answer = context.sandbox.run(
            TASK,
            dump(work),
            fds={"source": source},
            limits=limits,
            ring=RING,
            on_message=decoding.on_message,
            on_frame=decoding.on_frame,
        )
    decoded = load(SampleDone, answer)
    if decoded.decoded != len(decoding.pts) or decoded.sampled != len(decoding.samples):
        raise Internal("The decoder's answer makes no sense", "frames are missing")
    return decoded


def _why_whole(mode: ScreenMode, video: VideoFacts, panel: Panel) -> str:
    """Why every frame is to be decoded; "" when some may be left out.

    What is left out depends on the encoder: without it a copy of the video has other samples, and
    the vision model is asked again what its original was. That costs more than to decode.
    """
    if mode is ScreenMode.FULL:
        return "asked for"
    if video.may_be_interlaced:
        return "a frame may hold two fields that are unlike pictures"
    if mode is ScreenMode.AUTO and panel.judges:
        return "a copy must have the same samples, so that the vision model is not asked twice"
    return ""


def _decode_facts(
    facts: MediaFacts, decoded: SampleDone, decoding: Decoding, whole: str
) -> DecodeFacts:
    skipped = decoded.packets - decoded.decoded - decoded.corrupt - decoded.untimed
    if decoded.skipped and skipped > 0:
        mode = "reference-frames"
        why = f"left out: {counted(skipped, 'frame')} that no other frame needs; the gap allows it"
    elif decoded.skipped:
        mode, why = "full", "the source has no frames that could be left out"
    else:
        mode, why = "full", decoded.why_full or whole
    return DecodeFacts(
        in_source=facts.video.frames_measured,
        decoded=decoded.decoded,
        undecodable=decoded.corrupt + decoded.untimed + decoded.misordered,
        mode=mode,
        mode_reason=why,
        lost=tuple(decoding.lost),
    )


def _signal_looks(decoding: Decoding) -> Looks:
    """Every decoded frame was measured."""
    return Looks(len(decoding.pts), [decoding.time(pts) for pts in decoding.pts])


def _empty_folder(folder: Path) -> Path:
    """Previews of an earlier, unfinished run would stand for samples that no longer are."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in folder.glob("*.jpg"):
        old.unlink()
    return folder


def _save_signals(path: Path, decoding: Decoding, facts: MediaFacts) -> None:
    """Every row, and the keyframes: too big for a checkpoint."""
    rows = {
        "time_base": str(facts.video.time_base),
        "start": str(facts.video.start),
        "pts": decoding.pts.tolist(),
        "scene": [round(value, 2) for value in decoding.scene],
        "luma": [round(value, 1) for value in decoding.luma],
        "motion": [round(value, 2) for value in decoding.motion],
        "cuts": decoding.cuts,
        "keyframes": facts.video.keyframes,
    }
    path.write_text(json.dumps(rows, separators=(",", ":")), "utf-8")
