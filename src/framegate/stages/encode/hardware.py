"""Which encoders this machine has: asked of the media build, in the sandbox."""

from __future__ import annotations

from framegate.domain import serial
from framegate.domain.encoding import Encoders
from framegate.domain.ladder import VideoCodec
from framegate.errors import ComponentMissing
from framegate.security.sandbox.host import MediaSandbox
from framegate.security.sandbox.limits import BRIEF


def encoders(sandbox: MediaSandbox) -> Encoders:
    """Ask. The answer holds as long as the process: the build does not change under it."""
    answer = sandbox.run("framegate.media.encoders:list_", {}, fds={}, limits=BRIEF)
    return serial.load(Encoders, answer)


def require(found: Encoders, wanted: VideoCodec) -> None:
    """Raises `ComponentMissing` when ``wanted`` cannot be encoded here."""
    if not found.software.get(wanted.value):
        raise ComponentMissing(f"This build cannot encode {wanted.value}")
