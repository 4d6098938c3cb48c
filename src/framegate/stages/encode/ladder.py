"""Plan an encode from what probe found. Pure: the same facts and options give the same plan.

**Rungs.** 360, 480, 720, 1080, 1440 and 2160 lines on the *short* side of the displayed picture, so
portrait works, never larger than the source. The source's own size is always the top rung (up to
2160 lines); a standard rung that it exceeds by less than a fifth is left out, because two rungs so
close cost an encode and gain nothing. A source under 432 lines gets one rung, its own size.

**Aspect.** All rungs of a ladder show exactly the same display aspect, since DASH wants one aspect
per adaptation set and players jump at a switch otherwise:

1. the even size with the source's exact aspect nearest to the rung, when it is within 4 %
   (16:9 has 864x486 for 480 lines; 854x480 is not 16:9);
2. else the nearest even size, with a sample aspect that makes up the rest (1366x768 over 1280x720
   signals 2049:2048);
3. where that sample aspect does not fit the 16-bit fields of H.264 and H.265 (Annex E), the whole
   ladder, top rung included, takes the nearest aspect that fits: off by less than 0.5 %.

**Rates.** CRF with a ceiling (maxrate). The ceilings are framegate's own numbers, of the order of
the ladder in Apple's HLS Authoring Specification; they are scaled by pixels^0.75 for other shapes
and by sqrt(fps / 30) above 30 fps. The buffer is two seconds of the ceiling, one GOP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, sqrt

from framegate.domain.ladder import (
    Chunk,
    EncodeOptions,
    EncodePlan,
    Grid,
    Rendition,
    VideoCodec,
)
from framegate.domain.media import MediaFacts, VideoFacts
from framegate.errors import UnsupportedInput
from framegate.stages.encode.audio_plan import plan_audio
from framegate.stages.encode.changes import changes, note
from framegate.stages.encode.frame_rate import field_work, output_rate, rung_step

STANDARD_LINES = (360, 480, 720, 1080, 1440, 2160)
LEAST_STEP = Fraction(6, 5)  # top rung over the next; closer standard rungs are dropped
SIZE_TOLERANCE = Fraction(1, 25)  # how far an exact-aspect size may lie from its rung
MAX_SAMPLE_ASPECT = 0xFFFF  # sar_width and sar_height are u(16)
LEAST_SIDE = {VideoCodec.H264: 2, VideoCodec.H265: 32, VideoCodec.AV1: 64}
"""Smallest picture that x264, x265 (one CTU of 32) and SVT-AV1 encode."""

STRANGE_MATRICES = frozenset({"ycgco", "smpte2085", "ictcp", "ipt-c2"})
"""What swscale cannot convert and nothing comes close to: a wrong guess is a wrong picture."""

GOP_S = 2
SEGMENT_GOPS = 2

DEFAULT_PRESET = {
    # two cores must keep up with the person who waits
    VideoCodec.H264: "veryfast",
    VideoCodec.H265: "veryfast",
    # SVT-AV1 warns of visible artefacts from preset 10 up; 11 and 12 repeated old pictures here
    VideoCodec.AV1: "8",
}
CRF = {VideoCodec.H264: 23.0, VideoCodec.H265: 26.0, VideoCodec.AV1: 34.0}
"""Starting points: x264's own default, and what is usual beside it for the other two."""

CEILING = {
    VideoCodec.H264: {
        360: 1_100_000, 480: 2_000_000, 720: 4_500_000,
        1080: 7_800_000, 1440: 13_000_000, 2160: 24_000_000,
    },
    VideoCodec.H265: {
        360: 800_000, 480: 1_600_000, 720: 3_400_000,
        1080: 5_800_000, 1440: 8_100_000, 2160: 16_800_000,
    },
    VideoCodec.AV1: {  # 0.85 of H.265
        360: 680_000, 480: 1_360_000, 720: 2_890_000,
        1080: 4_930_000, 1440: 6_885_000, 2160: 14_280_000,
    },
}  # fmt: skip
"""Bit/s at 16:9 and up to 30 frames a second, by lines."""


def plan(facts: MediaFacts, options: EncodeOptions) -> EncodePlan:
    """What to encode. Raises `UnsupportedInput` when the codec cannot hold so small a picture, or
    the colours cannot be converted.
    """
    video = facts.video
    if video.colour.matrix in STRANGE_MATRICES and video.chroma != "rgb":
        raise UnsupportedInput(
            f"The video's colours are {video.colour.matrix}",
            "they cannot be converted to BT.709 here",
            "Export the video as BT.709 or BT.2020",
        )
    lines = min(options.max_short_side, video.display_width, video.display_height)
    fields = field_work(video, lines)
    rate = output_rate(video, fields, lines)
    renditions = tuple(
        _rendition(name, (width, height), aspect, rate, options)
        for name, width, height, aspect in _sizes(
            video.display_width, video.display_height, options.max_short_side
        )
    )
    if min(renditions[0].width, renditions[0].height) < LEAST_SIDE[options.codec]:
        raise UnsupportedInput(
            f"{video.display_width}x{video.display_height} is too small for {options.codec.value}",
            f"the encoder needs {LEAST_SIDE[options.codec]} lines",
            "Use --codec h264",
        )
    audio = plan_audio(facts.audio, options)
    told = changes(facts, fields, renditions, audio)
    grid = _grid(video, rate, renditions)
    return EncodePlan(
        renditions=renditions,
        audio=audio,
        grid=grid,
        chunks=_chunks(grid, options.chunk_s),
        fields=fields,
        notes=tuple(note(change) for change in told),
        changes=told,
    )


