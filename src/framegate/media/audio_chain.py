"""A chain of FFmpeg's audio filters, one thread each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import cast

from av.audio.frame import AudioFrame
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as End
from av.filter import Graph

from framegate.media.filters import Step

type Form = tuple[int, str, str]  # sample rate, sample format, channel layout


def form_of(frame: AudioFrame) -> Form:
    """What a chain is built for; a frame of another form needs another chain."""
    return frame.sample_rate, frame.format.name, frame.layout.name


class AudioChain:
    """Frames in, frames out, perhaps later and of other lengths."""

    def __init__(
        self, form: Form, steps: Iterable[Step], *, time_base: Fraction, block: int = 0
    ) -> None:
        """``block``: samples of each frame that comes out, but for the last; 0 for any number."""
        rate, sample_format, layout = form
        graph = Graph()
        graph.threads = 1
        nodes = [
            graph.add_abuffer(
                sample_rate=rate, format=sample_format, layout=layout, time_base=time_base
            ),
            *(graph.add(name, arguments) for name, arguments in steps),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        if block:
            graph.set_audio_frame_size(block)
        self._graph = graph
        self.full = False  # no more input is wanted

    def push(self, frame: AudioFrame | None) -> Iterator[AudioFrame]:
        """What comes out once ``frame`` has gone in; None ends the input."""
        try:
            self._graph.push(frame)
        except End:
            self.full = True
            return
        while True:
            try:
                yield cast("AudioFrame", self._graph.pull())
            except (NothingYet, End):
                return
