"""The fitted ladder beside the fixed one: bits for the same picture, and what that costs in CPU.

    python -m benchmarks pertitle
    python -m benchmarks pertitle --clip bigbuckbunny --clip "bikes, soft 1920"

With ``--clip`` only those are measured; the numbers of the others are those of the last time.

Both ladders are encoded whole, as one chunk, from the same source with the same preset. Every rung
is scored at the size of the fixed ladder's top rung, one frame in `EVERY`. CPU is user + system
time of this process for planning (trials included) and encoding.

**BD-rate of a ladder.** A ladder offers a viewer one rung for each bandwidth. Its curve is the
logarithm of the bitrate over VMAF through the rungs on its own upper hull, interpolated by a
monotone piecewise cubic (SciPy's PCHIP), as Bjøntegaard's measure is computed today. Told is the
mean difference of the two curves over the VMAF that both reach, as a share of bitrate. The fitted
ladder is encoded a second time without the parameters that it adds to the preset: that shows how
much comes from choosing sizes and CRFs alone.

**Sources.** Clips with more than one rung as they are; the small ones scaled up to 1920 wide
("soft"; ten seconds at most), as much of what is uploaded was. Those with one rung have no curve:
told are its numbers. All are fitted, also those so short that framegate itself leaves them the
fixed ladder for what trials cost: they stand for longer videos of their kind. Some are not fetched
by `make`, and count where they lie in ``.clips/``.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice, pairwise
from math import exp, log
from pathlib import Path
from statistics import fmean, median
from time import process_time
from typing import Any

import av
from scipy.interpolate import PchipInterpolator

from benchmarks.answers import Answer, Row
from benchmarks.ladders import probe
from benchmarks.sources import CLIPS, OUT
from framegate.domain import serial
from framegate.domain.ladder import Chunk, EncodedRendition, EncodeOptions, EncodePlan
from framegate.domain.media import MediaFacts
from framegate.domain.pertitle import LadderMode
from framegate.domain.proof import VmafDone, VmafWork, Window
from framegate.security.sandbox.limits import Limits
from framegate.stages.base import StageContext
from framegate.stages.encode import encode, hardware, trial
from framegate.testing.sandbox import InProcessSandbox

EVERY = 11  # odd and prime: no place of the B-pyramid is preferred
SOFT_WIDTH, SOFT_S = 1920, 10
SOURCES: tuple[tuple[str, bool], ...] = (
    ("bigbuckbunny.mp4", False),
    ("trailer_bbb.mp4", False),  # from moviepy's source package: 55 s, twelve shots
    ("titles.mp4", False),  # `a.mp4` of gradio's wheel: 1080p, lettering that moves
    ("world.mp4", True),  # of gradio's wheel: a globe at night
    ("cityCC0.mpg", True),
    ("bikes.mp4", True),
    ("cityCC0.mpg", False),
    ("bikes.mp4", False),
    ("carphone_pristine.mp4", False),
)
FIXED, FITTED, PLAIN = "fixed", "fitted", "fitted, preset as it is"


class Quiet:
    """Nobody watches."""

    def start(self, stage: str, total: float | None, unit: str) -> None:
        """Say nothing."""

    def advance(self, stage: str, done: float) -> None:
        """Say nothing."""

    def end(self, stage: str, note: str = "") -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Rung:
    """Measured. ``bitrate`` in bit/s."""

    name: str
    crf: float
    bitrate: int
    vmaf: float


def bench(*, runs: int, quick: bool, clips: Sequence[str] = ()) -> Answer:
    """Measure each source once: bits and VMAF are the same every time, CPU is a sum. ``clips``
    (titles, as the answer has them) limits that to a few, and keeps what is known of the others.

    Raises `LookupError` on a title that there is none of.
    """
    del runs
    wanted = {
        title(name, soft=soft): (name, soft) for name, soft in SOURCES[: 1 if quick else None]
    }
    if unknown := set(clips) - set(wanted):
        raise LookupError(f"no clip is called {', '.join(sorted(unknown))}: {'; '.join(wanted)}")
    kept = OUT / "pertitle.json"
    known = json.loads(kept.read_text())["details"] if clips and kept.is_file() else {}
    details: dict[str, Any] = {}
    for told, (name, soft) in wanted.items():
        if clips and told not in clips:
            details |= {told: known[told]} if told in known else {}
        elif (CLIPS / name).is_file():
            with tempfile.TemporaryDirectory() as folder:
                found = details[told] = compare(CLIPS / name, Path(folder), soft=soft)
            print(told, found["bd_rate"], found["cpu_s"], file=sys.stderr, flush=True)
            gc.collect()
    return Answer(name="pertitle", rows=rows(list(details.values())), details=details)


def title(name: str, *, soft: bool) -> str:
    """What a source is called in the answer."""
    return Path(name).stem + (f", soft {SOFT_WIDTH}" if soft else "")


def rows(clips: list[dict[str, Any]]) -> tuple[Row, ...]:
    """The numbers that have targets, and those that explain them."""
    curves = [each for each in clips if each["bd_rate"] is not None]
    ladders = [each["rungs"][FITTED] for each in clips]
    tops = [rungs[-1]["vmaf"] for rungs in ladders]
    gaps = [b["vmaf"] - a["vmaf"] for rungs in ladders for a, b in pairwise(rungs)]
    foretold = [
        guess["bitrate"] / rung["bitrate"]
        for each in clips
        for guess, rung in zip(
            (each["trials"] or {}).get("predictions", ()), each["rungs"][FITTED], strict=False
        )
    ]
    return (
        Row(
            "BD-rate gain over the fixed ladder, mean of the clips with a curve",
            -fmean(each["bd_rate"] for each in curves),
            at_least=20,
            unit=" %",
        ),
        Row(
            "the same without parameters added to the preset",
            -fmean(each["bd_rate_plain"] for each in curves),
            unit=" %",
        ),
        Row("CPU, trials included, all clips", cpu(clips), at_most=1.25),
        Row(
            f"the same, clips of at least {trial.SHORTEST} frames, which are tried by default",
            cpu([each for each in clips if each["frames"] >= trial.SHORTEST] or clips),
            at_most=1.25,
        ),
        Row("VMAF of the top rung, lowest of all clips", min(tops), at_least=93),
        Row("VMAF of the top rung, highest of all clips", max(tops), at_most=95),
        Row("VMAF between two rungs, least", min(gaps), at_least=6),
        Row("bitrate, predicted over found, lowest of all rungs", min(foretold)),
        Row("bitrate, predicted over found, median", median(foretold)),
        Row("bitrate, predicted over found, highest of all rungs", max(foretold)),
    )


def cpu(clips: list[dict[str, Any]]) -> float:
    """Of the fitted ladders, as a share of the fixed ones'."""
    fixed, fitted = (sum(each["cpu_s"][way] for each in clips) for way in (FIXED, FITTED))
    return float(fitted / fixed)


