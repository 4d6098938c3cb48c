"""Chunks, joins and resuming on made clips: whatever the source, frame n of the output is the frame
that the grid says, in every rendition, over every join.
"""

import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

import footage
from chunking import FRAMES, GOP, NTSC, pictures, run_chunks, short_plan
from framegate.domain import serial
from framegate.domain.encoding import ChunkReceipt, Encoders, JoinWork
from framegate.domain.ladder import (
    EncodeOptions,
    EncodePlan,
    Rendition,
    VideoCodec,
)
from framegate.domain.media import MediaFacts
from framegate.domain.slots import SlotRule, on_grid
from framegate.errors import DiskFull, Internal, MediaLimit, UnsupportedInput
from framegate.security.sandbox.limits import Limits
from framegate.stages.base import StageContext
from framegate.stages.encode import encode, hardware
from framegate.stages.encode.ladder import plan as make_plan
from framegate.storage.atomic import TEMPORARY
from framegate.testing.sandbox import InProcessSandbox

MEMORY_WORKER = Path(__file__).with_name("memory_worker.py")


class Counting(InProcessSandbox):
    """Remembers which tasks ran."""

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def run(self, task: str, *args: Any, **more: Any) -> dict[str, Any]:
        self.tasks.append(task)
        return super().run(task, *args, **more)


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    work = tmp_path / "work"
    work.mkdir()
    return StageContext(Counting(), work, None, None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return hardware.encoders(InProcessSandbox())


def joined(context: StageContext, plan: EncodePlan, receipts: list[ChunkReceipt]) -> list[Path]:
    return [
        context.work / encode.join_rendition(context, plan, receipts, rendition).path
        for rendition in plan.renditions
    ]


SOURCES: dict[str, dict[str, Any]] = {
    "h264-closed.mp4": {"options": {"g": "20", "bf": "3"}},
    "h264-open.mp4": {"options": {"g": "20", "x264-params": "open-gop=1:bframes=3:scenecut=0"}},
    "h264-one-key.mp4": {"options": {"g": "1000"}},
    "h264-refresh.mp4": {
        "options": {"g": "20", "x264-params": "intra-refresh=1:bframes=0:scenecut=0"}
    },
    "ms-clock.mkv": {"rate": NTSC, "options": {"g": "20"}},
    "stream.ts": {"options": {"g": "15", "bf": "2"}},
    "hevc-open.mp4": {
        "encoder": "libx265",
        "options": {"preset": "ultrafast", "x265-params": "keyint=20:open-gop=1:log-level=none"},
    },
    "vp9.webm": {"encoder": "libvpx-vp9", "options": {"g": "20", "deadline": "realtime"}},
    "mpeg2.mpg": {"encoder": "mpeg2video", "options": {"g": "15", "bf": "2", "q:v": "2"}},
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_output_frame_is_the_source_frame_of_its_number(
    name: str, tmp_path: Path, context: StageContext, encoders: Encoders
) -> None:
    path = footage.write(tmp_path / name, pictures(), **SOURCES[name])
    facts = footage.facts_of(path)
    plan = short_plan(facts)
    assert plan.grid.frame_rate == SOURCES[name].get("rate", Fraction(25))
    receipts = run_chunks(context, path, facts, plan, encoders)
    assert sum(receipt.done.source_frames for receipt in receipts) == FRAMES
    for track in joined(context, plan, receipts):
        shown = footage.lumas(track)
        assert [footage.number_of(luma) for _, luma in shown] == list(range(FRAMES))
        assert [at for at, _ in shown] == [n / plan.grid.frame_rate for n in range(FRAMES)]


@pytest.mark.parametrize("kind", list(VideoCodec))
def test_a_joined_track_is_one_stream(
    kind: VideoCodec, tmp_path: Path, context: StageContext, encoders: Encoders
) -> None:
    path = footage.write(tmp_path / "source.mp4", pictures())
    facts = footage.facts_of(path)
    plan = short_plan(facts, kind=kind)
    receipts = run_chunks(context, path, facts, plan, encoders)
    tick = plan.grid.frame_rate
    for track in joined(context, plan, receipts):
        with av.open(str(track)) as clip:
            stream = clip.streams.video[0]
            assert stream.start_time == 0
            base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
            colours = stream.codec_context
            assert (colours.color_range, colours.colorspace) == (1, 1)
            assert (colours.color_primaries, colours.color_trc) == (1, 1)
            assert colours.codec_tag == {"h264": "avc1", "h265": "hvc1", "av1": "av01"}[kind]
            packets = [p for p in clip.demux(stream) if p.size]
        keys = [int((p.pts or 0) * base * tick) for p in packets if p.is_keyframe]
        assert keys == list(range(0, FRAMES, GOP))
        dts = [p.dts or 0 for p in packets]
        assert all(a < b for a, b in pairwise(dts))
        assert all((p.pts or 0) >= (p.dts or 0) for p in packets)
        assert [footage.number_of(luma) for _, luma in footage.lumas(track)] == list(range(FRAMES))
    assert all(part.keyframes[0] == part.first_pts for r in receipts for part in r.done.parts)


@pytest.mark.parametrize("kind", list(VideoCodec))
def test_the_same_chunk_gives_the_same_bytes(
    kind: VideoCodec, tmp_path: Path, context: StageContext, encoders: Encoders
) -> None:
    path = footage.write(tmp_path / "source.mp4", pictures(60))
    facts = footage.facts_of(path)
    plan = short_plan(facts, kind=kind, cuts=(0, 24, 60))
    first = run_chunks(context, path, facts, plan, encoders)
    other = replace(context, work=tmp_path / "again")
    other.work.mkdir()
    assert run_chunks(other, path, facts, plan, encoders) == first


@pytest.mark.parametrize("frames", [1, 24])  # x265 takes the first DTS of one frame from memory
@pytest.mark.parametrize("kind", list(VideoCodec))
def test_no_byte_depends_on_what_was_in_memory(
    kind: VideoCodec, frames: int, clips: Path, tmp_path: Path
) -> None:
    said, clip = [], clips / "carphone_pristine.mp4"
    for filler in ("", "0", "1", "128"):
        work = tmp_path / f"filled with {filler}"
        work.mkdir()
        done = subprocess.run(
            [sys.executable, MEMORY_WORKER, clip, work, kind.value, str(frames)],
            env=os.environ
            | {"PYTHONPATH": str(MEMORY_WORKER.parents[1])}
            | ({"MALLOC_PERTURB_": filler} if filler else {}),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        said.append(done.stdout.splitlines())
    assert len(said[0]) >= 3
    assert all(other == said[0] for other in said)


def test_variable_frame_rate_lands_on_the_grid(
    tmp_path: Path, context: StageContext, encoders: Encoders
) -> None:
    steps = [33, 34, 33, 60, 100, 17, 16, 33, 400, 33]
    pts = [0]
    while len(pts) < FRAMES:
        pts.append(pts[-1] + steps[len(pts) % len(steps)])
    path = footage.write(
        tmp_path / "vfr.mkv", pictures(), pts=pts, time_base=Fraction(1, 1000), options={"g": "25"}
    )
    facts = footage.facts_of(path)
    assert facts.video.frame_rate.variable
    plan = short_plan(facts)
    assert plan.notes
    assert plan.notes[0].startswith("Frame rate: VFR")
    rule = SlotRule.of(
        time_base=Fraction(1, 1000), start=Fraction(0), frame_rate=plan.grid.frame_rate
    )
    timed = [(rule.slot(p), n) for n, p in enumerate(pts)]
    expected = [n for _, n in on_grid(timed, first=0, frames=plan.grid.frames)]
    for track in joined(context, plan, run_chunks(context, path, facts, plan, encoders)):
        assert [footage.number_of(luma) for _, luma in footage.lumas(track)] == expected


def test_a_second_run_encodes_nothing_and_a_damaged_chunk_alone_again(
    tmp_path: Path, context: StageContext, encoders: Encoders
) -> None:
    path = footage.write(tmp_path / "source.mp4", pictures())
    facts = footage.facts_of(path)
    plan = short_plan(facts)
    first = run_chunks(context, path, facts, plan, encoders)
    sandbox = context.sandbox
    assert isinstance(sandbox, Counting)
    assert len(sandbox.tasks) == len(plan.chunks)

    assert run_chunks(context, path, facts, plan, encoders) == first
    assert len(sandbox.tasks) == len(plan.chunks)

    victim = context.work / first[1].files[0].path
    damaged = bytearray(victim.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    victim.write_bytes(damaged)
    assert not encode.intact(context.work, first[1])
    with pytest.raises(Internal, match="changed since"):
        joined(context, plan, first)
    assert run_chunks(context, path, facts, plan, encoders) == first
    assert len(sandbox.tasks) == len(plan.chunks) + 2  # the refused join, and one chunk
    assert encode.intact(context.work, first[1])


def test_a_run_that_was_killed_leaves_nothing_that_is_mistaken_for_done(
    tmp_path: Path, context: StageContext, encoders: Encoders
) -> None:
    path = footage.write(tmp_path / "source.mp4", pictures(48))
    facts = footage.facts_of(path)
    plan = short_plan(facts, cuts=(0, 24, 48))
    first = run_chunks(context, path, facts, plan, encoders)
    sandbox = context.sandbox
    assert isinstance(sandbox, Counting)
    folders = [context.work / "chunks" / receipt.id for receipt in first]
    # killed between the files and the receipt; killed while the receipt was written
    (folders[0] / encode.RECEIPT).unlink()
    (folders[0] / f"{TEMPORARY}half").write_bytes(b"half")
    receipt = folders[1] / encode.RECEIPT
    receipt.write_bytes(receipt.read_bytes()[:100])
    assert run_chunks(context, path, facts, plan, encoders) == first
    assert len(sandbox.tasks) == 2 * len(plan.chunks)
    assert list(context.work.rglob(f"{TEMPORARY}*")) == [folders[0] / f"{TEMPORARY}half"]


def test_what_the_bytes_depend_on_is_in_the_chunks_name(tmp_path: Path) -> None:
    facts = footage.facts_of(footage.write(tmp_path / "source.mp4", pictures(48)))
    plan = short_plan(facts, cuts=(0, 24, 48))
    build = Encoders({}, (), {"libavcodec": "1"})
    work = encode.chunk_work(facts, plan, plan.chunks[0])
    name = encode.chunk_id(work, source_sha256="a", encoders=build)
    others = {
        encode.chunk_id(work, source_sha256="b", encoders=build),
        encode.chunk_id(work, source_sha256="a", encoders=Encoders({}, (), {"libavcodec": "2"})),
        encode.chunk_id(replace(work, chunk=plan.chunks[1]), source_sha256="a", encoders=build),
        encode.chunk_id(
            replace(work, renditions=(replace(work.renditions[0], crf=20.0),)),
            source_sha256="a",
            encoders=build,
        ),
    }
    assert len(others) == 4
    assert name not in others
    assert encode.chunk_id(work, source_sha256="a", encoders=build) == name


def test_chunks_of_another_encode_are_not_joined(
    tmp_path: Path, context: StageContext, encoders: Encoders
) -> None:
    path = footage.write(tmp_path / "source.mp4", pictures(48))
    facts = footage.facts_of(path)
    plan = short_plan(facts, cuts=(0, 24, 48))
    receipts = run_chunks(context, path, facts, plan, encoders)
    with pytest.raises(Internal, match="missing"):
        joined(context, plan, receipts[:1])
    wider = tuple(replace(r, width=r.width - 16) for r in plan.renditions)
    other = run_chunks(context, path, facts, replace(plan, renditions=wider), encoders)
    with pytest.raises(Internal, match="headers differ"):
        joined(context, plan, [receipts[0], other[1]])


def chunk_request(facts: MediaFacts, plan: EncodePlan, rung: Rendition) -> dict[str, Any]:
    return serial.dump(replace(encode.chunk_work(facts, plan, plan.chunks[0]), renditions=(rung,)))


@pytest.mark.parametrize("what", ["rendition", "imprints"])
def test_a_full_disk_is_said_to_be_full(tmp_path: Path, what: str) -> None:
    path = footage.write(tmp_path / "source.mp4", pictures(48))
    facts = footage.facts_of(path)
    plan = short_plan(facts, cuts=(0, 48))
    rung = plan.renditions[-1]
    with (
        path.open("rb") as source,
        Path("/dev/full").open("wb") as full,
        (tmp_path / "out").open("wb") as out,
        pytest.raises(DiskFull),
    ):
        InProcessSandbox().run(
            "framegate.media.chunk:encode",
            chunk_request(facts, plan, rung),
            fds={
                "source": source.fileno(),
                f"out.{rung.name}": (full if what == "rendition" else out).fileno(),
                "imprints": (full if what == "imprints" else out).fileno(),
            },
            limits=Limits(),
        )


def test_a_full_disk_is_said_to_be_full_when_joining_too(
    tmp_path: Path, context: StageContext, encoders: Encoders
) -> None:
    path = footage.write(tmp_path / "source.mp4", pictures(48))
    facts = footage.facts_of(path)
    plan = short_plan(facts, cuts=(0, 48))
    (receipt,) = run_chunks(context, path, facts, plan, encoders)
    file, part = receipt.files[0], receipt.done.parts[0]
    work = JoinWork(
        plan.grid.frame_rate,
        12_800,
        48,
        (file.size_bytes,),
        part.reorder_frames,
        part.extradata_sha256,
    )
    with (
        (context.work / file.path).open("rb") as chunk,
        Path("/dev/full").open("wb") as full,
        pytest.raises(DiskFull),
    ):
        InProcessSandbox().run(
            "framegate.media.join:video",
            serial.dump(work),
            fds={"chunks": chunk.fileno(), "out": full.fileno()},
            limits=Limits(),
        )


def test_a_file_over_the_limit_is_a_limit(tmp_path: Path) -> None:
    path = footage.write(tmp_path / "source.mp4", pictures(48))
    facts = footage.facts_of(path)
    plan = short_plan(facts, cuts=(0, 48))
    rung = plan.renditions[-1]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with (
            path.open("rb") as source,
            (tmp_path / "out").open("wb") as out,
            (tmp_path / "imprints").open("wb") as imprints,
            pytest.raises(MediaLimit),
        ):
            InProcessSandbox().run(
                "framegate.media.chunk:encode",
                chunk_request(facts, plan, rung),
                fds={
                    "source": source.fileno(),
                    f"out.{rung.name}": out.fileno(),
                    "imprints": imprints.fileno(),
                },
                limits=Limits(),
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)


def test_a_picture_that_the_codec_cannot_hold_is_refused(tmp_path: Path) -> None:
    tiny = [footage.grey(footage.numbered(n, 32, 16)) for n in range(5)]
    facts = footage.facts_of(footage.write(tmp_path / "tiny.mp4", tiny))
    assert make_plan(facts, EncodeOptions()).renditions[0].height == 16
    with pytest.raises(UnsupportedInput):
        make_plan(facts, EncodeOptions(codec=VideoCodec.AV1))
