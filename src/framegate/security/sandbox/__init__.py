"""Where hostile bytes are handled: one restricted child process for each call.

A fork server with the media modules preloaded forks a child; the child takes its own rights away
(namespaces, Landlock, seccomp, rlimits), then receives descriptors and runs one task.
"""

from framegate.security.sandbox.call import Call, FrameHeader
from framegate.security.sandbox.limits import Limits, RingSpec

__all__ = ["Call", "FrameHeader", "Limits", "RingSpec"]
