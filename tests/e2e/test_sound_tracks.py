"""Players offer every sound track under its name, begin with the default one, and play stereo, 5.1
and Opus to the last second.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from av.stream import Disposition
from playwright.sync_api import Browser, Page

import encoded
from framegate.domain.ladder import EncodeOptions
from framegate.domain.sound import AudioCodec
from framegate.testing.sandbox import InProcessSandbox
from players import PATIENCE_MS, PLAYERS, require, served
from soundtracks import Track, film

pytestmark = pytest.mark.e2e

TRACKS = (
    Track("ac3", "5.1", "eng", Disposition.default),
    Track(language="deu"),
    Track(language="eng", purpose=Disposition.comment),
)
NAMES = ["English", "German", "English (commentary)"]
IN_DASH = [*NAMES, "English 5.1"]  # which has no groups
GROUPED = ("hls.js", "Shaka on HLS")

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

_SHAKA = """
shaka.polyfill.installAll();
const player = new shaka.Player();
player.addEventListener('error', (event) => out('shaka ' + event.detail.code));
player.configure({preferredAudio: [{channelCount: group == 'surround' ? 6 : 2}]});
player.attach(video).then(() => player.load('MANIFEST')).then(() => video.play(), out);
const names = () => [...new Set(player.getAudioTracks().map((track) => track.label))];
const now = () => {
  const track = player.getAudioTracks().find((track) => track.active);
  return track ? track.label + ' in ' + track.channelsCount : '';
};
"""
START = {
    "hls.js": """
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
const now = () => {
  const track = player.audioTracks[player.audioTrack];
  return track ? track.name + ' in ' + track.channels : '';
};
""",
    "dash.js": """
const player = dashjs.MediaPlayer().create();
player.on('error', (event) => out(JSON.stringify(event.error)));
player.on('streamInitialized', () => { if (group == 'surround') player.setCurrentTrack(
  player.getTracksFor('audio').find((track) => label(track).endsWith('5.1'))); });
player.initialize(video, 'package/dash/manifest.mpd', true);
const label = (track) => track.labels[0].text;
const names = () => player.isReady() ? player.getTracksFor('audio').map(label) : [];
const now = () => {
  const track = player.isReady() && player.getCurrentTrackFor('audio');
  return track ? label(track) + ' in ' + track.audioChannelConfiguration[0].value : '';
};
""",
    "Shaka on HLS": _SHAKA.replace("MANIFEST", "package/hls/master.m3u8"),
    "Shaka on DASH": _SHAKA.replace("MANIFEST", "package/dash/manifest.mpd"),
}


@dataclass(frozen=True, slots=True)
class Site:
    """A folder with a package in it, served on loopback."""

    folder: Path
    url: str


@pytest.fixture(
    scope="module",
    params=[AudioCodec.OPUS, pytest.param(AudioCodec.AAC, marks=pytest.mark.slow)],
)
def site(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    require(browser)
    folder = tmp_path_factory.mktemp("site")
    source = film(folder / "film.mkv", TRACKS, seconds=9)
    options = EncodeOptions(preset="ultrafast", audio_codec=request.param)
    encoded.encode(InProcessSandbox(), source, folder, options, proof=False)
    with served(folder) as url:
        yield Site(folder, url)


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
        expected = "English in 2"
        if group == "surround":
            expected = "English in 6" if player in GROUPED else "English 5.1 in 6"
        first = wait(page, f"now.at > 0.5 && now.now == '{expected}'")
        assert first["names"] == (NAMES if player in GROUPED else IN_DASH)
        page.evaluate("video.currentTime = video.duration - 0.5; video.play()")
        last = wait(page, "now.at > now.length - 0.001")
        assert last["now"] == expected
        assert last["sound"] > first["sound"] > 0
    finally:
        page.close()
