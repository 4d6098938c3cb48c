"""What crosses between host and child: tagged JSON datagrams of bounded size.

Host to child: the call, in parts. Child to host: readiness, then messages, frame headers, and one
answer (in parts) or one error.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Sequence
from typing import Any, Never

MESSAGE_BYTES = 64 << 10  # one message or frame header
ANSWER_BYTES = 64 << 20  # a whole answer or request
_PART_BYTES = 60 << 10
DATAGRAM_BYTES = MESSAGE_BYTES + 1
MAX_FDS = 64

READY = b"R"
MESSAGE = b"M"
FRAME = b"F"
ERROR = b"E"
PART = b"P"
LAST = b"L"

# An escaped lone surrogate would become a string that cannot be written anywhere.
_SURROGATE = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]")


class Garbled(Exception):
    """A datagram is not what the protocol allows; the other side cannot be trusted."""


def pack(value: object) -> bytes:
    """Plain JSON types to bytes. NaN and infinity are not JSON: ValueError."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _refuse(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def unpack(data: bytes) -> dict[str, Any]:
    """Bytes from the other side to a dict; `Garbled` for anything else."""
    if b"\\u" in data and _SURROGATE.search(data):  # most have no escape at all
        raise Garbled("an escaped surrogate")
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Garbled("not JSON") from error
    if not isinstance(value, dict):
        raise Garbled("not an object")
    return value


def send_whole(sock: socket.socket, value: object, fds: Sequence[int] = ()) -> None:
    """Send an object of up to `ANSWER_BYTES` in parts; descriptors go with the first."""
    data = pack(value)
    if len(data) > ANSWER_BYTES:
        raise ValueError(f"{len(data)} bytes where {ANSWER_BYTES} are allowed")
    view = memoryview(data)
    start = 0
    while True:
        end = min(start + _PART_BYTES, len(data))
        part = (LAST if end == len(data) else PART) + bytes(view[start:end])
        if fds:
            socket.send_fds(sock, [part], list(fds))
            fds = ()
        else:
            sock.send(part)
        if end == len(data):
            return
        start = end


def receive(sock: socket.socket) -> tuple[bytes, bytes]:
    """One datagram as (tag, payload); (b"", b"") at the end. Descriptors in it are dropped."""
    data, _, flags, _ = sock.recvmsg(DATAGRAM_BYTES)
    if flags & socket.MSG_TRUNC:
        raise Garbled("a datagram that is too long")
    return data[:1], data[1:]


class Assembly:
    """Parts on their way to a whole."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, payload: bytes) -> None:
        """Keep a part; `Garbled` when the whole grows past `ANSWER_BYTES`."""
        if len(self._data) + len(payload) > ANSWER_BYTES:
            raise Garbled("an answer that is too long")
        self._data += payload

    def whole(self) -> dict[str, Any]:
        """All parts as one object."""
        return unpack(bytes(self._data))
