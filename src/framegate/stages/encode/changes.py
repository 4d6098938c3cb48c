"""What the encode changes beside sizes and rates, for people to read. Pure.

Everything is encoded anew, as 8-bit 4:2:0 BT.709 pictures in limited range with stereo sound; told
is only where the source was otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from framegate.domain.ladder import AudioRendition, Change, Rendition
from framegate.domain.media import AudioFacts, FieldOrder, HdrKind, MediaFacts, VideoFacts

OUTPUT_BITS = 8
OUTPUT_CHROMA = "420"
STEREO = 2


def changes(
    facts: MediaFacts, rate: Fraction, top: Rendition, audio: Sequence[AudioRendition]
) -> tuple[Change, ...]:
    """In the order of a reader's interest: time, picture, sound. ``top`` is the largest rung."""
    return (
        *_frame_rate(facts.video, rate),
        *_picture(facts.video, top),
        *_sound(facts.audio, audio),
    )


def note(change: Change) -> str:
    """A change in a line; pictures need no subject."""
    line = f"{change.source} to {change.output}"
    return f"{change.what}: {line}" if change.what.startswith("Sound") else line


def is_interlaced(video: VideoFacts) -> bool:
    """Whether the picture is to be deinterlaced: the frames' own flags outweigh the header."""
    claimed = video.field_order_claimed in (FieldOrder.TOP_FIRST, FieldOrder.BOTTOM_FIRST)
    return video.interlaced_measured > (0.1 if claimed else 0.5)


def _frame_rate(video: VideoFacts, rate: Fraction) -> Iterable[Change]:
    source = video.frame_rate
    if source.variable:
        low, high = 1 / source.longest_interval, 1 / source.shortest_interval
        said = f"VFR {float(low):.4g}-{float(high):.4g} fps"
    elif source.measured > rate * Fraction(3, 2):  # every second, third … frame is kept
        said = f"{float(source.measured):.5g} fps"
    else:
        return
    yield Change("Frame rate", said, f"{float(rate):.5g} fps")


def _picture(video: VideoFacts, top: Rendition) -> Iterable[Change]:
    if min(top.width, top.height) < min(video.display_width, video.display_height) & ~1:
        yield Change(
            "Size",
            f"{video.display_width}x{video.display_height}",
            f"{top.width}x{top.height} at most",
        )
    turned = video.rotation
    if turned.clockwise_deg or turned.flip_horizontal:
        said = [f"stored turned by {turned.clockwise_deg}°"] if turned.clockwise_deg else []
        said += ["stored mirrored"] if turned.flip_horizontal else []
        yield Change("Orientation", " and ".join(said), "upright")
    if video.sample_aspect != 1:
        ratio = video.sample_aspect
        yield Change("Pixels", f"{ratio.numerator}:{ratio.denominator} pixels", _pixels(top))
    yield from _colour(video)
    if is_interlaced(video):
        yield Change("Scan", "interlaced", "progressive")


def _pixels(top: Rendition) -> str:
    ratio = top.sample_aspect
    return "square pixels" if ratio == 1 else f"{ratio.numerator}:{ratio.denominator} pixels"


def _colour(video: VideoFacts) -> Iterable[Change]:
    if video.hdr is not HdrKind.SDR:
        yield Change("Dynamic range", f"HDR ({video.hdr.value})", "SDR BT.709")
    elif video.colour.matrix != "bt709":
        yield Change("Colour", video.colour.matrix, "BT.709")
    if video.colour.full_range:
        yield Change("Range of values", "full range", "limited range")
    if video.bit_depth > OUTPUT_BITS:
        yield Change("Bit depth", f"{video.bit_depth}-bit", f"{OUTPUT_BITS}-bit")
    if video.chroma in ("422", "444", "rgb"):
        shape = "RGB" if video.chroma == "rgb" else ":".join(video.chroma)
        yield Change("Colour detail", shape, ":".join(OUTPUT_CHROMA))
    if video.has_alpha:
        yield Change("Transparency", "alpha channel", "opaque picture")


def _sound(tracks: Sequence[AudioFacts], audio: Sequence[AudioRendition]) -> Iterable[Change]:
    for track, made in zip(tracks, audio, strict=True):
        what = f"Sound, {made.label}"
        if track.channels != STEREO:
            yield Change(what, track.layout, "stereo")
        if track.sample_rate != made.sample_rate:
            yield Change(
                what, f"{track.sample_rate / 1000:g} kHz", f"{made.sample_rate / 1000:g} kHz"
            )
