"""The package plays in a browser: hls.js and dash.js, every rendition, first and last second."""

import http.server
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import encoded
import tracks
from conftest import missing
from framegate.domain.ladder import EncodeOptions, EncodePlan
from framegate.security.sandbox.host import ForkServer
from framegate.stages.encode.package import package
from framegate.stages.encode.stills import make_stills
from framegate.testing.clips import ClipSpec, Tone, make_clip

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
PLAYERS = {
    "hls": HERE / "node_modules/hls.js/dist/hls.min.js",
    "dash": HERE / "node_modules/dashjs/dist/modern/umd/dash.all.min.js",
}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
PATIENCE_MS = 30_000

PAGE = """<!doctype html><meta charset="utf-8"><video id="v" muted></video>
<script src="player.js"></script><script>
const video = document.getElementById('v'), faults = [];
const out = (what) => faults.push(String(what));
window.onerror = out;
video.onerror = () => out('video error ' + video.error.code + ' ' + video.error.message);
START
window.watch = () => ({at: video.currentTime, length: video.duration, width: video.videoWidth,
  frames: video.getVideoPlaybackQuality().totalVideoFrames,
  sound: video.webkitAudioDecodedByteCount,
  from: video.buffered.length ? video.buffered.start(0) : null, faults});
</script>"""

