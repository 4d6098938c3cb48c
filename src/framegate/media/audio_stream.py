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

from av.audio.frame import AudioFrame
from av.container import InputContainer

from framegate.domain.encoding import AudioWork
from framegate.domain.sound import Levelling
from framegate.media.audio_chain import AudioChain, Form, form_of
from framegate.media.container import Tally, audio_track, decode_packets, packets
from framegate.media.filters import Step

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
    chain: AudioChain | None = None
    form: Form | None = None
    for frame in frames:
        base = Fraction(frame.time_base.numerator, frame.time_base.denominator)
        clock = _clock(base, work.video_start)
        if chain is None or form_of(frame) != form:
            if chain is not None:
                yield from chain.push(None)
            form = form_of(frame)
            chain = AudioChain(form, _mix(frame, layout, work.audio.sample_rate), time_base=clock)
        frame.pts = round(((frame.pts or 0) * base - work.video_start) / clock)
        frame.time_base = clock
        yield from chain.push(frame)
    if chain is not None:
        yield from chain.push(None)


def _clock(base: Fraction, start: Fraction) -> Fraction:
    """A time base in which both the track's timestamps and the video's start are whole."""
    denominator = lcm(base.denominator, start.denominator)
    return Fraction(1, min(denominator, MAX_DENOMINATOR))


def _mix(frame: AudioFrame, layout: str, rate: int) -> Iterator[Step]:
    # float first: mixing integers, swresample would turn everything down by what could clip
    yield "aformat", "sample_fmts=fltp"
    if frame.layout.nb_channels == 1:
        # as it is on both sides; swresample's own rule would make it 3 dB quieter
        yield "pan", "stereo|c0=c0|c1=c0"
    yield "aresample", f"{rate}:clev=0.70710678:slev=0.70710678:lfe_mix_level=0"
    yield "aformat", f"sample_fmts=fltp:channel_layouts={layout}:sample_rates={rate}"


def _aligned(
    frames: Iterator[AudioFrame], layout: str, work: AudioWork, block: int, levelling: Levelling
) -> Iterator[AudioFrame]:
    rate = work.audio.sample_rate
    steps = [
        ("atrim", "start_pts=0"),  # heard before the first picture: cut
        ("aresample", FOLLOW),
        *_levelled(rate, levelling),
        ("apad", f"whole_len={work.samples}"),
        ("atrim", f"end_sample={work.samples}"),
        ("aformat", f"sample_fmts=fltp:channel_layouts={layout}:sample_rates={rate}"),
    ]
    chain = AudioChain((rate, "fltp", layout), steps, time_base=Fraction(1, rate), block=block)
    for frame in frames:
        yield from chain.push(frame)
        if chain.full:
            return  # as long as the picture: the rest is not wanted
    yield from chain.push(None)


def _levelled(rate: int, levelling: Levelling) -> Iterator[Step]:
    """Gain, then the limiter: one for all channels, so that the image stays where it is."""
    if levelling.gain_db:
        yield "volume", f"volume={levelling.gain_db:.4f}dB:precision=float"
    if levelling.ceiling_dbtp is not None:
        limit = 10 ** (levelling.ceiling_dbtp / 20)
        yield "aresample", str(OVERSAMPLED * rate)
        yield (
            "alimiter",
            f"limit={limit:.6f}:level=0:attack={ATTACK_MS}:release={RELEASE_MS}:latency=1",
        )
        yield "aresample", str(rate)
