"""What the container claims beside what was measured, as rows for a table. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from framegate.domain.languages import english_name
from framegate.domain.media import Colour, FieldOrder, MediaFacts, Telecine, VideoFacts
from framegate.domain.sound import AudioPurpose
from framegate.stages.report.words import (
    NOT_SAID,
    clock,
    duration,
    frequency,
    number,
    percent,
    rate,
    size,
)

SAME_DURATION = Fraction(1, 10)  # seconds: containers round, people don't notice


@dataclass(frozen=True, slots=True)
class Row:
    """``claimed`` is "" where there is nothing to compare; ``differs`` marks a contradiction."""

    name: str
    claimed: str
    measured: str
    differs: bool = False


def rows(facts: MediaFacts) -> tuple[Row, ...]:
    """Every row of the facts table."""
    return (*_container(facts), *_video(facts.video), *_tracks(facts))


def headline(facts: MediaFacts) -> tuple[str, ...]:
    """The few facts that stand under the title."""
    video = facts.video
    sound = facts.audio[0] if facts.audio else None
    return (
        duration(facts.duration_measured),
        f"{video.display_width} x {video.display_height}",
        f"{float(video.frame_rate.measured):.4g} fps"
        + (", variable" if video.frame_rate.variable else ""),
        f"{video.codec.upper()}, {video.bit_depth}-bit {video.hdr.upper()}",
        f"{sound.codec.upper()}, {sound.layout}" if sound else "no sound",
        size(facts.size_bytes),
    )


def _container(facts: MediaFacts) -> Iterable[Row]:
    claimed, measured = facts.duration_claimed, facts.duration_measured
    yield Row("Container", facts.container_claimed or NOT_SAID, facts.container)
    yield Row(
        "Duration",
        NOT_SAID if claimed is None else f"{float(claimed):.3f} s",
        f"{float(measured):.3f} s ({clock(measured)})",
        differs=claimed is not None and abs(claimed - measured) > SAME_DURATION,
    )
    yield Row("Size and rate", "", f"{size(facts.size_bytes)}, {rate(facts.bit_rate)}")
    if facts.truncated or facts.corrupt_packets:
        text = f"{percent(facts.readable_share)} readable, "
        text += f"{number(facts.corrupt_packets)} damaged packets"
        yield Row("Damage", "", text, differs=True)
    if facts.has_edit_list:
        yield Row("Edit list", "", "present, followed")


def _video(video: VideoFacts) -> Iterable[Row]:
    frames = video.frames_claimed
    yield Row("Video", "", f"{video.codec} {video.profile or ''}, {video.pixel_format}".strip())
    coded, shown = (video.width, video.height), (video.display_width, video.display_height)
    yield Row(
        "Picture",
        f"{coded[0]} x {coded[1]} coded",
        f"{shown[0]} x {shown[1]} shown{_turned(video)}",
    )
    rates = video.frame_rate
    yield Row(
        "Frame rate",
        frequency(rates.claimed),
        frequency(rates.measured) + (" on average, variable" if rates.variable else ""),
        differs=rates.variable,
    )
    yield Row(
        "Frames",
        NOT_SAID if frames is None else number(frames),
        number(video.frames_measured),
        differs=frames is not None and frames != video.frames_measured,
    )
    yield Row(
        "Scan",
        video.field_order_claimed,
        _scan(video),
        differs=_contradicts(video),
    )
    yield Row("Colour", _colour_claimed(video.colour), _colour_used(video.colour))
    yield Row("Dynamic range", "", f"{video.hdr.upper()}, {video.bit_depth} bit, {video.chroma}")
    yield Row("Keyframes", "", number(len(video.keyframes)))


def _contradicts(video: VideoFacts) -> bool:
    """Whether the header's order of fields is another than the pictures'."""
    orders = {video.field_order_claimed, video.field_order_measured}
    said = len(orders) > 1 and FieldOrder.UNKNOWN not in orders
    return said and video.telecine is Telecine.NONE


def _scan(video: VideoFacts) -> str:
    if video.telecine is Telecine.PICTURES:
        return "film with 3:2 pulldown"
    if video.telecine is Telecine.FLAGS:
        return "film with flags that repeat fields"
    order = video.field_order_measured
    if order is FieldOrder.UNKNOWN and not video.interlaced_measured:
        return "too little moves to tell"
    share = percent(video.interlaced_measured)
    return f"{order}, {share} of frames interlaced" if video.interlaced_measured else str(order)


def _turned(video: VideoFacts) -> str:
    parts = []
    if video.rotation.clockwise_deg:
        parts.append(f"turned {video.rotation.clockwise_deg}°")
    if video.rotation.flip_horizontal:
        parts.append("mirrored")
    if video.sample_aspect != 1:
        parts.append(f"pixels {video.sample_aspect.numerator}:{video.sample_aspect.denominator}")
    crop = video.clean_aperture
    if crop.left or crop.top or crop.right or crop.bottom:
        parts.append("cropped to the clean aperture")
    return f" ({', '.join(parts)})" if parts else ""


def _colour_claimed(colour: Colour) -> str:
    """Primaries / transfer / matrix, range; one "not said" where nothing of these three is."""
    said = (colour.primaries_claimed, colour.transfer_claimed, colour.matrix_claimed)
    colours = " / ".join(part or NOT_SAID for part in said) if any(said) else NOT_SAID
    span = colour.range_claimed
    return f"{colours}, {span} range" if span else colours


def _colour_used(colour: Colour) -> str:
    span = "full" if colour.full_range else "limited"
    return f"{colour.primaries} / {colour.transfer} / {colour.matrix}, {span} range"


def language(tag: str | None) -> str:
    """A track's language in words: ``German (ger)``."""
    name = english_name(tag)
    return f"{name} ({tag})" if name else tag or f"language {NOT_SAID}"


def _tracks(facts: MediaFacts) -> Iterable[Row]:
    for track in facts.audio:
        words = f"{track.codec}, {track.layout}, {track.sample_rate / 1000:g} kHz"
        if track.start:
            words += f", starts at {float(track.start):+.3f} s"
        if track.purpose is not AudioPurpose.MAIN:
            words += f", {track.purpose.value.replace('-', ' ')}"
        yield Row(f"Audio {track.index}", language(track.language), words)
    for text in facts.text:
        words = f"{text.codec}{' inside the video' if text.embedded else ''}"
        yield Row(f"Text {text.index}", language(text.language), words)
    for note in facts.dropped:
        yield Row("Left out", "", note)
    for note in facts.warnings:
        yield Row("Warning", "", note, differs=True)