START = {
    "hls": """
const player = new Hls({startLevel: LEVEL, enableWorker: false});
player.on(Hls.Events.ERROR, (_, data) => out(data.type + ' ' + data.details));
player.on(Hls.Events.MANIFEST_PARSED, () => { player.currentLevel = LEVEL; video.play(); });
player.loadSource('package/hls/master.m3u8');
player.attachMedia(video);
window.names = () => player.audioTracks.map((track) => track.name);
""",
    "dash": """
const player = dashjs.MediaPlayer().create();
player.updateSettings({streaming: {abr: {autoSwitchBitrate: {video: false}},
  buffer: {fastSwitchEnabled: true}}});
player.on('error', (event) => out(JSON.stringify(event.error)));
player.on('streamInitialized', () => player.setRepresentationForTypeByIndex('video', LEVEL, true));
player.initialize(video, 'package/dash/manifest.mpd', true);
window.names = () => player.getTracksFor('audio').map((track) => track.labels[0].text);
""",
    "native": "video.src = 'preview.mp4'; video.play();",
}


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, with byte ranges and CORS."""

    extensions_map = {  # noqa: RUF012 - the base class has it so
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".m3u8": "application/vnd.apple.mpegurl",
        ".mpd": "application/dash+xml",
        ".m4s": "video/iso.segment",
        ".mp4": "video/mp4",
    }

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - the base class has it so
        return

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()

    def do_GET(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # a player that changed its mind
            self.answer()

    def answer(self) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if asked is None or not path.is_file():
            super().do_GET()
            return
        size = path.stat().st_size
        first, last = int(asked[1]), min(int(asked[2] or size - 1), size - 1)
        self.send_response(206)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        with path.open("rb") as file:
            file.seek(first)
            self.wfile.write(file.read(last - first + 1))


@dataclass(frozen=True, slots=True)
class Site:
    """A folder with a package in it, served on loopback."""

    folder: Path
    url: str
    plan: EncodePlan


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        missing("Chromium (Debian package `chromium`)")
    for path in PLAYERS.values():
        if not path.is_file():
            missing(f"{path.name} (run `npm ci` in tests/e2e)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


def film(folder: Path, _clips: Path) -> EncodePlan:
    """9.009 s at 24000/1001 with sound, made here without the encode stage."""
    plan, videos, audios = tracks.make(folder, Fraction(24000, 1001), 216)
    context = tracks.context(folder)
    package(context, plan, videos, audios, folder / "package")
    make_stills(context, plan, videos, audios, folder / "package", poster_at=Fraction(1))
    return plan


def real(name: str, folder: Path, clips: Path) -> EncodePlan:
    return encode(clips / name, folder)


def derived(name: str, spec: ClipSpec, folder: Path, _clips: Path) -> EncodePlan:
    return encode(make_clip(folder / name, spec), folder)


def encode(source: Path, folder: Path) -> EncodePlan:
    with ForkServer() as sandbox:
        return encoded.encode(sandbox, source, folder, EncodeOptions(), proof=False).plan


LARGE = ClipSpec(size=(960, 540), seconds=Fraction(5))
SOURCES: dict[str, Callable[[Path, Path], EncodePlan]] = {
    "film": film,
    "H.264 with sound": partial(real, "bigbuckbunny.mp4"),
    "cuts without sound": partial(real, "bikes.mp4"),
    "MPEG-2": partial(real, "cityCC0.mpg"),
    "portrait by matrix, HEVC": partial(
        derived, "portrait.mp4", replace(LARGE, codec="libx265", rotation=90, audio=(Tone(),))
    ),
    "VFR, VP9": partial(
        derived, "vfr.webm", replace(LARGE, codec="libvpx-vp9", vfr=True, audio=(Tone("libopus"),))
    ),
}


@pytest.fixture(scope="module", params=SOURCES)
def site(
    request: pytest.FixtureRequest,
    clips: Path,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    assert browser.is_connected()  # no encode for a browser that isn't there
    folder = tmp_path_factory.mktemp("site")
    plan = SOURCES[request.param](folder, clips)
    handler = partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Site(folder, f"http://127.0.0.1:{server.server_port}", plan)
    server.shutdown()
    server.server_close()
    thread.join()


def look(page: Page) -> dict[str, Any]:
    return dict(page.evaluate("window.watch()"))


def play_ends(page: Page, plan: EncodePlan) -> dict[str, Any]:
    """Play the first half second and the last; what the player says at the end."""
    page.wait_for_function(
        "(() => { const now = window.watch(); return now.faults.length || "
        "(now.at > 0.5 && now.frames > 5); })()",
        timeout=PATIENCE_MS,
    )
    first = look(page)
    assert first["faults"] == []
    one = float(1 / plan.grid.frame_rate)
    assert first["from"] <= one
    length = float(plan.grid.frames / plan.grid.frame_rate)
    assert abs(first["length"] - length) <= one
    page.evaluate("video.currentTime = video.duration - 0.5; video.play()")
    page.wait_for_function(
        # not `ended`: dash.js may stop at the very end without it
        "(() => { const now = window.watch(); return now.faults.length || "
        "now.at > now.length - 0.001; })()",
        timeout=PATIENCE_MS,
    )
    last = look(page)
    assert last["faults"] == []
    assert last["at"] >= length - one
    assert last["frames"] > first["frames"]
    assert (last["sound"] > 0) == bool(plan.audio)
    return last


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_renditions_play_at_both_ends(browser: Browser, site: Site, player: str) -> None:
    shutil.copyfile(PLAYERS[player], site.folder / "player.js")
    for level, width in enumerate(sorted(rendition.width for rendition in site.plan.renditions)):
        start = START[player].replace("LEVEL", str(level))
        (site.folder / "index.html").write_text(PAGE.replace("START", start))
        page = browser.new_page()
        try:
            page.goto(f"{site.url}/index.html")
            assert play_ends(page, site.plan)["width"] == width
            assert page.evaluate("window.names()") == [track.label for track in site.plan.audio]
        finally:
            page.close()


def test_preview_plays_from_disk(browser: Browser, site: Site) -> None:
    folder = site.folder / "package"
    script = PAGE.replace("START", START["native"]).replace('<script src="player.js"></script>', "")
    (folder / "preview.html").write_text(script)
    page = browser.new_page()
    try:
        page.goto((folder / "preview.html").as_uri())
        assert play_ends(page, site.plan)["width"] == min(r.width for r in site.plan.renditions)
    finally:
        page.close()
        (folder / "preview.html").unlink()


def test_players_are_locked_without_a_registry() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    players = [entry for name, entry in lock["packages"].items() if name]
    assert players
    assert all("integrity" in entry and "resolved" not in entry for entry in players)
