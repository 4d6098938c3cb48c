"""The wire and the ring hold for any bytes that a child can send."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framegate.errors import FramegateError
from framegate.security.sandbox import RingSpec, outcome, wire
from framegate.security.sandbox.limits import Limits
from framegate.security.sandbox.ring import ChildRing, HostRing

SPEC = RingSpec(3, 1000)
REPORT = ("code", "words", "errno", "memory", "threads", "type", "trace")
texts = st.text(st.characters(exclude_categories=["Cs"]))
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def ring() -> Iterator[HostRing]:
    ring = HostRing(SPEC)
    yield ring
    ring.close()


@given(st.dictionaries(texts, plain))
def test_plain_values_come_back_equal(value: dict[str, Any]) -> None:
    assert wire.unpack(wire.pack(value)) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_garbled(data: bytes) -> None:
    try:
        value = wire.unpack(data)
    except wire.Garbled:
        return
    assert isinstance(value, dict)


@given(st.text(st.characters(), max_size=40))
def test_what_is_unpacked_can_be_written(text: str) -> None:
    data = b'{"a": "' + "".join(f"\\u{ord(c) & 0xFFFF:04x}" for c in text).encode() + b'"}'
    try:
        value = wire.unpack(data)
    except wire.Garbled:
        return
    value["a"].encode()


@given(plain | st.dictionaries(st.sampled_from(["slot", "shape", "meta"]), plain))
def test_any_header_is_a_frame_in_its_slot_or_garbled(ring: HostRing, header: Any) -> None:
    try:
        found, pixels = ring.take(header if isinstance(header, dict) else {"slot": header})
    except wire.Garbled:
        return
    assert pixels.shape == found.shape
    assert pixels.nbytes <= SPEC.slot_bytes


@given(
    st.dictionaries(st.sampled_from(["code", "words", "errno", "memory", "type", "trace"]), plain)
)
def test_any_report_is_an_error_that_can_be_shown(report: dict[str, Any]) -> None:
    error = outcome.from_report("task", report, Limits())
    assert isinstance(error, FramegateError)
    assert len(error.line()) < 2_000
    assert error.line().isprintable()


@given(texts, st.integers(1, 50))
def test_clean_words_are_printable_and_short(text: str, most: int) -> None:
    words = outcome.clean(text, most)
    assert len(words) <= most
    assert all(c.isprintable() or c.isspace() for c in words)
    assert "\n" not in words


@pytest.mark.parametrize("count", [0, 1, 59_000, 200_000])
def test_parts_make_the_whole(count: int) -> None:
    value = {"a": "é" * count}
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near, far:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        wire.send_whole(near, value)
        parts = wire.Assembly()
        while True:
            tag, payload = wire.receive(far)
            parts.add(payload)
            if tag == wire.LAST:
                break
    assert parts.whole() == value


def test_descriptors_from_a_child_are_not_taken() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near, far:
        before = len(list(Path("/proc/self/fd").iterdir()))
        socket.send_fds(near, [b"M{}"], [near.fileno()] * 5)
        assert wire.receive(far) == (b"M", b"{}")
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_frames_pass_through_the_ring_in_turn(ring: HostRing) -> None:
    child = ChildRing(ring.fd, ring.released, SPEC.slots, SPEC.slot_bytes)
    for number in range(7):
        pixels = np.full((5, 4, 3), number, np.uint8)[:, ::-1]
        slot = child.fill(pixels)
        assert slot == number % 3
        _, copy = ring.take({"slot": slot, "shape": [5, 4, 3], "meta": {}})
        ring.free_one()
        assert (copy == number).all()
        assert copy.flags.owndata or (copy.base is not None and copy.base.flags.owndata)


def test_the_ring_keeps_its_size(ring: HostRing) -> None:
    with pytest.raises(PermissionError):
        os.ftruncate(ring.fd, 1)
    with pytest.raises(PermissionError):
        os.ftruncate(ring.fd, 1 << 20)
