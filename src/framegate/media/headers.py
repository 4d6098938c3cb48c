"""What the name and the headers of a source claim."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer

from framegate.domain.media import FieldOrder
from framegate.media.container import exact, time_base
from framegate.media.outline import Outline
from framegate.media.tracks import Selection, codec_name

CLAIMING = frozenset({"mp4", "mov", "matroska", "webm", "avi", "flv", "asf", "mxf"})
"""Containers whose header states a duration; in the others FFmpeg estimates one."""

HOLDING = frozenset({"mp4", "mov", "matroska", "webm"})
"""Containers that say how long the last frame is shown."""

_FIELD_ORDERS = {
    1: FieldOrder.PROGRESSIVE,
    2: FieldOrder.TOP_FIRST,
    3: FieldOrder.BOTTOM_FIRST,
    4: FieldOrder.TOP_FIRST,
    5: FieldOrder.BOTTOM_FIRST,
}


@dataclass(frozen=True, slots=True)
class Claims:
    """Of the file, and of the picture track that was chosen."""

    kind: str
    index: int
    track_id: int
    time_base: Fraction
    codec: str
    profile: str | None
    rate: Fraction | None
    aspect: Fraction | None
    frames: int | None
    duration: Fraction | None  # of the picture track
    total: Fraction | None  # of the file
    field_order: FieldOrder
    tags: tuple[int, int, int, int]  # H.273 primaries, transfer, matrix; range
    side_data: dict[str, bytes]


def read_claims(container: InputContainer, chosen: Selection, outline: Outline) -> Claims:
    """Copied, for the container closes. Raises `Undecodable` for a track without a time base."""
    stream: Any = chosen.video
    context = stream.codec_context
    base = time_base(stream)
    kind = _container_kind(container.format.name, outline)
    states = kind in CLAIMING
    total = container.duration
    return Claims(
        kind=kind,
        index=stream.index,
        track_id=stream.id,
        time_base=base,
        codec=codec_name(stream),
        profile=stream.profile,
        rate=exact(stream.average_rate) or exact(stream.guessed_rate),
        aspect=exact(stream.sample_aspect_ratio),
        frames=stream.frames or None,
        duration=stream.duration * base if states and stream.duration else None,
        total=Fraction(total, av.time_base) if states and total and total > 0 else None,
        field_order=_FIELD_ORDERS.get(int(context.field_order), FieldOrder.UNKNOWN),
        tags=(
            int(context.color_primaries),
            int(context.color_trc),
            int(context.colorspace),
            int(context.color_range),
        ),
        side_data={str(kind): bytes(data) for kind, data in context.coded_side_data.items()},
    )


def _container_kind(demuxer: str, outline: Outline) -> str:
    if outline.family == "iso":
        return "mov" if outline.brand == "qt" else "mp4"
    if outline.family == "ebml":
        return "webm" if outline.brand == "webm" else "matroska"
    return demuxer.partition(",")[0]


def extension_of(name: str) -> str:
    """Of a file's name, in small letters; "" for none."""
    return name.rpartition(".")[2].lower() if "." in name else ""
