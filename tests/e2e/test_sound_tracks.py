"""Players offer every sound track under its name, begin with the default one, and play stereo, 5.1
and Opus to the last second.
"""

import http.server
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from av.stream import Disposition
from playwright.sync_api import Browser, Page, sync_playwright
from tests.conftest import missing
from tests.e2e.test_playback import FLAGS, PATIENCE_MS, PLAYERS, Handler

import encoded
from framegate.domain.ladder import EncodeOptions
from framegate.domain.sound import AudioCodec
from framegate.testing.sandbox import InProcessSandbox
from soundtracks import Track, film

pytestmark = pytest.mark.e2e

TRACKS = (
    Track("ac3", "5.1", "eng", Disposition.default),
    Track(language="deu"),
    Track(language="eng", purpose=Disposition.comment),
)
NAMES = ["English", "German", "English (commentary)"]
CHOICES = {
    ("hls", "audio"): NAMES,
    ("hls", "surround"): NAMES,
    ("dash", "audio"): [*NAMES, "English 5.1"],
    ("dash", "surround"): [*NAMES, "English 5.1"],
}

PAGE = """<!doctype html><meta charset="utf-8"><video id="v" muted></video>
<script src="player.js"></script><script>
const video = document.getElementById('v'), faults = [], group = 'GROUP';
const out = (what) => faults.push(String(what));
window.onerror = out;
video.onerror = () => out('video error ' + video.error.code + ' ' + video.error.message);
START
window.watch = () => ({at: video.currentTime, length: video.duration, faults,
  sound: video.webkitAudioDecodedByteCount, names: names(), now: now()});
</script>"""

START = {
    "hls": """
const player = new Hls({enableWorker: false});
player.on(Hls.Events.ERROR, (_, data) => out(data.type + ' ' + data.details));
player.on(Hls.Events.MANIFEST_PARSED, () => {
  // left alone it counts 5.1 as a better level, and takes it where the network allows
  player.currentLevel = player.levels.findIndex((level) => level.audioGroups.includes(group));
  video.play();
});
player.loadSource('package/hls/master.m3u8');
player.attachMedia(video);
const names = () => player.audioTracks.map((track) => track.name);
const now = () => (player.audioTracks[player.audioTrack] || {url: ''}).url.split('/').pop();
""",
    "dash": """
const player = dashjs.MediaPlayer().create();
player.on('error', (event) => out(JSON.stringify(event.error)));
player.on('streamInitialized', () => { if (group == 'surround') player.setCurrentTrack(
  player.getTracksFor('audio').find((track) => label(track).endsWith('5.1'))); });
player.initialize(video, 'package/dash/manifest.mpd', true);
const label = (track) => track.labels[0].text;
const names = () => player.isReady() ? player.getTracksFor('audio').map(label) : [];
const now = () => {
  const track = player.isReady() && player.getCurrentTrackFor('audio');
  return track ? label(track) : '';
};
""",
}
PLAYING = {
    ("hls", "audio"): "audio-1-eng.m3u8",
    ("hls", "surround"): "audio-1-eng-surround.m3u8",
    ("dash", "audio"): "English",
    ("dash", "surround"): "English 5.1",
}


@dataclass(frozen=True, slots=True)
class Site:
    """A folder with a package in it, served on loopback."""

    folder: Path
    url: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        missing("Chromium (Debian package `chromium`)")
    for name in START:
        if not PLAYERS[name].is_file():
            missing(f"{PLAYERS[name].name} (run `npm ci` in tests/e2e)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module", params=list(AudioCodec))
def site(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    assert browser.is_connected()  # no encode for a browser that isn't there
    folder = tmp_path_factory.mktemp("site")
    source = film(folder / "film.mkv", TRACKS, seconds=9)
    options = EncodeOptions(preset="ultrafast", audio_codec=request.param)
    encoded.encode(InProcessSandbox(), source, folder, options, proof=False)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Site(folder, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    thread.join()


def wait(page: Page, condition: str) -> dict[str, Any]:
    page.wait_for_function(
        f"(() => {{ const now = window.watch(); return now.faults.length || ({condition}); }})()",
        timeout=PATIENCE_MS,
    )
    found = dict(page.evaluate("window.watch()"))
    assert found["faults"] == []
    return found


@pytest.mark.parametrize("group", ["audio", "surround"])
@pytest.mark.parametrize("player", START)
def test_tracks_are_offered_and_heard(
    browser: Browser, site: Site, player: str, group: str
) -> None:
    shutil.copyfile(PLAYERS[player], site.folder / "player.js")
    text = PAGE.replace("START", START[player]).replace("GROUP", group)
    (site.folder / "index.html").write_text(text)
    page = browser.new_page()
    try:
        page.goto(f"{site.url}/index.html")
        first = wait(page, f"now.at > 0.5 && now.now == '{PLAYING[player, group]}'")
        assert first["names"] == CHOICES[player, group]
        page.evaluate("video.currentTime = video.duration - 0.5; video.play()")
        last = wait(page, "now.at > now.length - 0.001")
        assert last["now"] == PLAYING[player, group]
        assert last["sound"] > first["sound"] > 0
    finally:
        page.close()
