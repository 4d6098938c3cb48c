"""What people are told about a source that is not as files should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from framegate.domain.counted import counted
from framegate.domain.span import Span
from framegate.media.geometry import rotation_of
from framegate.media.headers import HOLDING, Claims, extension_of
from framegate.media.passes import FramePass, PacketPass

EXTENSIONS = {
    "mp4": {"mp4", "m4v", "mov", "3gp", "3g2", "f4v", "qt", "ismv", "cmfv", "m4a"},
    "mov": {"mov", "qt", "mp4", "m4v"},
    "matroska": {"mkv", "mka", "mk3d", "webm"},
    "webm": {"webm", "mkv"},
    "mpegts": {"ts", "m2ts", "mts", "m2t"},
    "mpeg": {"mpg", "mpeg", "vob", "ps", "m2p", "dat"},
    "avi": {"avi", "divx"},
    "ogg": {"ogg", "ogv", "ogx"},
    "flv": {"flv"},
    "mxf": {"mxf"},
    "yuv4mpegpipe": {"y4m"},
    "asf": {"asf", "wmv"},
    "ivf": {"ivf"},
}

JUMPS_TOLD = 3

SOUND_ALONE_S = 1
"""Seconds of sound without a picture: less is how encoders end, more is worth a note."""


def of_file(
    name: str, claims: Claims, seen: PacketPass, frames: FramePass, shared: int
) -> Iterator[str]:
    """``name`` is the file's; ``shared`` frames have a timestamp that another one has."""
    extension = extension_of(name)
    if extension and extension not in EXTENSIONS.get(claims.kind, set()):
        yield f"named .{extension[:16]} but the bytes are {claims.kind}"
    if shared:
        yield f"{counted(shared, 'frame')} with the timestamp of another"
    if len(frames.sizes) > 1:
        yield "the picture size changes within the track"
    matrix = frames.side_data.get("display_matrix")
    if matrix is not None and not rotation_of(matrix)[1]:
        yield "the display matrix is no quarter turn; the nearest is used"
    if claims.frames and claims.frames > len(seen.pts) and claims.kind not in HOLDING:
        yield f"the header claims {counted(claims.frames, 'frame')}"


def of_sound_alone(seconds: Fraction) -> Iterator[str]:
    """Sound before the first picture and after the last one."""
    if seconds >= SOUND_ALONE_S:
        yield f"{float(seconds):.1f} s of sound have no picture; they are not published"


def of_jumps(gaps: Sequence[Span]) -> Iterator[str]:
    """Jumps of the timestamps: the sound goes on, and the picture waits for it."""
    for gap in gaps[:JUMPS_TOLD]:
        yield (
            f"the timestamps jump by {float(gap.end - gap.start):,.1f} s"
            f" at {float(gap.start):,.1f} s; a still picture fills the gap"
        )
    if len(gaps) > JUMPS_TOLD:
        yield f"{len(gaps) - JUMPS_TOLD} more such jumps"
