"""What the encode changes beside sizes and rates, for people to read. Pure.

Everything is encoded anew, as 8-bit 4:2:0 BT.709 pictures in limited range with stereo sound; told
is only where the source was otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from framegate.domain.ladder import AudioRendition, Change, Fields, FieldWork, Rendition
from framegate.domain.media import (
    PQ_PEAK,
    AudioFacts,
    FieldOrder,
    HdrKind,
    MediaFacts,
    Telecine,
    VideoFacts,
)

OUTPUT_BITS = 8
OUTPUT_CHROMA = "420"


def changes(
    facts: MediaFacts,
    fields: Fields,
    rungs: Sequence[Rendition],
    audio: Sequence[AudioRendition],
) -> tuple[Change, ...]:
    """In the order of a reader's interest: time, picture, sound. ``rungs``: smallest first."""
    return (
        *_frame_rate(facts.video, fields, rungs),
        *_picture(facts.video, rungs[-1]),
        *_scan(facts.video, fields),
        *_sound(facts.audio, audio),
    )


def note(change: Change) -> str:
    """A change in a line."""
    return f"{change.what}: {change.source} → {change.output}"


def _frame_rate(video: VideoFacts, fields: Fields, rungs: Sequence[Rendition]) -> Iterable[Change]:
    source, rate = video.frame_rate, rungs[-1].frame_rate
    if source.variable:
        low, high = 1 / source.longest_interval, 1 / source.shortest_interval
        said = f"VFR {float(low):.4g}-{float(high):.4g} fps"
    elif fields.work is FieldWork.FILM:
        said = f"{_fps(source.measured)} by 3:2 pulldown"
    elif video.telecine is Telecine.FLAGS:
        said = "film with flags that repeat fields"
    elif fields.work is FieldWork.FIELDS:
        said = f"{_fps(source.measured)} of two fields"
    elif source.measured > rate * Fraction(3, 2):  # every second, third … frame is kept
        said = _fps(source.measured)
    else:
        said = ""
    if said:
        yield Change("Frame rate", said, _fps(rate))
    slow = [rung for rung in rungs if rung.frame_rate < rate]
    if slow:
        names = ", ".join(rung.name for rung in slow)
        yield Change(f"Frame rate of {names}", _fps(rate), _fps(slow[0].frame_rate))


def _fps(rate: Fraction) -> str:
    return f"{float(rate):.5g} fps"


def _scan(video: VideoFacts, fields: Fields) -> Iterable[Change]:
    if fields.work in (FieldWork.FRAMES, FieldWork.FIELDS):
        order = "" if fields.order is FieldOrder.UNKNOWN else f", {fields.order.value}"
        yield Change("Scan", f"interlaced{order}", "progressive")
    elif fields.work is FieldWork.FILM:
        yield Change("Scan", "telecined", "the film's own pictures")
    elif video.interlaced_flagged > 1 / 2 and video.telecine is Telecine.NONE:
        yield Change("Scan", "flagged interlaced, yet progressive", "progressive")


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


def _pixels(top: Rendition) -> str:
    ratio = top.sample_aspect
    return "square pixels" if ratio == 1 else f"{ratio.numerator}:{ratio.denominator} pixels"


def _colour(video: VideoFacts) -> Iterable[Change]:
    if video.hdr is not HdrKind.SDR:
        yield Change("Dynamic range", f"HDR ({_hdr(video)})", "SDR BT.709")
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
        yield Change("Transparency", "alpha channel", "over black")


def _hdr(video: VideoFacts) -> str:
    """The kind, and the peak that it is mapped from where that is known."""
    if video.mastering_peak is not None:
        return f"{video.hdr.value}, up to {video.mastering_peak} cd/m²"
    if video.hdr is HdrKind.PQ:
        return f"{video.hdr.value}, taken as up to {PQ_PEAK} cd/m²"
    return video.hdr.value


def _sound(tracks: Sequence[AudioFacts], audio: Sequence[AudioRendition]) -> Iterable[Change]:
    """The gain is told by the encode, which measures first."""
    by_index = {track.index: track for track in tracks}
    surround = {made.source_index for made in audio if made.is_surround}
    for made in audio:
        track = by_index[made.source_index]
        if made.is_surround:
            if track.channels != made.channels:
                yield Change(f"Sound, {made.label} in 5.1", track.layout, "5.1")
            continue
        what = f"Sound, {made.label}"
        if track.channels == 1:
            yield Change(what, track.layout, "stereo, the same on both sides")
        elif track.channels != made.channels:
            mixed = "stereo (ITU-R BS.775, without the low-frequency channel)"
            both = f"{mixed}, and 5.1" if made.source_index in surround else mixed
            yield Change(what, track.layout, both)
        if track.sample_rate != made.sample_rate:
            yield Change(
                what, f"{track.sample_rate / 1000:g} kHz", f"{made.sample_rate / 1000:g} kHz"
            )
