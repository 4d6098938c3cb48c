"""From a decoded frame, whatever it is, to each rung's picture: one filter graph.

    decoded ─ setparams ─ crop ─ scale + colour ─ pad ─ flip, turn ─ (blur) ─┬─ top rung
                                                                             └─ scale ─┬─ …
                                                                                       └─ …

The picture leaves as 8-bit 4:2:0, limited range, BT.709, upright, and without side data. Each rung
is scaled from one above it, not from the source: at 1080p over four rungs that is about 2 ms a
frame against 3. Turning comes after scaling, where the format is known and the picture no larger
than it needs be.

A frame that is to be hidden is blurred before any rung is made of it: all that is left of it are a
few numbers (`blur_steps`). It has a graph of its own, since which scalers there are cannot change
from frame to frame.

A source that changes its size or its pixels' shape on the way goes on in the same rungs:
undistorted, as large as it fits, on black.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

from framegate.domain.media import Crop, Rotation, VideoFacts
from framegate.media.filters import (
    SAMPLE_ASPECT_UNIT,
    SampleAspect,
    Shape,
    Step,
    shape_of,
    source,
    then,
)
from framegate.media.geometry import fit_within

SCALER = "bicubic"  # FFmpeg's own default; sharper than bilinear for 0.3 ms more at 1080p

LEAST_RATIO = 1.4
"""A rung is scaled from the nearest one at least this much larger: two near rungs in a row blur
(360 lines from 486 cost half a VMAF point; from 720 it costs nothing)."""

NEAREST_MATRIX = dict.fromkeys(("bt2020c", "chroma-derived-nc", "chroma-derived-c"), "bt2020nc")
"""Matrices that swscale lacks and what stands in for them: the same for greys, close for colours.
(For those that nothing is close to, the plan refuses the source.)"""

BLUR_CELLS, BLUR_STRIDE = 8, 8
"""A blurred picture keeps 8 cells on its long side (5 or so on the other), each the mean of what it
covers: colour fields. Fewer than the report's 12, which are grey and stand still."""

NARROW_PRIMARIES = ("bt709", "smpte170m", "bt470bg", "smpte240m", "bt470m", "unknown")
"""Primaries close to BT.709. Only the matrix is converted for these: a gamut conversion costs 2 s
of table building in each chunk and eight times the scaling, to move a saturated patch by about 3
codes of luma and 6 of chroma. Wider ones (BT.2020, P3) are converted."""


@dataclass(frozen=True, slots=True)
class Size:
    """Pixels of one rung, as coded."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class SourceColour:
    """What the graph is told of the source (H.273 names as FFmpeg spells them)."""

    primaries: str
    transfer: str
    matrix: str
    full_range: bool
    intent: str  # how colours outside BT.709 come in; "" when none can be


def source_colour(video: VideoFacts) -> SourceColour:
    """The colours to convert from.

    SDR transfer curves are taken as BT.709's: every display shows them by BT.1886 alike, and
    converting between camera curves would darken what the author saw.
    """
    matrix = "gbr" if video.chroma == "rgb" else video.colour.matrix
    if matrix in NEAREST_MATRIX:
        matrix = NEAREST_MATRIX[matrix] if video.colour.primaries == "bt2020" else "bt709"
    full = video.colour.full_range or video.chroma == "rgb"
    if video.hdr_transfer is not None:
        return SourceColour(video.colour.primaries, video.hdr_transfer, matrix, full, "perceptual")
    if video.colour.primaries in NARROW_PRIMARIES:
        return SourceColour("bt709", "bt709", matrix, full, "")
    return SourceColour(video.colour.primaries, "bt709", matrix, full, "relative_colorimetric")


@dataclass(frozen=True, slots=True)
class _Built:
    graph: Graph  # kept: its filters live as long as it
    source: FilterContext
    sinks: tuple[FilterContext, ...]


class PictureGraph:
    """The graph for frames of one size and format; a new one is built when the source changes.

    ``rungs`` are largest first. Not for use from several threads.
    """

    def __init__(self, video: VideoFacts, rungs: Sequence[Size], frame_rate: Fraction) -> None:
        self._colour = source_colour(video)
        self._crop = video.clean_aperture
        self._rotation = video.rotation
        self._rungs = tuple(rungs)
        self._time_base = 1 / frame_rate
        self._aspects = SampleAspect()
        wide = video.width - self._crop.left - self._crop.right
        high = video.height - self._crop.top - self._crop.bottom
        self._display = video.sample_aspect * wide / high  # before turning
        # how much wider than said by the frame itself its pixels are shown
        self._stretch = video.sample_aspect / video.coded_aspect
        self._coded = (video.width, video.height)
        self._of: tuple[Shape, int] | None = None  # what the graphs are for
        self._built: dict[bool, _Built] = {}  # by whether it blurs

    def process(self, frame: VideoFrame, *, blurred: bool = False) -> list[VideoFrame]:
        """One picture per rung, with the frame's PTS and picture type."""
        of = (shape_of(frame), self._aspects.of(frame))
        if of != self._of:
            self._of = of
            self._built.clear()
        built = self._built.get(blurred)
        if built is None:
            built = self._built[blurred] = self._build(*of, blurred=blurred)
        built.source.push(frame)
        return [sink.pull() for sink in built.sinks]  # type: ignore[misc]

    def _build(self, shape: Shape, sample_aspect: int, *, blurred: bool) -> _Built:
        width, height, _ = shape
        graph = Graph()
        graph.threads = 1  # the encoders have the other cores
        colour = self._colour
        first = last = source(graph, shape, self._time_base)
        said = f"range={'pc' if colour.full_range else 'tv'}:color_primaries={colour.primaries}"
        said += f":color_trc={colour.transfer}:colorspace={colour.matrix}"
        # what probe settled, over whatever each frame claims
        steps: list[tuple[str, str]] = [("setparams", said)]
        if (width, height) == self._coded and self._crop != Crop():
            crop = self._crop
            width, height = width - crop.left - crop.right, height - crop.top - crop.bottom
            steps.append(("crop", f"{width}:{height}:{crop.left}:{crop.top}"))
        top = self._rungs[0]
        turned = self._rotation.clockwise_deg in (90, 270)
        convert = (
            f":in_range={'pc' if colour.full_range else 'tv'}:out_range=tv:out_color_matrix=bt709"
        )
        if colour.intent:
            convert += f":out_primaries=bt709:out_transfer=bt709:intent={colour.intent}"
        box = (top.height, top.width) if turned else (top.width, top.height)
        aspect = self._stretch * Fraction(sample_aspect, SAMPLE_ASPECT_UNIT) * width / height
        wide, high, left, above = fit_within(aspect, box, self._display)
        steps.append(("scale", f"{wide}:{high}:flags={SCALER}{convert}"))
        steps.append(("format", "yuv420p"))
        if (wide, high) != box:
            steps.append(("pad", f"{box[0]}:{box[1]}:{left}:{above}:black"))
        steps.extend(_turn(self._rotation))
        steps.append(
            ("setparams", "range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709")
        )
        # Captions, time codes, brightness of a source that was HDR: encoders would write them into
        # pictures that they are not about, and captions that nobody looked at would be published.
        steps.append(("sidedata", "mode=delete"))
        if blurred:
            steps.extend(blur_steps(top.width, top.height))
        for name, arguments in steps:
            last = then(graph, last, name, arguments)
        sinks = _cascade(graph, last, self._rungs)
        graph.configure()
        return _Built(graph, first, sinks)


