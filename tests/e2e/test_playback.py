"""The package plays in a browser: hls.js, dash.js and Shaka Player, every rendition, both ends."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

import encoded
import players
import tracks
from framegate.domain.ladder import EncodeOptions, EncodePlan, VideoCodec
from framegate.security.sandbox.host import ForkServer
from framegate.stages.encode import audio_roles
from framegate.stages.encode.package import package
from framegate.stages.encode.stills import make_stills
from framegate.testing.clips import ClipSpec, Tone, make_clip

pytestmark = pytest.mark.e2e

LOCK = Path(__file__).parent / "package-lock.json"


@dataclass(frozen=True, slots=True)
class Site:
    """A folder with a package in it, served on loopback."""

    folder: Path
    url: str
    plan: EncodePlan


def film(folder: Path, _clips: Path) -> EncodePlan:
    """9.009 s at 24000/1001 with sound, made here without the encode stage."""
    plan, videos, audios = tracks.make(folder, Fraction(24000, 1001), 216)
    context = tracks.context(folder)
    package(context, plan, videos, audios, folder / "package")
    make_stills(context, plan, videos, audios, folder / "package", poster_at=Fraction(1))
    return plan


def real(name: str, folder: Path, clips: Path, codec: VideoCodec = VideoCodec.H264) -> EncodePlan:
    return encode(clips / name, folder, codec)


def derived(
    name: str, spec: ClipSpec, folder: Path, _clips: Path, codec: VideoCodec = VideoCodec.H264
) -> EncodePlan:
    return encode(make_clip(folder / name, spec), folder, codec)


def encode(source: Path, folder: Path, codec: VideoCodec) -> EncodePlan:
    options = EncodeOptions(codec=codec, chunk_s=4)
    with ForkServer() as sandbox:
        return encoded.encode(sandbox, source, folder, options, proof=False).plan


LARGE = ClipSpec(size=(960, 540), seconds=Fraction(5))
FAST: dict[str, Callable[[Path, Path], EncodePlan]] = {"film": film}
SLOW: dict[str, Callable[[Path, Path], EncodePlan]] = {
    "H.264 with sound": partial(real, "bigbuckbunny.mp4"),
    "H.264 with sound, to AV1": partial(real, "bigbuckbunny.mp4", codec=VideoCodec.AV1),
    "cuts without sound": partial(real, "bikes.mp4"),
    "cuts without sound, to AV1": partial(real, "bikes.mp4", codec=VideoCodec.AV1),
    "MPEG-2": partial(real, "cityCC0.mpg"),
    "portrait by matrix, HEVC": partial(
        derived, "portrait.mp4", replace(LARGE, codec="libx265", rotation=90, audio=(Tone(),))
    ),
    "VFR, VP9": partial(
        derived, "vfr.webm", replace(LARGE, codec="libvpx-vp9", vfr=True, audio=(Tone("libopus"),))
    ),
    "anamorphic, 59.94 fps, 5.1": partial(
        derived,
        "wide.mp4",
        replace(
            LARGE,
            size=(720, 480),
            sample_aspect=Fraction(32, 27),
            fps=Fraction(60000, 1001),
            audio=(Tone(layout="5.1"),),
        ),
    ),
    "late start, AV1 input": partial(
        derived, "late.mkv", replace(LARGE, codec="libsvtav1", start=Fraction(3), audio=(Tone(),))
    ),
}
SOURCES = FAST | SLOW


@pytest.fixture(
    scope="module",
    params=[*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)],
)
def site(
    request: pytest.FixtureRequest,
    clips: Path,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    players.require(browser)
    folder = tmp_path_factory.mktemp("site")
    plan = SOURCES[request.param](folder, clips)
    with players.served(folder) as url:
        yield Site(folder, url, plan)


def look(page: Page) -> dict[str, Any]:
    return dict(page.evaluate("window.watch()"))


def play_ends(page: Page, plan: EncodePlan) -> dict[str, Any]:
    """Play the first half second and the last; what the player says at the end."""
    players.wait(page, "now.at > 0.5 && now.frames > 5")
    first = look(page)
    assert first["faults"] == []
    one = float(1 / plan.grid.frame_rate)
    assert first["from"] <= one
    length = float(plan.grid.frames / plan.grid.frame_rate)
    assert abs(first["length"] - length) <= one
    page.evaluate("go(video.duration - 0.5)")
    # not `ended`: dash.js may stop at the very end without it
    players.wait(page, "!video.seeking && now.at > now.length - 0.001")
    last = look(page)
    assert last["faults"] == []
    assert last["at"] >= length - one
    assert last["frames"] > first["frames"]
    assert (last["sound"] > 0) == bool(plan.audio)
    return last


@pytest.mark.parametrize("player", players.PLAYERS)
def test_renditions_play_at_both_ends(browser: Browser, site: Site, player: str) -> None:
    in_dash = player in ("dash.js", "Shaka on DASH")
    labels = (audio_roles.dash_labels if in_dash else audio_roles.hls_labels)(site.plan.audio)
    for level, width in enumerate(sorted(rendition.width for rendition in site.plan.renditions)):
        with players.playing(browser, site.folder, site.url, player, level) as page:
            assert play_ends(page, site.plan)["width"] == width
            assert set(page.evaluate("window.names()")) == set(labels.values())


def test_preview_plays_from_disk(browser: Browser, site: Site) -> None:
    folder = site.folder / "package"
    script = players.PAGE.replace("START", players.START["native"])
    script = script.replace('<script src="player.js"></script>', "")
    (folder / "preview.html").write_text(script)
    page = browser.new_page()
    try:
        page.goto((folder / "preview.html").as_uri())
        assert play_ends(page, site.plan)["width"] == min(r.width for r in site.plan.renditions)
    finally:
        page.close()
        (folder / "preview.html").unlink()


def test_players_are_locked_without_a_registry() -> None:
    lock = json.loads(LOCK.read_text())
    packages = [entry for name, entry in lock["packages"].items() if name]
    assert packages
    assert all("integrity" in entry and "resolved" not in entry for entry in packages)
