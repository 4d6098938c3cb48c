"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# a busy machine is no fault
settings.register_profile("framegate", deadline=None)
settings.load_profile("framegate")

CLIPS = Path(__file__).parent.parent / ".clips"
NAMES = ("bigbuckbunny.mp4", "bikes.mp4", "carphone_pristine.mp4", "cityCC0.mpg")


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
