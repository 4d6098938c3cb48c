"""Probe tasks with real codecs: that the walls leave room for decoders, encoders and filters."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

import av
import numpy as np

from framegate.security.sandbox.call import Call


def decode(call: Call) -> dict[str, Any]:
    """Decode the video of "source" with frame threads; answers how many frames there were."""
    with os.fdopen(os.dup(call.fd("source")), "rb") as source, av.open(source, "r") as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return {"frames": sum(1 for _ in container.decode(stream))}


def encode(call: Call) -> dict[str, Any]:
    """Encode ``frames`` moving frames with ``codec`` into "target" (Matroska), in threads; answers
    what schedules this one afterwards.
    """
    width, height = call.request["width"], call.request["height"]
    with (
        os.fdopen(os.dup(call.fd("target")), "wb") as target,
        av.open(target, "w", format="matroska") as container,
    ):
        stream = container.add_stream(
            call.request["codec"], rate=30, options=call.request["options"]
        )
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.thread_count = 8
        ramp = np.arange(width * height * 3, dtype=np.uint32).reshape(height, width, 3)
        for number in range(call.request["frames"]):
            pixels = (ramp * (number + 1) >> 3).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return {"scheduler": os.sched_getscheduler(0)}


def filters(call: Call) -> dict[str, Any]:
    """Which of ``names`` can be built into a graph here."""
    built = []
    for name in call.request["names"]:
        av.filter.Graph().add(name)
        built.append(name)
    return {"built": built}


def open_address(call: Call) -> dict[str, Any]:
    """Have FFmpeg open an address of its own choice: must fail."""
    with av.open(call.request["address"], timeout=5) as container:
        return {"format": container.format.name}
