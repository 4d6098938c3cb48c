"""Measure a source: what its container claims beside what its packets and frames are.

Reached as ``framegate.media.probe:measure``.
"""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framegate.domain.limits import SourceLimits
from framegate.domain.media import (
    AudioFacts,
    MediaFacts,
    Telecine,
    TextFacts,
    VideoFacts,
)
from framegate.domain.serial import dump, load, prepare
from framegate.media import notes
from framegate.media.colour import UNSPECIFIED, chroma_of, describe, hdr_kind
from framegate.media.container import Tally, open_source, vendor_errors
from framegate.media.geometry import crop_of, display_size, plausible_aspect, rotation_of
from framegate.media.headers import HOLDING, Claims, extension_of, read_claims
from framegate.media.outline import Outline, read_outline
from framegate.media.passes import FramePass, PacketPass, decode_some, read_packets
from framegate.media.refusals import (
    check_dynamic_range,
    check_length,
    check_outline,
    check_picture,
    check_streams,
    no_frames,
)
from framegate.media.timing import Timing, distinct, leaps, measure_timing
from framegate.media.tracks import audio_facts, select, text_facts
from framegate.security.sandbox import Call

FASTEST_INTERLACED = 31
"""Frames a second of interlaced video are at most 30."""

_NTSC_NEAR = Fraction(2, 1000)  # 30 and 30000/1001, as measured by coarse clocks

KEYFRAMES_MOST = 20_000
"""All-intra sources have a keyframe each frame; seeking needs no more than this many."""

prepare(SourceLimits, MediaFacts)


def measure(call: Call) -> dict[str, Any]:
    """Task: request ``{"name", "limits"}``, descriptor ``source``; answers `MediaFacts` as JSON.

    Raises `NotAVideo`, `UnsafeInput`, `UnsupportedInput`, `NoVideoTrack`, `ZeroDuration`,
    `Undecodable`, `InputTooLarge`, `MediaLimit`.
    """
    limits = load(SourceLimits, call.request["limits"])
    name = str(call.request.get("name", ""))
    with vendor_errors("The file cannot be measured"):
        return dump(_measure(call, name, limits))


def _measure(call: Call, name: str, limits: SourceLimits) -> MediaFacts:
    fd = call.fd("source")
    size_bytes = os.fstat(fd).st_size
    outline = read_outline(fd)
    check_outline(outline, limits)
    tally = Tally()
    with open_source(fd, max_pixels=limits.max_pixels) as container:
        check_streams(len(container.streams), limits)
        chosen = select(container)
        context = chosen.video.codec_context
        check_picture(context.width or 0, context.height or 0, limits)
        seen = read_packets(container, chosen, limits=limits, tally=tally, report=call.emit)
        claims = read_claims(container, chosen, outline)
        audio = tuple(audio_facts(s, seen.extents[s.index]) for s in chosen.audio)
        text = text_facts(chosen.text)
        dropped = tuple(chosen.dropped)
    if not seen.pts:
        raise no_frames(outline, promised=bool(claims.frames or claims.total or seen.keyframes))
    pts = distinct(np.frombuffer(seen.pts, dtype=np.int64))
    timing = _timing(pts, claims, seen)
    check_length(timing.duration, 1, pixels=0, size_bytes=size_bytes, limits=limits)
    frames = decode_some(
        fd,
        claims.index,
        pts,
        side_data=claims.side_data,
        max_pixels=limits.max_pixels,
        fast=timing.frame_rate.measured > FASTEST_INTERLACED,
    )
    pixels = frames.first.width * frames.first.height
    check_length(
        timing.duration, len(seen.pts), pixels=pixels, size_bytes=size_bytes, limits=limits
    )
    video = _video(claims, seen, pts, timing, frames)
    if frames.captions:
        text = [*text, TextFacts(video.index, "eia_608", None, embedded=True)]
    start, end = _extent(video, audio)
    # Matroska and FLV state when the last frame ends, others how long the file plays.
    reach = max(end, end - start)
    truncated = _is_truncated(outline, claims, tally, reach, timing)
    return MediaFacts(
        container=claims.kind,
        container_claimed=extension_of(name),
        size_bytes=size_bytes,
        bit_rate=int(size_bytes * 8 / (end - start)),
        start=start,
        duration_claimed=claims.total,
        duration_measured=end - start,
        video=video,
        audio=audio,
        text=tuple(text),
        has_edit_list=claims.track_id in outline.edit_lists,
        truncated=truncated,
        readable_share=_share(claims, reach) if truncated else 1.0,
        corrupt_packets=tally.corrupt + seen.damaged,
        warnings=(
            *notes.of_file(name, claims, seen, frames, len(seen.pts) - int(pts.size)),
            *notes.of_sound_alone(end - start - video.duration_measured),
            *notes.of_jumps(leaps(pts, claims.time_base)),
        ),
        dropped=dropped,
    )


