"""One audio track as the package has it: mixed, on the video's clock, and exactly as long.

    decoded ─ float ─ mixed to stereo or 5.1, output rate ─ cut before 0 ─ fill gaps, start at 0
            ─ gain ─ limiter at four times the rate ─ pad ─ cut ─ blocks

Sample 0 is heard with the video's first frame. Both passes, measuring and encoding, read this, so
what is measured is what is encoded.

**Mixing down** is ITU-R BS.775, table 2: left = L + 0.7071 C + 0.7071 Ls, right alike; side and
back pairs each at 0.7071, a lone back channel at 0.5 on both sides, the low-frequency channel left
out. In float and with no headroom taken off: levelling comes after. Mono is the same on both sides,
at its own level. 7.1 becomes 5.1 with its side pair at 0.7071 on the back pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import lcm
from typing import cast

from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as End
from av.filter import Graph
from av.filter.context import FilterContext

from framegate.domain.encoding import AudioWork
from framegate.domain.sound import Levelling
from framegate.media.container import Tally, audio_track, decode_packets, packets

LAYOUTS = {2: "stereo", 6: "5.1"}

FOLLOW = "async=1:first_pts=0:min_hard_comp=0.02:min_comp=0.002:comp_duration=1:max_soft_comp=0.002"
"""How samples follow timestamps. Up to 0 there is silence. A step of 20 ms (about a frame of any
codec) or more is a gap, filled with exact silence, or an overlap, dropped. What lies between is a
recorder whose sound card and clock disagree: stretched by at most 0.2 %, which nobody hears, until
under 2 ms are left. Less than that is rounding in the container's clock."""

MAX_DENOMINATOR = 1 << 30  # av_rescale_q works on 32-bit rationals

OVERSAMPLED = 4
"""BS.1770-4, annex 2: peaks between the samples of 48 kHz show at four times the rate."""

ATTACK_MS, RELEASE_MS = 5, 50
"""Of the limiter: it looks ahead by the attack, so that nothing passes its ceiling."""


def sound(
    source: InputContainer, work: AudioWork, block: int, tally: Tally, levelling: Levelling
) -> Iterator[AudioFrame]:
    """Exactly ``work.samples`` samples from 0, float planar, in frames of ``block`` samples.

    ``tally`` counts what was decoded. A track that is silent throughout comes as silence.
    """
    decoded = _decoded(source, work.audio.source_index, tally)
    layout = LAYOUTS[work.audio.channels]
    mixed = _mixed(decoded, layout, work)
    yield from _aligned(mixed, layout, work, block, levelling)


def drain(graph: Graph, *, end: bool = False) -> Iterator[AudioFrame]:
    """What a graph has ready; with ``end`` everything that is left."""
    if end:
        graph.push(None)
    while True:
        try:
            yield cast("AudioFrame", graph.pull())
        except (NothingYet, End):
            return


def _decoded(container: InputContainer, index: int, tally: Tally) -> Iterator[AudioFrame]:
    stream = audio_track(container, index)
    stream.codec_context.thread_count = 1
    for frame in decode_packets(packets(container, stream, tally=tally), stream, tally=tally):
        if frame.samples:
            yield frame
        else:
            tally.frames -= 1  # nothing to hear


def _mixed(frames: Iterator[AudioFrame], layout: str, work: AudioWork) -> Iterator[AudioFrame]:
    """At the output's rate and layout, PTS in output samples from the video's first frame.

    A track may change its layout or rate half-way (broadcast does): each shape has its own graph.
    """
    graph: Graph | None = None
    shape: tuple[int, str, str] | None = None
    for frame in frames:
        found = (frame.sample_rate, frame.format.name, frame.layout.name)
        base = Fraction(frame.time_base.numerator, frame.time_base.denominator)
        clock = _clock(base, work.video_start)
        if graph is None or found != shape:
            if graph is not None:
                yield from drain(graph, end=True)
            graph, shape = _mixer(frame, clock, layout, work.audio.sample_rate), found
        frame.pts = round(((frame.pts or 0) * base - work.video_start) / clock)
        frame.time_base = clock
        graph.push(frame)
        yield from drain(graph)
    if graph is not None:
        yield from drain(graph, end=True)


def _clock(base: Fraction, start: Fraction) -> Fraction:
    """A time base in which both the track's timestamps and the video's start are whole."""
    denominator = lcm(base.denominator, start.denominator)
    return Fraction(1, min(denominator, MAX_DENOMINATOR))


def _mixer(frame: AudioFrame, clock: Fraction, layout: str, rate: int) -> Graph:
    graph = Graph()
    graph.threads = 1
    nodes = [
        graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=clock,
        ),
        # float first: mixing integers, swresample would turn everything down by what could clip
        graph.add("aformat", "sample_fmts=fltp"),
    ]
    if frame.layout.nb_channels == 1:
        # as it is on both sides; swresample's own rule would make it 3 dB quieter
        nodes.append(graph.add("pan", "stereo|c0=c0|c1=c0"))
    nodes += [
        graph.add("aresample", f"{rate}:clev=0.70710678:slev=0.70710678:lfe_mix_level=0"),
        graph.add("aformat", f"sample_fmts=fltp:channel_layouts={layout}:sample_rates={rate}"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph


def _aligned(
    frames: Iterator[AudioFrame], layout: str, work: AudioWork, block: int, levelling: Levelling
) -> Iterator[AudioFrame]:
    rate = work.audio.sample_rate
    graph = Graph()
    graph.threads = 1
    nodes = [
        graph.add_abuffer(
            sample_rate=rate, format="fltp", layout=layout, time_base=Fraction(1, rate)
        ),
        graph.add("atrim", "start_pts=0"),  # heard before the first picture: cut
        graph.add("aresample", FOLLOW),
        *_levelled(graph, rate, levelling),
        graph.add("apad", f"whole_len={work.samples}"),
        graph.add("atrim", f"end_sample={work.samples}"),
        graph.add("aformat", f"sample_fmts=fltp:channel_layouts={layout}:sample_rates={rate}"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    graph.set_audio_frame_size(block)
    for frame in frames:
        try:
            graph.push(frame)
        except End:
            return  # as long as the picture: the rest is not wanted
        yield from drain(graph)
    yield from drain(graph, end=True)


def _levelled(graph: Graph, rate: int, levelling: Levelling) -> Iterator[FilterContext]:
    """Gain, then the limiter: one for all channels, so that the image stays where it is."""
    if levelling.gain_db:
        yield graph.add("volume", f"volume={levelling.gain_db:.4f}dB:precision=float")
    if levelling.ceiling_dbtp is not None:
        limit = 10 ** (levelling.ceiling_dbtp / 20)
        yield graph.add("aresample", str(OVERSAMPLED * rate))
        yield graph.add(
            "alimiter",
            f"limit={limit:.6f}:level=0:attack={ATTACK_MS}:release={RELEASE_MS}:latency=1",
        )
        yield graph.add("aresample", str(rate))
