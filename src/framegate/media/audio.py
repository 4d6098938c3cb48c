"""Encode one audio track whole: stereo AAC-LC on the video's clock.

    decoded ─ to stereo, output rate ─ cut before 0 ─ fill gaps, start at 0 ─ pad ─ cut ─ encoder
                                                          ▲
                                      loudness normalisation belongs right after it

Sample 0 is heard with the video's first frame, and there are as many samples as the video is long.
Never in chunks: AAC overlaps its frames, so every cut would be audible. The encoder's priming
(1,024 samples) is signalled by the MP4 edit list, which players and packagers skip.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import lcm
from typing import Any, cast

from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as End
from av.filter import Graph

from framegate.domain import codec
from framegate.domain.encoding import AudioDone, AudioWork
from framegate.errors import Undecodable
from framegate.media.container import (
    Tally,
    audio_track,
    decode_packets,
    open_source,
    packets,
)
from framegate.media.join import MOVFLAGS
from framegate.media.writing import output
from framegate.security.sandbox import Call

AAC_FRAME = 1024
LAYOUT = "stereo"
LEAST_GAP_S = 0.02  # about one AAC frame: smaller steps are rounding in the container's clock
MAX_DENOMINATOR = 1 << 30  # av_rescale_q works on 32-bit rationals
REPORT_FRAMES = 500


def encode(call: Call) -> dict[str, Any]:
    """Task: encode an audio track. Descriptors: ``source``, ``out`` (MP4).

    Raises `Undecodable` when nothing can be heard of it, `DiskFull`, `MediaLimit`.
    """
    work = codec.load(AudioWork, call.request)
    audio = work.audio
    tally = Tally()
    count = 0
    with (
        open_source(call.fd("source"), max_pixels=work.max_pixels) as source,
        output(call.fd("out"), "mp4", movflags=MOVFLAGS) as target,
    ):
        stream = target.add_stream("aac", rate=audio.sample_rate)
        context = stream.codec_context
        context.layout = LAYOUT
        context.format = "fltp"  # the only one FFmpeg's AAC encoder takes
        context.bit_rate = audio.bitrate
        context.time_base = Fraction(1, audio.sample_rate)
        context.thread_count = 1
        context.profile = "LC"  # what every player takes
        stream.metadata["language"] = audio.language
        heard = _resampled(_decoded(source, audio.source_index, tally), work)
        for frame in _aligned(heard, work):
            for packet in stream.encode(frame):
                count += 1
                target.mux_one(packet)
                if count % REPORT_FRAMES == 0:
                    call.emit({"samples": count * AAC_FRAME})
        if not tally.frames:
            raise Undecodable("The audio track cannot be decoded")
        for packet in stream.encode(None):
            count += 1
            target.mux_one(packet)
        priming = context.initial_padding
    return codec.dump(
        AudioDone(
            packets=count,
            priming_samples=priming,
            source_frames=tally.frames,
            corrupt_packets=tally.corrupt,
        )
    )


def _decoded(container: InputContainer, index: int, tally: Tally) -> Iterator[AudioFrame]:
    stream = audio_track(container, index)
    for frame in decode_packets(packets(container, stream, tally=tally), stream, tally=tally):
        if frame.samples:
            yield frame
        else:
            tally.frames -= 1  # nothing to hear


def _resampled(frames: Iterator[AudioFrame], work: AudioWork) -> Iterator[AudioFrame]:
    """Stereo float at the output rate, PTS in output samples from the video's first frame.

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
                yield from _drain(graph, end=True)
            graph, shape = _resampler(frame, clock, work.audio.sample_rate), found
        frame.pts = round(((frame.pts or 0) * base - work.video_start) / clock)
        frame.time_base = clock
        graph.push(frame)
        yield from _drain(graph)
    if graph is not None:
        yield from _drain(graph, end=True)


def _clock(base: Fraction, start: Fraction) -> Fraction:
    """A time base in which both the track's timestamps and the video's start are whole."""
    denominator = lcm(base.denominator, start.denominator)
    return Fraction(1, min(denominator, MAX_DENOMINATOR))


def _resampler(frame: AudioFrame, clock: Fraction, rate: int) -> Graph:
    graph = Graph()
    graph.threads = 1
    nodes = [
        graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=clock,
        ),
        graph.add("aresample", str(rate)),
    ]
    if frame.layout.nb_channels == 1:
        # as it is on both sides; swresample's own rule would make it 3 dB quieter
        nodes.append(graph.add("pan", "stereo|c0=c0|c1=c0"))
    nodes += [
        graph.add("aformat", f"sample_fmts=fltp:channel_layouts={LAYOUT}:sample_rates={rate}"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph


def _aligned(frames: Iterator[AudioFrame], work: AudioWork) -> Iterator[AudioFrame]:
    """Exactly ``work.samples`` samples from 0, in frames of the encoder's size."""
    rate = work.audio.sample_rate
    graph = Graph()
    graph.threads = 1
    nodes = [
        graph.add_abuffer(
            sample_rate=rate, format="fltp", layout=LAYOUT, time_base=Fraction(1, rate)
        ),
        graph.add("atrim", "start_pts=0"),  # heard before the first picture: cut
        # async=1 fills gaps and drops overlaps but never stretches; first_pts pads up to 0
        graph.add("aresample", f"async=1:first_pts=0:min_hard_comp={LEAST_GAP_S}"),
        graph.add("apad", f"whole_len={work.samples}"),
        graph.add("atrim", f"end_sample={work.samples}"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    graph.set_audio_frame_size(AAC_FRAME)
    for frame in frames:
        graph.push(frame)
        yield from _drain(graph)
    yield from _drain(graph, end=True)


def _drain(graph: Graph, *, end: bool = False) -> Iterator[AudioFrame]:
    if end:
        graph.push(None)
    while True:
        try:
            yield cast("AudioFrame", graph.pull())
        except (NothingYet, End):
            return
