"""Build FFmpeg filter graphs link by link, one thread each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from av.error import BlockingIOError as NothingYet
from av.error import EOFError as End
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

type Shape = tuple[int, int, str]  # width, height, pixel format

type Step = tuple[str, str]  # a filter and its arguments


def shape_of(frame: VideoFrame) -> Shape:
    """What a graph is built for; a frame of another shape needs another graph."""
    return frame.width, frame.height, frame.format.name


def source(
    graph: Graph, shape: Shape, time_base: Fraction, frame_rate: Fraction | None = None
) -> FilterContext:
    """The input of a graph. ``frame_rate`` where a filter counts frames."""
    width, height, pixel_format = shape
    told = {"frame_rate": str(frame_rate)} if frame_rate is not None else {}
    return graph.add(
        "buffer",
        video_size=f"{width}x{height}",
        pix_fmt=pixel_format,
        time_base=str(time_base),
        pixel_aspect="1/1",
        **told,
    )


def then(graph: Graph, last: FilterContext, name: str, arguments: str | None = None) -> Any:  # noqa: ANN401 - PyAV's sinks have more than its stubs say
    """A filter that takes what ``last`` gives."""
    node = graph.add(name, arguments or None)
    last.link_to(node)
    return node


SAMPLE_ASPECT_UNIT = 1000
"""Sample aspects are read to a thousandth."""


class SampleAspect:
    """Reads each frame's own sample aspect, which PyAV does not tell and a stream may change."""

    def __init__(self) -> None:
        self._line: Line | None = None
        self._shape: Shape | None = None

    def of(self, frame: VideoFrame) -> int:
        """Thousandths; 1000 for square pixels and where none is said. Takes about 15 us."""
        shape = shape_of(frame)
        if shape != self._shape:
            # scale evaluates its size for each frame: the width of a strip says the aspect
            size = f"w='clip(round({SAMPLE_ASPECT_UNIT}*sar),16,16384)':h=8:eval=frame"
            corner = f"{min(8, shape[0])}:{min(8, shape[1])}:0:0"
            steps = [("crop", corner), ("scale", f"{size}:flags=neighbor")]
            self._line, self._shape = Line(shape, steps, time_base=Fraction(1, 1000)), shape
        assert self._line is not None
        (strip,) = self._line.push(frame)
        return strip.width


class Line:
    """A graph without branches: frames in, frames out, perhaps later and perhaps fewer."""

    def __init__(
        self,
        shape: Shape,
        steps: Sequence[Step],
        *,
        time_base: Fraction,
        frame_rate: Fraction | None = None,
    ) -> None:
        graph = Graph()
        graph.threads = 1  # the encoders have the other cores
        self._source = last = source(graph, shape, time_base, frame_rate)
        for name, arguments in steps:
            last = then(graph, last, name, arguments)
        self._sink = then(graph, last, "buffersink")
        graph.configure()
        self._graph = graph  # its filters live as long as it does

    def push(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """What comes out once ``frame`` has gone in; None ends the input."""
        self._source.push(frame)
        while True:
            try:
                yield self._sink.pull()
            except (NothingYet, End):
                return