def _timing(pts: NDArray[np.int64], claims: Claims, seen: PacketPass) -> Timing:
    holds = claims.kind in HOLDING and seen.last_ticks > 0
    return measure_timing(
        pts,
        claims.time_base,
        claimed=claims.rate,
        last_ticks=seen.last_ticks if holds else None,
    )


def _video(
    claims: Claims,
    seen: PacketPass,
    pts: NDArray[np.int64],
    timing: Timing,
    frames: FramePass,
) -> VideoFacts:
    first = frames.first
    shape = first.format
    rotation, _ = rotation_of(frames.side_data.get("display_matrix", b""))
    crop = crop_of(frames.side_data.get("frame_cropping", b""), first.width, first.height)
    aspect = plausible_aspect(claims.aspect)
    display_width, display_height = display_size(
        first.width, first.height, crop=crop, aspect=aspect, rotation=rotation
    )
    primaries, transfer, matrix, colour_range = claims.tags
    colour = describe(
        primaries=_tag(first.color_primaries, primaries),
        transfer=_tag(first.color_trc, transfer),
        matrix=_tag(first.colorspace, matrix),
        colour_range=int(first.color_range) or colour_range,
        size=(first.width, first.height),
        pixel_format=shape.name,
        is_rgb=shape.is_rgb or shape.has_palette,
    )
    hdr = hdr_kind(colour, frames.side_data.get("dovi_conf"))
    check_dynamic_range(hdr)
    return VideoFacts(
        index=claims.index,
        codec=claims.codec,
        profile=claims.profile,
        width=first.width,
        height=first.height,
        display_width=display_width,
        display_height=display_height,
        sample_aspect=aspect,
        rotation=rotation,
        clean_aperture=crop,
        pixel_format=shape.name,
        bit_depth=max((c.bits for c in shape.components), default=8),
        chroma=chroma_of(
            is_rgb=shape.is_rgb or shape.has_palette,
            planes=sum(not c.is_alpha for c in shape.components),
            subsampled=(shape.chroma_width(64), shape.chroma_height(64)),
        ),
        has_alpha=any(c.is_alpha for c in shape.components),
        colour=colour,
        hdr=hdr,
        field_order_claimed=claims.field_order,
        interlaced_measured=frames.scan.combed,
        frame_rate=timing.frame_rate,
        time_base=claims.time_base,
        start=int(pts[0]) * claims.time_base,
        duration_claimed=claims.duration,
        duration_measured=timing.duration,
        frames_claimed=claims.frames,
        frames_measured=len(seen.pts),
        keyframes=_thin(sorted(set(seen.keyframes))),
        has_b_frames=seen.reordered,
        interlaced_flagged=frames.flagged,
        field_order_measured=frames.scan.order,
        telecine=_telecine(timing, frames),
        mastering_peak=frames.peak,
        coded_aspect=frames.aspect,
    )


def _telecine(timing: Timing, frames: FramePass) -> Telecine:
    if timing.pulldown:
        return Telecine.FLAGS
    rate = timing.frame_rate
    if frames.scan.telecine and not rate.variable and abs(rate.measured / 30 - 1) < _NTSC_NEAR:
        return Telecine.PICTURES
    return Telecine.NONE


def _extent(video: VideoFacts, audio: tuple[AudioFacts, ...]) -> tuple[Fraction, Fraction]:
    """First and last moment of picture and sound."""
    sounding = [a for a in audio if a.duration_measured]
    start = min([video.start, *(a.start for a in sounding)])
    end = max(
        [
            video.start + video.duration_measured,
            *(a.start + a.duration_measured for a in sounding),
        ]
    )
    return start, end


def _is_truncated(
    outline: Outline, claims: Claims, tally: Tally, measured: Fraction, timing: Timing
) -> bool:
    """Evidence in the outline, or a header that promises clearly more than there is."""
    if outline.cut_short or tally.stopped_early:
        return True
    if claims.total is None or outline.family == "iso":
        return False  # an ISO file that is all there may still declare a longer edit
    slack = max(Fraction(1, 4), 2 / timing.frame_rate.measured, claims.total / 200)
    return claims.total - measured > slack


def _share(claims: Claims, measured: Fraction) -> float:
    if claims.total is None or claims.total <= 0:
        return 1.0
    return float(min(Fraction(1), measured / claims.total))


def _tag(measured: Any, claimed: int) -> int:  # noqa: ANN401 - PyAV's enum or number
    """The bitstream's tag, else the container's."""
    value = int(measured)
    return claimed if value == UNSPECIFIED else value


def _thin(keyframes: list[int]) -> tuple[int, ...]:
    step = max(1, -(-len(keyframes) // KEYFRAMES_MOST))
    return tuple(keyframes[::step])
