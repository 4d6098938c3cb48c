"""Plans that are cut into short chunks, numbered pictures to encode with them, and the encode."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import footage
from framegate.domain.encoding import ChunkReceipt, Encoders
from framegate.domain.ladder import (
    Chunk,
    EncodeOptions,
    EncodePlan,
    VideoCodec,
)
from framegate.domain.media import MediaFacts
from framegate.stages.base import StageContext
from framegate.stages.encode import encode, hardware
from framegate.stages.encode.ladder import plan as make_plan

FRAMES = 100
GOP = 12
CUTS = (0, 24, 60, FRAMES)
NTSC = Fraction(24000, 1001)


def short_plan(
    facts: MediaFacts, *, kind: VideoCodec = VideoCodec.H264, cuts: tuple[int, ...] = CUTS
) -> EncodePlan:
    """A plan with two small rungs, GOPs of 12 frames, and cuts where the test wants them."""
    fast = {VideoCodec.H264: "ultrafast", VideoCodec.H265: "ultrafast", VideoCodec.AV1: "8"}
    plan = make_plan(facts, EncodeOptions(codec=kind, preset=fast[kind]))
    top = plan.renditions[-1]
    low = replace(top, name="low", width=top.width // 4 * 2, height=top.height // 4 * 2)
    grid = replace(plan.grid, gop_frames=GOP, segment_frames=GOP)
    ends = (*cuts[1:-1], grid.frames)
    return replace(
        plan,
        renditions=(low, top),
        grid=grid,
        chunks=tuple(
            Chunk(i, a, b - a) for i, (a, b) in enumerate(zip(cuts[:-1], ends, strict=True))
        ),
    )


def pictures(count: int = FRAMES) -> Iterator[Any]:
    return (footage.grey(footage.numbered(n)) for n in range(count))


def run_chunks(
    context: StageContext,
    path: Path,
    facts: MediaFacts,
    plan: EncodePlan,
    encoders: Encoders | None = None,
) -> list[ChunkReceipt]:
    """Every chunk, encoded and kept; the sandbox is asked for its encoders unless they are said."""
    found = encoders or hardware.encoders(context.sandbox)
    with path.open("rb") as source:
        receipts = [
            encode.encode_chunk(
                context,
                source.fileno(),
                facts,
                plan,
                chunk,
                source_sha256="0" * 64,
                encoders=found,
            )
            for chunk in plan.chunks
        ]
    for receipt in receipts:
        encode.keep(context, receipt)
    return receipts
