"""Captions in a browser: every track is listed under its name, and its cues show at their times."""

import json
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import caption_tracks
import players
import tracks
from caption_tracks import cue
from framegate.domain.captions import CaptionTrack
from framegate.stages.encode.package import package

pytestmark = pytest.mark.e2e

PLAYERS = {"hls": players.HLS_JS, "dash": players.DASH_JS, "shaka": players.SHAKA}
PATIENCE_MS = 30_000
RATE = Fraction(24000, 1001)
FRAMES = 840  # 35.035 s: two text segments

PAGE = """<!doctype html><meta charset="utf-8">
<video id="v" muted></video><div id="ttml"></div><script src="player.js"></script><script>
const video = document.getElementById('v'), faults = [];
const out = (what) => faults.push(String(what));
window.onerror = out;
const decoder = document.createElement('textarea');  // hls.js and dash.js leave entities to others
const plain = (text) => { decoder.innerHTML = text; return decoder.value; };
const shown = () => [...video.textTracks].filter((t) => t.mode === 'showing')
  .flatMap((t) => [...(t.activeCues || [])].map((c) => plain(c.text))).sort();
let sought = null;
const at = (time) => {
  if (video.seeking) return false;
  if (sought !== time || video.currentTime > time + 0.045) sought = video.currentTime = time;
  if (video.paused) video.play();
  video.playbackRate = 0.1;
  return !video.seeking && Math.abs(video.currentTime - time) < 0.045;
};
const times = () => [...video.textTracks].filter((t) => t.mode === 'showing')
  .flatMap((t) => [...(t.cues || [])].map((c) => [c.startTime, c.endTime, plain(c.text)])).sort();
START
</script>"""

START = {
    "hls": """
const player = new Hls({enableWorker: false});
player.on(Hls.Events.ERROR, (_, data) => data.fatal && out(data.details));
player.loadSource('package/hls/master.m3u8');
player.attachMedia(video);
window.listed = () => player.subtitleTracks.map((t) => ({label: t.name, language: t.lang || ''}));
window.choose = (n) => { player.subtitleTrack = n; player.subtitleDisplay = true; };
""",
    "dash": """
const player = dashjs.MediaPlayer().create();
player.on('error', (event) => out(JSON.stringify(event.error)));
player.updateSettings({streaming: {text: {defaultEnabled: false},
  buffer: {bufferPruningInterval: 0.2}}});
player.initialize(video, 'package/dash/manifest.mpd', false);
player.attachTTMLRenderingDiv(document.getElementById('ttml'));
window.listed = () => player.getTracksFor('text')
  .map((t) => ({label: t.labels[0].text, language: t.lang || ''}));
const fetched = () => performance.getEntriesByType('resource')
  .filter((each) => each.name.endsWith('.vtt')).length;
window.choose = async (n) => {  // a seek would end the request, and there is no second one
  const before = fetched();
  player.setTextTrack(n);
  while (fetched() === before) await new Promise((done) => setTimeout(done, 50));
};
""",
    "shaka": """
shaka.polyfill.installAll();
const player = new shaka.Player();
// It learns where HLS text lies from the next picture segment: there has to be one.
player.configure({streaming: {bufferingGoal: 4}});
player.addEventListener('error', (event) => out(event.detail.code));
player.attach(video).then(() => player.load('package/MANIFEST')).catch((e) => out(e.code));
window.listed = () => player.getTextTracks()
  .map((t) => ({label: t.label || t.originalLanguage, language: t.language}));
window.choose = (n) => player.selectTextTrack(player.getTextTracks()[n]);
""",
}
WAYS = {
    "hls.js": ("hls", ""),
    "dash.js": ("dash", ""),
    "Shaka Player, HLS": ("shaka", "hls/master.m3u8"),
    "Shaka Player, DASH": ("shaka", "dash/manifest.mpd"),
}


CUES = (
    [
        cue(0.5, 2, "first & <b>bold</b>"),
        cue(30, 33.25, "over\nthe cut"),
        cue(31, 32, "at the same time"),
        cue(34.5, 35.035, "last"),
    ],
    [cue(1, 2, "später")],
    [cue(0, 35, "- ♪ -")],
)
SHOWN: dict[int, list[tuple[float, list[str]]]] = {
    0: [
        (29.95, []),
        (30.05, ["over\nthe cut"]),
        (31.5, ["at the same time", "over\nthe cut"]),
        (33.2, ["over\nthe cut"]),
        (33.3, []),
        (34.6, ["last"]),
        (0.25, []),
        (0.55, ["first & <b>bold</b>"]),
        (1.95, ["first & <b>bold</b>"]),
        (2.05, []),
    ],
    1: [(1.5, ["später"]), (2.5, [])],
    2: [(10, ["- ♪ -"])],
}


def captions(work: Path) -> list[CaptionTrack]:
    english, german, channel = CUES
    return [
        caption_tracks.made(work, "en", english, language="en", label="English"),
        caption_tracks.made(work, "de", german, language="de", label="German, „x“"),
        caption_tracks.made(work, "CC1", channel, hearing_impaired=True),
    ]


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    players.require(browser)
    folder = tmp_path_factory.mktemp("captions")
    plan, videos, audios = tracks.make(folder, RATE, FRAMES, names=("180p",))
    package(
        tracks.context(folder), plan, videos, audios, folder / "package", captions=captions(folder)
    )
    with players.served(folder) as url:
        yield folder, url


@pytest.mark.parametrize("way", WAYS)
def test_tracks_are_listed_chosen_and_shown_at_their_times(
    browser: Browser, site: tuple[Path, str], way: str
) -> None:
    folder, url = site
    player, manifest = WAYS[way]
    shutil.copyfile(PLAYERS[player], folder / "player.js")
    (folder / "index.html").write_text(
        PAGE.replace("START", START[player]).replace("MANIFEST", manifest), "utf-8"
    )
    page = browser.new_page()

    def until(what: str) -> None:
        page.wait_for_function(f"faults.length || ({what})", timeout=PATIENCE_MS)
        assert page.evaluate("faults") == []

    try:
        page.goto(f"{url}/index.html")
        until("video.readyState >= 2 && listed().length === 3")
        listed = page.evaluate("listed()")
        assert [each["label"] for each in listed] == ["English", "German, „x“", "CC1"]
        assert [each["language"] for each in listed][:2] == ["en", "de"]
        for number, moments in SHOWN.items():
            page.evaluate(f"choose({number})")
            for at, wanted in moments:
                said = json.dumps(wanted, ensure_ascii=False)
                # `at` plays slowly, again and again: dash.js hands its cues over while it plays
                until(f"at({at}) && JSON.stringify(shown()) === JSON.stringify({said})")
            for start, end, text in page.evaluate("times()"):
                assert any(
                    abs(start - float(each.start)) < 0.001
                    and abs(end - float(each.end)) < 0.001
                    and text == each.text
                    for each in CUES[number]
                ), (start, end, text)
    finally:
        page.close()
