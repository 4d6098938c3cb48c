"""Packages of odd sources play in every player: the first second, each join, the last second.

That the pictures are right is proved on the encoded tracks (``tests/contract/test_sources.py``);
here, that a browser shows them: the chart's colours are read back from the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

import encoded
import oddities
import players
from framegate.domain.ladder import EncodeOptions, EncodePlan, VideoCodec
from framegate.domain.pertitle import LadderMode
from framegate.security.sandbox.host import ForkServer
from framegate.testing.clips import ClipSpec, Tone, make_clip
from framegate.testing.subtitles import TextTrack, add_text

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FRAMES = 230  # 9.2 s of 25 fps: more than two segments, so that there are joins
AROUND_S = 0.3  # before and after a join
TOLERANCE = 30  # levels: what the browser's own conversion and scaling add to the oddity's
FAST = {VideoCodec.H264: "ultrafast", VideoCodec.AV1: "12"}

ODD = (
    "interlaced",
    "telecine",
    "hdr-pq",
    "hdr-hlg",
    "anamorphic",
    "edit-list-cut",
    "edit-list-delay",
    "negative-start",
    "timestamp-jump",
    "new-size-on-the-way",
    "alpha",
    "ten-bits",
    "variable-rate",
    "av1",
    "mpeg2",
)
LASTING = ClipSpec(size=(320, 180), seconds=Fraction(9))


def with_text(folder: Path) -> Path:
    clip = make_clip(folder / "plain.mp4", LASTING)
    track = TextTrack("mov_text", [(500, 1500, "Hello"), (6000, 7000, "Bye")], language="eng")
    return add_text(clip, folder / "text.mp4", [track])


def drawn(name: str, spec: ClipSpec) -> Callable[[Path], Path]:
    return lambda folder: make_clip(folder / name, spec)


DRAWN: dict[str, Callable[[Path], Path]] = {
    "4K": drawn("large.mp4", replace(LASTING, size=(3840, 2160), fps=Fraction(10))),
    "5.1 and two languages": drawn(
        "languages.mp4",
        replace(
            LASTING,
            audio=(Tone(layout="5.1", language="eng"), Tone(language="deu", hertz=880.0)),
        ),
    ),
    "CEA-608": drawn("line21.mpg", replace(LASTING, codec="mpeg2video", captions=True)),
    "text captions": with_text,
}
CORNERS_JS = """() => {
  const canvas = document.createElement('canvas'), pen = canvas.getContext('2d');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  pen.drawImage(video, 0, 0);
  const found = [];
  for (const down of [1 / 7, 6 / 7]) for (const across of [1 / 9, 8 / 9])
    found.push(Array.from(pen.getImageData(Math.round(across * canvas.width),
      Math.round(down * canvas.height), 1, 1).data.slice(0, 3)));
  return found;
}"""


@dataclass(frozen=True, slots=True)
class Site:
    folder: Path
    url: str
    plan: EncodePlan
    corners: NDArray[np.uint8] | None  # of the chart, where it fills the picture


@pytest.fixture(scope="module", params=[*ODD, *DRAWN])
def source(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, NDArray[np.uint8] | None]:
    folder = tmp_path_factory.mktemp("source")
    if request.param in DRAWN:
        return DRAWN[request.param](folder), None
    (oddity,) = (one for one in oddities.ODDITIES if one.name == request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oddities, "FRAMES", FRAMES)
        path = oddity.make(folder)
    if oddity.shown is not None:
        return path, None
    return path, oddities.CORNERS if oddity.corners is None else oddity.corners


@pytest.fixture(scope="module", params=FAST, ids=[codec.value for codec in FAST])
def site(
    request: pytest.FixtureRequest,
    source: tuple[Path, NDArray[np.uint8] | None],
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    players.require(browser)
    folder = tmp_path_factory.mktemp("site")
    options = EncodeOptions(
        codec=request.param, chunk_s=4, preset=FAST[request.param], ladder=LadderMode.FIXED
    )
    path, corners = source
    with ForkServer() as sandbox:
        plan = encoded.encode(sandbox, path, folder, options, proof=False).plan
    assert len(plan.chunks) > 1
    with players.served(folder) as url:
        yield Site(folder, url, plan, corners)


def check(page: Page, site: Site, width: int) -> None:
    now = page.evaluate("window.watch()")
    assert now["faults"] == []
    assert now["width"] == width
    assert not now["corrupted"]
    if site.corners is not None:
        found = np.array(page.evaluate(CORNERS_JS), int)
        assert np.abs(found - site.corners.astype(int)).max() <= TOLERANCE


def play_through(page: Page, site: Site, width: int) -> None:
    """Playing goes on at the start, over each join and to the end."""
    plan = site.plan
    players.wait(page, "now.at > 0.5 && now.frames > 5")
    check(page, site, width)
    for chunk in plan.chunks[1:]:
        join = float(chunk.first_frame / plan.grid.frame_rate)
        page.evaluate(f"go({join - AROUND_S})")
        players.wait(page, f"!video.seeking && now.at > {join + AROUND_S}")
        check(page, site, width)
    length = float(plan.grid.frames / plan.grid.frame_rate)
    page.evaluate("go(video.duration - 0.5)")
    # not `ended`: dash.js may stop at the very end without it
    players.wait(page, "!video.seeking && now.at > now.length - 0.001")
    check(page, site, width)
    assert abs(page.evaluate("video.duration") - length) <= 1 / plan.grid.frame_rate


@pytest.mark.parametrize("player", players.PLAYERS)
def test_it_plays_at_both_ends_and_over_joins(browser: Browser, site: Site, player: str) -> None:
    widths = sorted(rendition.width for rendition in site.plan.renditions)
    for level in sorted({0, len(widths) - 1}):  # every level: tests/e2e/test_joins.py
        with players.playing(browser, site.folder, site.url, player, level) as page:
            play_through(page, site, widths[level])
