"""Which encoders this machine has: asked of the media build, in the sandbox."""

from __future__ import annotations

from framegate.domain import codec
from framegate.domain.encoding import Encoders
from framegate.domain.ladder import VideoCodec
from framegate.errors import ComponentMissing
from framegate.security.sandbox.host import MediaSandbox
from framegate.security.sandbox.limits import Limits

_LIMITS = Limits(memory_bytes=1 << 30, cpu_s=60, wall_s=60.0, silence_s=60.0)


def encoders(sandbox: MediaSandbox) -> Encoders:
    """Ask. The answer holds as long as the process: the build does not change under it."""
    answer = sandbox.run("framegate.media.encoders:list_", {}, fds={}, limits=_LIMITS)
    return codec.load(Encoders, answer)


def require(found: Encoders, wanted: VideoCodec) -> None:
    """Raises `ComponentMissing` when ``wanted`` cannot be encoded here."""
    if not found.software.get(wanted.value):
        raise ComponentMissing(f"This build cannot encode {wanted.value}")