def _grid(video: VideoFacts, rate: Fraction, rungs: Sequence[Rendition]) -> Grid:
    """Of whole pictures of the slowest rung, so that all rungs cut and end at the same instants."""
    step = int(max(rate / rung.frame_rate for rung in rungs))
    gop = step * max(1, round(GOP_S * rate / step))
    frames = step * max(1, round(video.duration_measured * rate / step))
    return Grid(frame_rate=rate, frames=frames, gop_frames=gop, segment_frames=SEGMENT_GOPS * gop)


def _chunks(grid: Grid, chunk_s: int) -> tuple[Chunk, ...]:
    """Whole segments of at least ``chunk_s``; a tail shorter than a segment joins its neighbour."""
    segments = max(1, ceil(chunk_s * grid.frame_rate / grid.segment_frames))
    length = segments * grid.segment_frames
    starts = list(range(0, grid.frames, length))
    if len(starts) > 1 and grid.frames - starts[-1] < grid.segment_frames:
        starts.pop()
    ends = [*starts[1:], grid.frames]
    return tuple(
        Chunk(index=index, first_frame=start, frames=end - start)
        for index, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


def _sizes(width: int, height: int, max_short: int) -> list[tuple[str, int, int, Fraction]]:
    """(name, width, height, sample aspect) of each rung, smallest first."""
    width, height = max(2, width & ~1), max(2, height & ~1)
    short = min(width, height)
    top = min(short, max_short)
    lines = [s for s in STANDARD_LINES if s * LEAST_STEP <= top]
    for aspect in _aspects(width, height):
        sizes = [_size(aspect, line, width, height) for line in lines]
        sizes.append((width, height) if top == short else _size(aspect, top, width, height))
        if all(_fits(aspect * h / w) for w, h in sizes):
            break
    return [
        (f"{line}p", w, h, aspect * h / w)
        for line, (w, h) in zip([*lines, top], sizes, strict=True)
    ]


def _aspects(width: int, height: int) -> Iterator[Fraction]:
    """The exact aspect, then ever rounder ones; the last one (whole numbers) always fits."""
    aspect = Fraction(width, height)
    yield aspect
    seen = {aspect}
    for limit in range(512, 0, -1):
        flat = max(aspect, 1 / aspect).limit_denominator(limit)
        rounder = flat if aspect >= 1 else 1 / flat
        if rounder not in seen:
            seen.add(rounder)
            yield rounder


def _fits(sample_aspect: Fraction) -> bool:
    return max(sample_aspect.numerator, sample_aspect.denominator) <= MAX_SAMPLE_ASPECT


def _size(aspect: Fraction, line: int, width: int, height: int) -> tuple[int, int]:
    """The even size for ``line`` lines on the short side, inside ``width`` x ``height``."""
    a, b = aspect.numerator, aspect.denominator
    step = 2 * min(a, b)  # a and b have no common factor, so one is odd: both sides need a 2
    times = max(1, (2 * line + step) // (2 * step))
    exact = (2 * times * a, 2 * times * b)
    close = abs(times * step - line) <= line * SIZE_TOLERANCE
    if close and exact[0] <= width and exact[1] <= height:
        return exact
    if a >= b:
        return min(width, _even(line * aspect)), line
    return line, min(height, _even(line / aspect))


def _even(value: Fraction) -> int:
    return max(2, 2 * round(value / 2))


def _rendition(
    name: str, size: tuple[int, int], aspect: Fraction, rate: Fraction, options: EncodeOptions
) -> Rendition:
    codec = options.codec
    width, height = size
    own = rate / rung_step(rate, int(name.removesuffix("p")))
    ceiling = _ceiling(codec, width, height, own)
    return Rendition(
        name=name,
        width=width,
        height=height,
        codec=codec,
        crf=CRF[codec] + options.crf_offset,
        maxrate=ceiling,
        bufsize_bits=GOP_S * ceiling,
        preset=options.preset or DEFAULT_PRESET[codec],
        frame_rate=own,
        sample_aspect=aspect,
    )


def _ceiling(codec: VideoCodec, width: int, height: int, rate: Fraction) -> int:
    """Bit/s, to the thousand: the table's entry nearest in pixels, scaled."""
    pixels = width * height
    line = min(STANDARD_LINES, key=lambda s: abs(s * s * 16 / 9 - pixels))
    shape: float = pow(pixels / (line * line * 16 / 9), 0.75)
    motion = sqrt(max(1.0, float(rate) / 30))
    scaled: float = CEILING[codec][line] * shape * motion
    return max(100_000, 1000 * round(scaled / 1000))
