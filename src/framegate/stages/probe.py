"""Probe: what the source is, measured inside the sandbox."""

from __future__ import annotations

from framegate.domain.limits import SourceLimits
from framegate.domain.media import MediaFacts
from framegate.domain.serial import dump, load
from framegate.errors import InputTooLarge, Internal
from framegate.security.sandbox import Limits
from framegate.stages.base import StageContext

TASK = "framegate.media.probe:measure"

SANDBOX = Limits(memory_bytes=2 << 30, cpu_s=1800, wall_s=1800.0, threads=32)
"""Reading twelve hours takes minutes; the memory covers two decoders of the largest picture."""


def probe(
    context: StageContext,
    fd: int,
    *,
    name: str,
    size_bytes: int,
    limits: SourceLimits,
    sandbox_limits: Limits = SANDBOX,
) -> MediaFacts:
    """Facts of the source behind ``fd`` (opened for this call alone: its offset is moved).

    Raises the leaves of `InputError` that fit, `MediaLimit`, `MediaCrash`, and `Internal` when the
    child's answer is not what a probe says.
    """
    if size_bytes > limits.max_bytes:
        raise InputTooLarge(
            "The file is too large", f"{size_bytes} bytes where {limits.max_bytes} are allowed"
        )
    context.progress.start("probe", None, "packets")
    answer = context.sandbox.run(
        TASK,
        {"name": name, "limits": dump(limits)},
        fds={"source": fd},
        limits=sandbox_limits,
        on_message=lambda said: context.progress.advance("probe", float(said.get("packets", 0))),
    )
    facts = load(MediaFacts, answer)
    if facts.size_bytes != size_bytes:
        raise Internal("The probe read another file", f"{facts.size_bytes} of {size_bytes} bytes")
    context.progress.end("probe", _note(facts))
    return facts


def _note(facts: MediaFacts) -> str:
    video = facts.video
    rate = float(video.frame_rate.measured)
    words = (
        f"{facts.container}, {video.codec} {video.display_width}x{video.display_height}, "
        f"{rate:.3g} fps, {float(facts.duration_measured):.1f} s"
    )
    return f"{words}, truncated at {facts.readable_share:.0%}" if facts.truncated else words
