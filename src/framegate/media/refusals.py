"""What a probe refuses, and in which words."""

from __future__ import annotations

from fractions import Fraction

from framegate.domain.limits import SourceLimits
from framegate.domain.media import HdrKind
from framegate.errors import (
    InputTooLarge,
    Undecodable,
    UnsafeInput,
    UnsupportedInput,
    ZeroDuration,
)
from framegate.media.outline import Outline

SAMPLES_SHARE = 8
"""Samples a track may claim for each frame allowed: sound tracks have more than pictures."""


def check_outline(outline: Outline, limits: SourceLimits) -> None:
    """What the headers alone forbid, before a demuxer allocates for them."""
    if outline.external:
        raise UnsafeInput(
            "The file points to other files", "its media data is an external reference"
        )
    if outline.encrypted:
        raise UnsupportedInput(
            "The video is encrypted", "its samples are protected", "Send it without protection"
        )
    if outline.samples_claimed > limits.max_frames * SAMPLES_SHARE:
        raise InputTooLarge(
            "The file claims too many frames", f"{outline.samples_claimed} samples in one track"
        )
    check_picture(*outline.picture_claimed, limits)


def check_picture(width: int, height: int, limits: SourceLimits) -> None:
    """One picture's size."""
    if width * height > limits.max_pixels:
        raise InputTooLarge(
            "The picture is too large",
            f"{width} x {height} pixels where {limits.max_pixels} in all are allowed",
        )


def check_streams(count: int, limits: SourceLimits) -> None:
    """How many tracks."""
    if count > limits.max_streams:
        raise InputTooLarge(
            "The file has too many tracks", f"{count} where {limits.max_streams} are allowed"
        )


def check_length(
    duration: Fraction, frames: int, *, pixels: int, size_bytes: int, limits: SourceLimits
) -> None:
    """How long, how much to decode, and how much more that is than was sent."""
    if duration > limits.max_duration_s:
        raise InputTooLarge(
            "The video is too long",
            f"{float(duration):.0f} s where {limits.max_duration_s} are allowed",
        )
    total = pixels * frames
    if total > limits.max_total_pixels:
        raise InputTooLarge(
            "The video is too much to decode", f"{frames} frames of {pixels} pixels"
        )
    decoded = total * 3 // 2  # bytes of 8-bit 4:2:0
    expansion = decoded // max(1, size_bytes)
    if decoded > limits.expansion_floor_bytes and expansion > limits.max_expansion:
        raise InputTooLarge(
            "The file looks like a decompression bomb",
            f"{size_bytes} bytes decode to {decoded >> 30} GiB",
        )


def check_dynamic_range(hdr: HdrKind) -> None:
    """Dolby Vision whose base layer is no picture by itself."""
    if hdr is HdrKind.DOLBY_VISION_5:
        raise UnsupportedInput(
            "The video is Dolby Vision without a compatible base layer (profile 5)",
            "its colours cannot be shown right without a licensed decoder",
            "Export it as HDR10, HLG, Dolby Vision profile 8 or SDR",
        )


def no_frames(outline: Outline, *, promised: bool) -> Undecodable | ZeroDuration:
    """Why the picture track gave nothing."""
    if outline.cut_short or promised:
        return Undecodable("No frame can be read", "the file ends before its pictures")
    return ZeroDuration("The video track is empty", "it holds no frame")
