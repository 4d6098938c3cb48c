"""Which decoders this build of FFmpeg has."""

from __future__ import annotations

from av.codec import Codec

from framegate.security.sandbox import Call

WANTED = (
    "h264",
    "hevc",
    "vp8",
    "vp9",
    "av1",
    "mpeg2video",
    "mpeg4",
    "prores",
    "dnxhd",
    "mjpeg",
    "aac",
    "mp3",
    "ac3",
    "eac3",
    "opus",
    "vorbis",
    "flac",
    "pcm_s16le",
)
"""What phones, cameras, editors, screen recorders and archives produce."""


def list_(call: Call) -> dict[str, object]:
    """Task: each of `WANTED` and whether it can be decoded."""
    del call
    return {"decoders": {name: _known(name) for name in WANTED}}


def _known(name: str) -> bool:
    try:
        Codec(name, "r")
    except ValueError:
        return False
    return True
