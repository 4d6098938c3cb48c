"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from framegate.security.sandbox import kernel

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# a busy machine is no fault
settings.register_profile("framegate", deadline=None)
settings.load_profile("framegate")

CAPABILITY_CALLS = {"x86_64": (125, 126), "aarch64": (90, 91)}  # capget, capset
CLIPS = Path(__file__).parent.parent / ".clips"
NAMES = ("bigbuckbunny.mp4", "bikes.mp4", "carphone_pristine.mp4", "cityCC0.mpg")


CAP_SYS_NICE = 1 << 23


def pytest_configure() -> None:
    """Where root runs the tests, SVT-AV1 makes a thread that opens it real-time (SCHED_FIFO, 99)
    and what that thread starts inherits it. In a child of the sandbox it may not; a test that
    encodes in this process and then opens a browser stops two cores for good. So not here either.
    """
    read, write = CAPABILITY_CALLS.get(kernel.machine(), (0, 0))
    if os.geteuid() == 0 and read:
        header = ctypes.create_string_buffer(struct.pack("=II", 0x20080522, 0), 8)
        held = ctypes.create_string_buffer(24)
        kernel.syscall(read, header, held)
        effective, *rest = struct.unpack("=6I", held.raw)
        kept = struct.pack("=6I", effective & ~CAP_SYS_NICE, *rest)
        kernel.syscall(write, header, ctypes.create_string_buffer(kept, 24))


def missing(what: str) -> None:
    """Skip by name; with FRAMEGATE_REQUIRE=all nothing may be missing, so fail."""
    if os.environ.get("FRAMEGATE_REQUIRE") == "all":
        pytest.fail(f"required but not here: {what}")
    pytest.skip(f"not here: {what}")


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of real clips that pinned packages bring (`make` fills it)."""
    for name in NAMES:
        if not (CLIPS / name).is_file():
            missing(f"sample clip {name} (run `make .clips/.done`)")
    return CLIPS


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, one for all pages of a module: while it runs, so does an event loop, in
    which no other test could call the job engine.
    """
    import players  # which asks this module what may be missing

    with players.chromium() as running:
        yield running