def compare(clip: Path, work: Path, *, soft: bool) -> dict[str, Any]:
    """Both ladders of one clip, and the fitted one without added parameters."""
    source = scaled_up(clip, work / "source.mp4") if soft else clip
    facts = probe(source)
    context = StageContext(InProcessSandbox(), work, Quiet(), lambda: datetime.now(UTC))
    with source.open("rb") as opened:
        fd = opened.fileno()
        plans, spent, tracks = {}, {}, {}
        for way, mode in ((FIXED, LadderMode.FIXED), (FITTED, LadderMode.PER_TITLE)):
            before = process_time()
            plans[way] = trial.make_plan(context, fd, facts, EncodeOptions(ladder=mode), shortest=0)
            spent[f"{way}, plan"] = process_time() - before
            tracks[way] = encoded(context, fd, facts, plans[way])
            spent[way] = process_time() - before
        plain = tuple(replace(rung, tuned=()) for rung in plans[FITTED].renditions)
        plans[PLAIN] = replace(plans[FITTED], renditions=plain)
        tracks[PLAIN] = encoded(context, fd, facts, plans[PLAIN])
        rungs = score(context, fd, facts, plans[FIXED], tracks)
    fitted = plans[FITTED].title
    return {
        "source": f"{facts.video.display_width}x{facts.video.display_height}, "
        f"{plans[FIXED].grid.frames} frames",
        "frames": plans[FIXED].grid.frames,
        "cpu_s": {way: round(value, 2) for way, value in spent.items()},
        "rungs": {way: [asdict(rung) for rung in found] for way, found in rungs.items()},
        "trials": serial.dump(fitted) if fitted else None,
        "bd_rate": bd_rate(rungs[FIXED], rungs[FITTED]),
        "bd_rate_plain": bd_rate(rungs[FIXED], rungs[PLAIN]),
    }