def blur_steps(width: int, height: int) -> list[Step]:
    """Averaged down to `BLUR_CELLS` on the long side, and smoothly up again; both in two strides,
    which bounds the scalers' kernels. Unsubsampled in between: swscale does not interpolate from
    two rows of chroma.
    """
    long = max(width, height)

    def cells(most: int) -> str:
        return ":".join(
            str(max(1, round(side * min(most, long) / long))) for side in (width, height)
        )

    coarse, fine = cells(BLUR_CELLS), cells(BLUR_CELLS * BLUR_STRIDE)
    return [
        ("scale", f"{fine}:flags=area"),
        ("format", "yuv444p"),
        ("scale", f"{coarse}:flags=area"),
        ("scale", f"{fine}:flags=bilinear"),
        ("scale", f"{width}:{height}:flags=bilinear"),
        ("format", "yuv420p"),
    ]


def _cascade(graph: Graph, top: FilterContext, rungs: Sequence[Size]) -> tuple[FilterContext, ...]:
    """A sink for each rung: the top one as it is, the others scaled from their parents."""
    parents = [_parent(rungs, index) for index in range(len(rungs))]
    made = [top]
    free: list[list[int]] = []  # for each rung so far, output pads not yet taken
    sinks: list[FilterContext] = []
    for index, rung in enumerate(rungs):
        if index:
            parent = parents[index]
            scaler = graph.add("scale", f"{rung.width}:{rung.height}:flags={SCALER}")
            made[parent].link_to(scaler, free[parent].pop(0), 0)
            made.append(scaler)
        children = parents.count(index) - (index == 0)  # the top rung is named as its own parent
        if children:
            made[index] = then(graph, made[index], "split", str(children + 1))
        sink = graph.add("buffersink")
        made[index].link_to(sink, 0, 0)
        free.append(list(range(1, children + 1)))
        sinks.append(sink)
    return tuple(sinks)


def _parent(rungs: Sequence[Size], index: int) -> int:
    """The nearest larger rung to scale from."""
    width = rungs[index].width
    larger = [at for at in range(index) if rungs[at].width >= LEAST_RATIO * width]
    return larger[-1] if larger else 0


def _turn(rotation: Rotation) -> list[tuple[str, str]]:
    """Mirror first, then clockwise: the order in which `Rotation` is taken apart."""
    steps = [("hflip", "")] if rotation.flip_horizontal else []
    turns = {0: [], 90: [("transpose", "clock")], 180: [("hflip", ""), ("vflip", "")]}
    turns[270] = [("transpose", "cclock")]
    return steps + turns[rotation.clockwise_deg]
