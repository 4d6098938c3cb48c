"""Enrol: photos of a creator, decoded in the sandbox and held against the gates.

What is read of a face stays in memory; nothing is written here.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from framegate.domain.creator import (
    PHOTO_LONG_SIDE,
    PHOTO_MAX_BYTES,
    PHOTO_MAX_PIXELS,
    Candidate,
    only_face,
)
from framegate.errors import EmptyInput, InputError, InputTooLarge, Internal
from framegate.models.sface import FaceReader
from framegate.security.sandbox import FrameHeader, Limits, RingSpec
from framegate.security.sandbox.host import MediaSandbox
from framegate.storage.source import open_file

TASK = "framegate.media.photo:decode"
RING = RingSpec(slots=1, slot_bytes=PHOTO_LONG_SIDE * PHOTO_LONG_SIDE * 3)
LIMITS = Limits(memory_bytes=2 << 30, cpu_s=60, wall_s=60.0, silence_s=60.0, threads=16)
_MOST_READ = 2  # more faces than one are refused whatever they are

type Pixels = NDArray[np.uint8]  # (height, width, 3) RGB


def read_photo(sandbox: MediaSandbox, path: Path, reader: FaceReader) -> Candidate:
    """The one face of a photo.

    Raises what decoding raises (`NotAPhoto`, `EmptyInput`, `InputTooLarge`, `InputVanished`,
    `Undecodable`, `MediaLimit`, `MediaCrash`) and what `only_face` raises.
    """
    pixels = decode_photo(sandbox, path)
    faces = reader.find(pixels)
    candidates = [
        Candidate(path.name, read.quality, read.embedding)
        for read in (reader.read(pixels, face) for face in faces[:_MOST_READ])
    ]
    return only_face(candidates, path.name)


def decode_photo(sandbox: MediaSandbox, path: Path) -> Pixels:
    """RGB, upright, its long side at most `PHOTO_LONG_SIDE`; raises as `read_photo`."""
    fd, found = open_file(path)
    frames: list[Pixels] = []

    def take(header: FrameHeader, pixels: Pixels) -> None:
        if header.shape[2] != 3 or frames:  # noqa: PLR2004 - RGB
            raise Internal("The decoder's answer makes no sense", "one RGB picture was asked for")
        frames.append(pixels)

    try:
        if not found.size_bytes:
            raise EmptyInput(f"{path.name} is empty")
        if found.size_bytes > PHOTO_MAX_BYTES:
            raise InputTooLarge(
                f"{path.name} is too large for a photo",
                f"{found.size_bytes} bytes, at most {PHOTO_MAX_BYTES} are taken",
                "Send the photo as a JPEG of ordinary size",
            )
        sandbox.run(
            TASK,
            {"max_pixels": PHOTO_MAX_PIXELS, "long_side": PHOTO_LONG_SIDE},
            fds={"source": fd},
            limits=LIMITS,
            ring=RING,
            on_frame=take,
        )
    except InputError as error:
        # the child knows no names, and of several photos a person must know which one
        if error.what.startswith(path.name):
            raise
        what = error.what.removeprefix("The file ").removeprefix("The photo ")
        raise type(error)(f"{path.name} {what}", error.why, error.todo) from error
    finally:
        os.close(fd)
    if not frames:
        raise Internal("The decoder's answer makes no sense", "no picture came out")
    return frames[0]
