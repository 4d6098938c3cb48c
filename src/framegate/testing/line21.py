"""CEA-608 captions for tests: cues to byte pairs, byte pairs into coded pictures.

An encoder by the book (47 CFR 15.119): odd parity, control codes twice, one pair a frame and field.
CEA-708 (`framegate.testing.dtvcc`) goes into the same pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.video.frame import VideoFrame

from framegate.testing.clips import draw
from framegate.testing.dtvcc import Triple

type Pair = tuple[int, int]
type Schedule = dict[int, Pair]
"""Frame in presentation order → the pair of one field, with parity."""

FRAME = Fraction(1, 30)

RESUME_LOADING, ERASE_DISPLAYED, CARRIAGE_RETURN = 0x20, 0x2C, 0x2D
ERASE_LOADING, END_OF_CAPTION, RESUME_DIRECT = 0x2E, 0x2F, 0x29
ROLL_UP = {2: 0x25, 3: 0x26, 4: 0x27}

_ROWS = (0x11, 0x11, 0x12, 0x12, 0x15, 0x15, 0x16, 0x16, 0x17, 0x17, 0x10, 0x13, 0x13, 0x14, 0x14)
_LOWER = frozenset({2, 4, 6, 8, 10, 13, 15})  # the second row of its code
_SIGNATURE = b"\xb5\x00\x31GA94\x03"
_CODECS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "ultrafast", "bf": "2", "threads": "1"},
    "mpeg2video": {"bf": "2"},
}


def odd(byte: int) -> int:
    """Seven bits with their parity."""
    return byte if byte.bit_count() % 2 else byte | 0x80


def command(code: int, channel: int = 1) -> list[Pair]:
    """A miscellaneous control code, twice. ``channel`` 1 to 4."""
    return _twice((0x14 if channel < 3 else 0x15) | _second(channel), code)  # noqa: PLR2004 - CC3 begins field 2


def row(number: int, channel: int = 1) -> list[Pair]:
    """The preamble address code of a row, 1 to 15, at its left end."""
    return _twice(_ROWS[number - 1] | _second(channel), 0x60 if number in _LOWER else 0x40)


def characters(text: str) -> list[Pair]:
    """Plain ASCII."""
    codes = text.encode("ascii")
    codes += b"\0" * (len(codes) % 2)
    return [(odd(codes[at]), odd(codes[at + 1])) for at in range(0, len(codes), 2)]


def pop_on(lines: Sequence[str], channel: int = 1) -> list[Pair]:
    """Everything of a pop-on caption up to the code that shows it."""
    pairs = [*command(RESUME_LOADING, channel), *command(ERASE_LOADING, channel)]
    for number, line in enumerate(lines, 16 - len(lines)):
        pairs += [*row(number, channel), *characters(line)]
    return pairs


def ending_at(frame: int, pairs: Sequence[Pair]) -> Schedule:
    """One pair a frame, the last one just before ``frame``."""
    return {frame - len(pairs) + at: pair for at, pair in enumerate(pairs)}


def starting_at(frame: int, pairs: Sequence[Pair]) -> Schedule:
    """One pair a frame from ``frame`` on."""
    return {frame + at: pair for at, pair in enumerate(pairs)}


def together(*parts: Schedule) -> Schedule:
    """Several schedules of one field; raises `ValueError` where two want the same frame."""
    whole: Schedule = {}
    for part in parts:
        if whole.keys() & part.keys():
            raise ValueError("two pairs for one frame")
        whole |= part
    return whole


def write(
    path: Path,
    fields: tuple[Mapping[int, Pair], Mapping[int, Pair]],
    *,
    frames: int,
    codec: str = "libx264",
    fps: Fraction = Fraction(30000, 1001),
    start: int = 0,
    services: Mapping[int, Sequence[Triple]] | None = None,
) -> Path:
    """A clip with B-frames whose pictures carry these pairs. ``start``: PTS of the first frame in
    frames; ``services``: CEA-708 beside, by frame.
    """
    beside = services or {}
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=fps, options=_CODECS[codec])
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.time_base = 1 / fps
        for index in range(frames):
            frame = VideoFrame.from_ndarray(draw(index, 0, (320, 180)), "rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = index + start, 1 / fps
            for packet in stream.encode(frame):
                out.mux(_with(packet, codec, _data(packet.pts - start, fields, beside)))
        for packet in stream.encode(None):
            out.mux(_with(packet, codec, _data(packet.pts - start, fields, beside)))
    return path


def _second(channel: int) -> int:
    """The bit of a field's second channel."""
    return 0 if channel % 2 else 8


def _twice(first: int, second: int) -> list[Pair]:
    return [(odd(first), odd(second))] * 2


def _data(
    index: int, fields: Iterable[Mapping[int, Pair]], services: Mapping[int, Sequence[Triple]]
) -> bytes:
    """``user_data_type_code`` 3: flags, count, triples."""
    padding = (0x80, 0x80)
    triples = [bytes((0xFC | n, *pairs.get(index, padding))) for n, pairs in enumerate(fields)]
    triples += [bytes((0xFC | kind, *pair)) for kind, *pair in services.get(index, ())]
    triples += [b"\xfa\0\0"]  # room that CEA-708 does not need, and not valid
    return bytes((0x40 | len(triples), 0xFF)) + b"".join(triples) + b"\xff"


def _with(packet: Any, codec: str, data: bytes) -> Any:  # noqa: ANN401 - PyAV's Packet
    coded = bytes(packet)
    if codec == "mpeg2video":
        at = coded.index(b"\0\0\1\1")  # its first slice
        coded = coded[:at] + b"\0\0\1\xb2GA94\x03" + data + coded[at:]
    else:
        payload = _SIGNATURE + data
        message = b"\x04" + bytes((len(payload),)) + payload + b"\x80"
        coded = b"\0\0\0\1\x06" + _escaped(message) + coded
    again: Any = Packet(coded)
    again.stream, again.is_keyframe = packet.stream, packet.is_keyframe
    again.pts, again.dts, again.duration = packet.pts, packet.dts, packet.duration
    again.time_base = packet.time_base
    return again


def _escaped(data: bytes) -> bytes:
    """With emulation prevention bytes."""
    out = bytearray()
    for byte in data:
        if byte <= 3 and out.endswith(b"\0\0"):  # noqa: PLR2004 - what looks like a start code
            out.append(3)
        out.append(byte)
    return bytes(out)
