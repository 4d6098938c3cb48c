"""A clip taken through the real encode stage, up to finished tracks and their package."""

import hashlib
import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import tracks
from framegate.domain.ladder import EncodedAudio, EncodedRendition, EncodeOptions, EncodePlan
from framegate.domain.limits import SourceLimits
from framegate.domain.package import Packaged, Stills
from framegate.security.sandbox.host import MediaSandbox
from framegate.stages.encode.audio import encode_audio
from framegate.stages.encode.encode import encode_chunk, join_rendition
from framegate.stages.encode.hardware import encoders
from framegate.stages.encode.ladder import plan as plan_encode
from framegate.stages.encode.package import package
from framegate.stages.encode.proof import prove
from framegate.stages.encode.stills import make_stills
from framegate.stages.probe import probe


@dataclass(frozen=True, slots=True)
class Encoded:
    plan: EncodePlan
    videos: tuple[EncodedRendition, ...]
    audios: tuple[EncodedAudio, ...]
    packaged: Packaged
    stills: Stills
    out: Path = field(default_factory=Path)


def encode(
    sandbox: MediaSandbox, source: Path, work: Path, options: EncodeOptions, *, proof: bool = True
) -> Encoded:
    """Probe, encode, prove, package into ``work/package``, and make stills."""
    context = replace(tracks.context(work), sandbox=sandbox)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    fd = os.open(source, os.O_RDONLY)
    try:
        size = source.stat().st_size
        facts = probe(context, fd, name=source.name, size_bytes=size, limits=SourceLimits())
        plan = plan_encode(facts, options)
        found = encoders(sandbox)
        receipts = [
            encode_chunk(context, fd, facts, plan, chunk, source_sha256=digest, encoders=found)
            for chunk in plan.chunks
        ]
        videos = tuple(join_rendition(context, plan, receipts, one) for one in plan.renditions)
        sound = [encode_audio(context, fd, facts, plan, one) for one in plan.audio]
        if proof:
            videos = prove(context, fd, facts.video, plan, videos)
    finally:
        os.close(fd)
    audios = tuple(one for one in sound if one is not None)
    out = work / "package"
    packaged = package(context, plan, videos, audios, out)
    stills = make_stills(context, plan, videos, audios, out, poster_at=Fraction(1))
    return Encoded(plan, videos, audios, packaged, stills, out)
