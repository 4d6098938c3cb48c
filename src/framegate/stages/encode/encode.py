"""Run the encode on the host's side: chunks with receipts, and joins.

    chunks/<id>/<rendition>.nut  ─┐
    chunks/<id>/chunk.json        ├─ join ─► video/<rendition>.mp4
    chunks/<id>/…                ─┘
    chunks/<id>/imprints.bin: of each source frame, to be compared with what was screened

A chunk's id is a hash of everything that its bytes depend on, so an existing chunk with an intact
receipt *is* the chunk: that is how a second run goes on where the first one stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from framegate.domain import serial
from framegate.domain.blurring import frames_of, within
from framegate.domain.encoding import (
    ChunkDone,
    ChunkFile,
    ChunkReceipt,
    ChunkWork,
    EncodedPart,
    Encoders,
    JoinWork,
)
from framegate.domain.ladder import (
    Chunk,
    EncodedRendition,
    EncodePlan,
    Grid,
    Rendition,
)
from framegate.domain.layout import CHUNKS, IMPRINTS, VIDEO
from framegate.domain.media import MediaFacts
from framegate.domain.slots import SlotRule
from framegate.domain.span import Span
from framegate.errors import FramegateError, Internal
from framegate.security.sandbox.limits import Limits
from framegate.stages.base import StageContext
from framegate.stages.encode.files import Feed, verify
from framegate.storage.atomic import atomic_file, make_folder, write_bytes, writing
from framegate.storage.local import sha256_of
from framegate.storage.source import reopened

CONTRACT = 5
"""Raise when the encode tasks change so that bytes differ: old chunks are then not reused."""

LEAST_TIMESCALE = 10_000  # as FFmpeg's muxer has it
SEEK_CHOICES = 8  # keyframes before a chunk that are worth a try
RECEIPT = "chunk.json"
SLACK_BYTES = 64 << 20  # over the ceiling: headers, and rate control that has just begun


def chunk_work(
    facts: MediaFacts, plan: EncodePlan, chunk: Chunk, blur: Sequence[Span] = ()
) -> ChunkWork:
    """The request for one chunk, with only the keyframes that it may seek to, and what of it is to
    be blurred.
    """
    video = facts.video
    rule = SlotRule.of(
        time_base=video.time_base, start=video.start, frame_rate=plan.grid.frame_rate
    )
    before = [pts for pts in video.keyframes if rule.slot(pts) <= chunk.first_frame]
    return ChunkWork(
        video=replace(video, keyframes=tuple(before[-SEEK_CHOICES:])),
        grid=plan.grid,
        chunk=chunk,
        renditions=plan.renditions,
        fields=plan.fields,
        blurred=within(frames_of(blur, plan.grid, plan.fields), chunk),
    )


def chunk_id(work: ChunkWork, *, source_sha256: str, encoders: Encoders) -> str:
    """SHA-256 (hex) over all that the chunk's bytes depend on."""
    said = {
        "contract": CONTRACT,
        "source": source_sha256,
        "work": serial.dump(work),
        "libraries": encoders.libraries,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def encode_chunk(
    context: StageContext,
    fd: int,
    facts: MediaFacts,
    plan: EncodePlan,
    chunk: Chunk,
    *,
    source_sha256: str,
    encoders: Encoders,
    blur: Sequence[Span] = (),
    on_frames: Callable[[int], None] | None = None,
) -> ChunkReceipt:
    """Encode a chunk, or find it done. ``fd`` is the open source; its offset is left alone. Frames
    of the spans in ``blur`` are made unrecognisable.

    The receipt holds from `keep` on: once the caller knows that the source did not change
    meanwhile. ``on_frames`` hears how many frames of the chunk are encoded, from the calling
    thread.
    Raises what `media.chunk` raises, and `DiskFull`.
    """
    work = chunk_work(facts, plan, chunk, blur)
    name = chunk_id(work, source_sha256=source_sha256, encoders=encoders)
    folder = context.work / CHUNKS / name
    done = _receipt(context.work, folder / RECEIPT, name)
    if done is not None:
        if on_frames:
            on_frames(chunk.frames)
        return done

    def message(said: dict[str, object]) -> None:
        if on_frames and isinstance(frames := said.get("frames"), int):
            on_frames(min(frames, chunk.frames))

    with writing(folder.name), ExitStack() as open_files:
        make_folder(folder)
        source = open_files.enter_context(reopened(fd))
        outs = {
            rendition.name: open_files.enter_context(atomic_file(folder / f"{rendition.name}.nut"))
            for rendition in plan.renditions
        }
        imprints = open_files.enter_context(atomic_file(folder / IMPRINTS))
        answer = context.sandbox.run(
            "framegate.media.chunk:encode",
            serial.dump(work),
            fds={"source": source, "imprints": imprints.fileno()}
            | {f"out.{name}": out.fileno() for name, out in outs.items()},
            limits=_limits(plan.renditions, chunk.frames / plan.grid.frame_rate),
            on_message=message,
        )
    if on_frames:
        on_frames(chunk.frames)
    return ChunkReceipt(
        id=name,
        index=chunk.index,
        files=tuple(
            _file(context.work, folder / f"{rendition.name}.nut", rendition.name)
            for rendition in plan.renditions
        ),
        imprints=_file(context.work, folder / IMPRINTS, ""),
        done=serial.load(ChunkDone, answer),
    )


def keep(context: StageContext, receipt: ChunkReceipt) -> None:
    """Make a chunk's receipt durable: from now on it is not encoded again. Raises `DiskFull`."""
    folder = context.work / CHUNKS / receipt.id
    write_bytes(folder / RECEIPT, json.dumps(serial.dump(receipt)).encode())


def intact(work: Path, receipt: ChunkReceipt) -> bool:
    """Whether every file of a chunk is there with the bytes that the receipt names."""
    try:
        for file in (*receipt.files, receipt.imprints):
            verify(work, file)
    except (OSError, Internal):
        return False
    return True


def join_rendition(
    context: StageContext, plan: EncodePlan, receipts: Sequence[ChunkReceipt], rendition: Rendition
) -> EncodedRendition:
    """All chunks of a rendition as one track, ``video/<rendition>.mp4``.

    Raises `Internal` when the chunks do not fit together or a file is not the one in its receipt.
    """
    ordered = sorted(receipts, key=lambda receipt: receipt.index)
    if [receipt.index for receipt in ordered] != [chunk.index for chunk in plan.chunks]:
        raise Internal(f"{rendition.name} cannot be joined", "chunks are missing")
    parts = [_of(receipt.done.parts, rendition.name) for receipt in ordered]
    files = [_of(receipt.files, rendition.name) for receipt in ordered]
    headers = {part.extradata_sha256 for part in parts}
    if len(headers) != 1:
        raise Internal(f"{rendition.name} cannot be joined", "the chunks' codec headers differ")
    work = JoinWork(
        frame_rate=rendition.frame_rate,
        timescale=_timescale(plan.grid),
        frames=plan.grid.frames // rendition.step(plan.grid),
        chunk_bytes=tuple(file.size_bytes for file in files),
        reorder_frames=max(part.reorder_frames for part in parts),
        extradata_sha256=headers.pop(),
    )
    path = context.work / VIDEO / f"{rendition.name}.mp4"
    length = plan.grid.frames / plan.grid.frame_rate
    with writing(path.name), Feed(context.work, files) as feed:
        make_folder(path.parent)
        with atomic_file(path) as out:
            try:
                context.sandbox.run(
                    "framegate.media.join:video",
                    serial.dump(work),
                    fds={"chunks": feed.fd, "out": out.fileno()},
                    limits=_limits([rendition], length),
                )
            except FramegateError:
                for file in files:  # the likely cause, and one that encoding it again repairs
                    verify(context.work, file)
                raise
            feed.check()
    finished = _file(context.work, path, rendition.name)
    sizes = [size for part in parts for size in part.segment_bytes]
    return EncodedRendition(
        rendition=rendition,
        path=finished.path,
        sha256=finished.sha256,
        size_bytes=finished.size_bytes,
        bitrate_mean=round(8 * sum(sizes) / length),
        bitrate_peak=_peak(sizes, plan),
        frames=work.frames,
    )


def _receipt(work: Path, path: Path, name: str) -> ChunkReceipt | None:
    """A finished chunk's receipt, when it is whole and its files are what it says."""
    try:
        receipt = serial.load(ChunkReceipt, json.loads(path.read_bytes()))
    except (OSError, ValueError, Internal):
        return None  # not there, or cut short: the chunk is encoded again
    return receipt if receipt.id == name and intact(work, receipt) else None


def _of[T: EncodedPart | ChunkFile](items: Sequence[T], rendition: str) -> T:
    for item in items:
        if item.rendition == rendition:
            return item
    raise Internal(f"{rendition} cannot be joined", "a chunk was encoded without it")


def _file(work: Path, path: Path, rendition: str) -> ChunkFile:
    return ChunkFile(
        rendition=rendition,
        path=str(path.relative_to(work)),
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
    )


def _limits(renditions: Sequence[Rendition], length: Fraction) -> Limits:
    """Generous: they stop what runs away, not what is slow."""
    pixels = sum(rendition.width * rendition.height for rendition in renditions)
    ceiling = max(rendition.maxrate for rendition in renditions)
    return Limits(
        # lookahead and references: x264 keeps about 60 pictures a rung, SVT-AV1 twice that
        memory_bytes=(2 << 30) + pixels * 3 // 2 * 160,
        cpu_s=3600 + 600 * int(length),
        wall_s=3600.0 + 600 * float(length),
        file_bytes=int(2 * ceiling / 8 * length) + SLACK_BYTES,
        silence_s=600.0,
    )


def _timescale(grid: Grid) -> int:
    """Ticks a second that count frames of every rendition exactly: Shaka calls segments aligned
    where their ticks are the same numbers.
    """
    ticks = grid.frame_rate.numerator
    while ticks < LEAST_TIMESCALE:
        ticks *= 2
    return ticks


def _peak(segment_bytes: Sequence[int], plan: EncodePlan) -> int:
    """Bit/s of the fullest segment; the last one is as long as what is left."""
    grid = plan.grid
    rates = []
    for index, size in enumerate(segment_bytes):
        frames = min(grid.segment_frames, grid.frames - index * grid.segment_frames)
        rates.append(8 * size * grid.frame_rate / frames)
    return round(max(rates))