def encoded(
    context: StageContext, fd: int, facts: MediaFacts, plan: EncodePlan
) -> tuple[EncodedRendition, ...]:
    """The whole ladder as one chunk."""
    plan = replace(plan, chunks=(Chunk(0, 0, plan.grid.frames),))
    versions = hardware.encoders(context.sandbox)
    receipt = encode.encode_chunk(
        context, fd, facts, plan, plan.chunks[0], source_sha256="0" * 64, encoders=versions
    )
    tracks = []
    for rendition in plan.renditions:
        track = encode.join_rendition(context, plan, [receipt], rendition)
        path = context.work / f"{receipt.id[:8]}.{rendition.name}.mp4"
        (context.work / track.path).rename(path)  # the next ladder's rungs have the same names
        tracks.append(replace(track, path=path.name))
    return tuple(tracks)


def score(
    context: StageContext,
    fd: int,
    facts: MediaFacts,
    plan: EncodePlan,
    ladders: dict[str, tuple[EncodedRendition, ...]],
) -> dict[str, list[Rung]]:
    """All rungs of all ladders in one pass, so at one size."""
    named = {f"{way}.{t.rendition.name}": t for way, tracks in ladders.items() for t in tracks}
    work = VmafWork(
        video=facts.video,
        grid=plan.grid,
        renditions=tuple(replace(t.rendition, name=name) for name, t in named.items()),
        fields=plan.fields,
        windows=(Window(0, plan.grid.frames, EVERY, join=False),),
    )
    with ExitStack() as stack:
        fds = {"source": os.dup(fd)}
        stack.callback(os.close, fds["source"])
        os.lseek(fds["source"], 0, os.SEEK_SET)
        for name, track in named.items():
            opened = stack.enter_context((context.work / track.path).open("rb"))
            fds[f"in.{name}"] = opened.fileno()
        answer = context.sandbox.run(
            "framegate.media.vmaf:measure", serial.dump(work), fds=fds, limits=Limits()
        )
    vmaf = {each.rendition: each.vmaf_mean for each in serial.load(VmafDone, answer).windows}
    return {
        way: [
            Rung(
                track.rendition.name,
                track.rendition.crf,
                track.bitrate_mean,
                vmaf[f"{way}.{track.rendition.name}"],
            )
            for track in tracks
        ]
        for way, tracks in ladders.items()
    }


def bd_rate(before: list[Rung], after: list[Rung]) -> float | None:
    """Percent; negative is fewer bits for the same VMAF. None where there is nothing to compare."""
    (qualities, rates), (other_qualities, other_rates) = _curve(before), _curve(after)
    low = max(qualities[0], other_qualities[0])
    high = min(qualities[-1], other_qualities[-1])
    if len(qualities) == 1 or len(other_qualities) == 1 or low >= high:
        return None
    before_area = PchipInterpolator(qualities, rates).integrate(low, high)
    after_area = PchipInterpolator(other_qualities, other_rates).integrate(low, high)
    return float(100 * (exp((after_area - before_area) / (high - low)) - 1))


def _curve(rungs: list[Rung]) -> tuple[list[float], list[float]]:
    """VMAF and log bitrate, ascending, of the rungs that no mixture of two others beats."""
    hull: list[tuple[float, float]] = []
    for rung in sorted(rungs, key=lambda each: (each.bitrate, -each.vmaf)):
        point = (rung.vmaf, log(rung.bitrate))
        if hull and point[0] <= hull[-1][0]:
            continue
        while len(hull) > 1 and _is_under(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return [quality for quality, _ in hull], [rate for _, rate in hull]


def _is_under(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) <= (c[0] - a[0]) * (b[1] - a[1])


def scaled_up(clip: Path, to: Path) -> Path:
    """The picture at `SOFT_WIDTH`, `SOFT_S` of it, as an upload would hold it; no sound."""
    with av.open(str(clip)) as source, av.open(str(to), "w") as out:
        track = source.streams.video[0]
        width, height = track.codec_context.width, track.codec_context.height
        options = {"preset": "veryfast", "crf": "14", "bf": "3"}
        stream = out.add_stream("libx264", rate=track.average_rate, options=options)
        stream.width, stream.pix_fmt = SOFT_WIDTH, "yuv420p"
        stream.height = 2 * round(SOFT_WIDTH * height / width / 2)
        frames = islice(source.decode(track), round(SOFT_S * track.average_rate))
        for index, frame in enumerate(frames):
            large = frame.reformat(stream.width, stream.height, "yuv420p", interpolation="LANCZOS")
            large.pts, large.time_base = index, 1 / track.average_rate
            large.pict_type = av.video.frame.PictureType.NONE
            out.mux(stream.encode(large))
        out.mux(stream.encode(None))
    return to
