"""Screen without models against a pure PyAV full decode: CPU, host and sandboxed child together.

    python benchmarks/screen.py [--runs 7] [--seconds 10] [CLIP…]

Without a clip: bigbuckbunny.mp4 (720p, no B-frames) and the same scaled to 1080p by x264 with
B-frames, both without sound and looped by packet copy. Prints JSON, and one line for each.
Ratios are medians of interleaved runs. Targets: auto 0.75 where the source has frames that no
other frame needs, else 1.10; full 1.10.
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from time import perf_counter, process_time

import av

from framegate.domain.limits import ProbeLimits
from framegate.domain.media import MediaFacts
from framegate.security.sandbox.host import ForkServer
from framegate.stages.base import StageContext
from framegate.stages.probe import probe
from framegate.stages.screen.screen import screen

CLIPS = Path(__file__).parent.parent / ".clips"


@dataclass(frozen=True)
class Nobody:
    """A panel without analysers."""

    stills = ()
    audio = ()
    unavailable = ()


class Quiet:
    """Progress that nobody watches."""

    def start(self, *_: object) -> None:
        """Say nothing."""

    def advance(self, *_: object) -> None:
        """Say nothing."""

    def end(self, *_: object) -> None:
        """Say nothing."""


def scaled(source: Path, to: Path) -> Path:
    """1080p, x264's own defaults for B-frames (3, pyramid)."""
    with av.open(str(source)) as clip, av.open(str(to), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "veryfast", "bf": "3"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for index, frame in enumerate(clip.decode(video=0)):
            large = frame.reformat(1920, 1080, "yuv420p")
            large.pts, large.time_base, large.pict_type = index, Fraction(1, 25), 0
            out.mux(stream.encode(large))
        out.mux(stream.encode(None))
    return to


def looped(source: Path, to: Path, seconds: float) -> Path:
    """The video track again and again, by packet copy."""
    with av.open(str(source)) as clip:
        track = clip.streams.video[0]
        packets = [packet for packet in clip.demux(track) if packet.size]
        lasting = max(packet.pts + packet.duration for packet in packets) - min(
            packet.pts for packet in packets
        )
        times = math.ceil(seconds / (lasting * float(track.time_base)))
    with av.open(str(to), "w") as out:
        stream = None
        for turn in range(times):
            with av.open(str(source)) as clip:
                track = clip.streams.video[0]
                stream = stream or out.add_stream_from_template(track)
                for packet in clip.demux(track):
                    if packet.size:
                        packet.pts += turn * lasting
                        packet.dts += turn * lasting
                        packet.stream = stream
                        out.mux(packet)
    return to


def decode_all(path: Path) -> None:
    with av.open(str(path)) as clip:
        for _frame in clip.decode(video=0):
            pass


def measure(path: Path, server: ForkServer, work: Path, runs: int) -> dict[str, object]:
    context = StageContext(server, work, Quiet(), lambda: datetime.now(UTC))

    def facts_of() -> MediaFacts:
        with path.open("rb") as source:
            return probe(
                context,
                source.fileno(),
                name=path.name,
                size_bytes=path.stat().st_size,
                limits=ProbeLimits(),
            )

    facts = facts_of()
    kept = {}

    def one(mode: str) -> Callable[[], None]:
        def run() -> None:
            with path.open("rb") as source:
                kept[mode] = screen(context, source.fileno(), facts, Nobody(), mode=mode)

        return run

    contenders = {"pyav": lambda: decode_all(path), "auto": one("auto"), "full": one("full")}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(runs + 1):
        for name, contender in contenders.items():
            began = process_time() + server.usage().cpu_s
            at = perf_counter()
            contender()
            if turn:  # the first round warms up
                cpu[name].append(process_time() + server.usage().cpu_s - began)
                wall[name].append(perf_counter() - at)
    result: dict[str, object] = {
        "clip": path.name,
        "frames": facts.video.frames_measured,
        "seconds": round(float(facts.video.duration_measured), 2),
        "pyav_cpu_s": round(statistics.median(cpu["pyav"]), 3),
    }
    for mode in ("auto", "full"):
        pairs = zip(cpu[mode], cpu["pyav"], strict=True)
        result[mode] = {
            "cpu_ratio": round(statistics.median(a / b for a, b in pairs), 3),
            "wall_s": round(statistics.median(wall[mode]), 3),
            "decoded": kept[mode].coverage.frames_decoded,
            "samples": len(kept[mode].samples),
            "largest_gap_s": kept[mode].coverage.largest_gap_s,
            "mode": kept[mode].coverage.mode,
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ForkServer() as server:
        work = Path(folder)
        small = CLIPS / "bigbuckbunny.mp4"
        sources = options.clips or [small, scaled(small, work / "x264-1080p.mp4")]
        results = []
        for number, source in enumerate(sources):
            path = looped(source, work / f"{number}-{source.stem}.mp4", options.seconds)
            results.append(measure(path, server, work, options.runs))
    print(json.dumps(results, indent=1))
    for result in results:
        auto, full = result["auto"], result["full"]
        print(
            f"{result['clip']}: auto {auto['cpu_ratio']} ({auto['mode']}), "
            f"full {full['cpu_ratio']} of a PyAV full decode",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
