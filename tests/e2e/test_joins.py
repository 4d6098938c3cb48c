"""Every picture that players show around joins of chunks, and at both ends, is the right one.

Each frame of the source has its number drawn in it; the page reads it back from what is shown, with
the time at which the browser says that it is shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

import encoded
import players
from framegate.domain.ladder import EncodeOptions, EncodePlan, VideoCodec
from framegate.domain.pertitle import LadderMode
from framegate.domain.sound import AudioCodec
from framegate.security.sandbox.host import ForkServer
from framegate.testing.clips import BITS, ClipSpec, Tone, make_clip

pytestmark = pytest.mark.e2e

AROUND_S = 0.4  # before and after a join
HERTZ = {"eng": 440.0, "deu": 1320.0}
SPEC = ClipSpec(
    size=(960, 540),
    seconds=Fraction(25, 2),
    audio=tuple(Tone(language=language, hertz=hertz) for language, hertz in HERTZ.items()),
)
OPTIONS = {
    "H.264 with AAC": EncodeOptions(
        max_short_side=360, chunk_s=4, preset="ultrafast", ladder=LadderMode.FIXED
    ),
    "AV1 with Opus": EncodeOptions(
        codec=VideoCodec.AV1,
        audio_codec=AudioCodec.OPUS,
        max_short_side=360,
        chunk_s=4,
        ladder=LadderMode.FIXED,
    ),
}


@dataclass(frozen=True, slots=True)
class Site:
    folder: Path
    url: str
    plan: EncodePlan


@pytest.fixture(scope="module", params=OPTIONS)
def site(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    players.require(browser)
    folder = tmp_path_factory.mktemp("site")
    clip = make_clip(folder / "source.mp4", SPEC)
    with ForkServer() as sandbox:
        done = encoded.encode(sandbox, clip, folder, OPTIONS[request.param], proof=False)
    assert len(done.plan.chunks) == 3
    with players.served(folder) as url:
        yield Site(folder, url, done.plan)


def look(page: Page) -> dict[str, Any]:
    return dict(page.evaluate("window.watch()"))


def shown(page: Page, plan: EncodePlan) -> list[int]:
    """Numbers of the pictures shown so far; each must be the one of its time.

    The page is told of a picture and then looks: on a busy machine the next one may be there.
    """
    now = look(page)
    assert now["faults"] == []
    assert not now["corrupted"]
    rate = plan.grid.frame_rate
    seen = [(round(at * rate), number) for at, number in page.evaluate("seen")]
    wrong = [(due, number) for due, number in seen if number - due not in (0, 1)]
    assert wrong == []
    assert sum(number == due for due, number in seen) > 0.75 * len(seen)
    return [number for _, number in seen]


def play_over(page: Page, plan: EncodePlan, level: int) -> None:
    """The first second, each join of chunks, the last second."""
    page.evaluate(f"window.number({BITS})")
    players.wait(page, "now.at > 1 && now.frames > 5")
    widths = sorted(rendition.width for rendition in plan.renditions)
    assert look(page)["width"] == widths[level]
    assert min(shown(page, plan)) < plan.grid.frame_rate
    joins = [chunk.first_frame for chunk in plan.chunks[1:]]
    for join in joins:
        at = float(join / plan.grid.frame_rate)
        page.evaluate(f"go({at - AROUND_S})")
        players.wait(page, f"!video.seeking && now.at > {at + AROUND_S}")
        # of the last second alone: pictures before and after the join
        near = {n for n in shown(page, plan) if abs(n - join) < plan.grid.frame_rate}
        assert min(near) < join <= max(near)
        assert len(near) > 4
    page.evaluate("go(video.duration - 1)")
    # not `ended`: dash.js may stop at the very end without it
    players.wait(page, "!video.seeking && now.at > now.length - 0.001")
    assert max(shown(page, plan)) >= plan.grid.frames - 2


@pytest.mark.parametrize("player", players.PLAYERS)
def test_pictures_around_joins_and_at_both_ends(browser: Browser, site: Site, player: str) -> None:
    with players.playing(browser, site.folder, site.url, player, 0) as page:
        play_over(page, site.plan, 0)


@pytest.mark.slow
@pytest.mark.parametrize("player", players.PLAYERS)
def test_pictures_of_every_rendition(browser: Browser, site: Site, player: str) -> None:
    for level in range(1, len(site.plan.renditions)):
        with players.playing(browser, site.folder, site.url, player, level) as page:
            play_over(page, site.plan, level)


@pytest.mark.parametrize("player", players.PLAYERS)
def test_a_language_can_be_chosen(browser: Browser, site: Site, player: str) -> None:
    with players.playing(browser, site.folder, site.url, player, 0) as page:
        page.evaluate("window.listen()")
        players.wait(page, "now.at > 0.3 && window.pitch() > 0")
        assert page.evaluate("window.names()") == ["English", "German"]
        for index in (1, 0):
            hertz = list(HERTZ.values())[index]
            page.evaluate(f"window.choose({index})")
            players.wait(page, f"Math.abs(window.pitch() - {hertz}) < 20")
            assert look(page)["faults"] == []
