"""Players in headless Chromium: pages that play a package, and a server for them."""

import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from conftest import missing

MODULES = Path(__file__).parent / "e2e/node_modules"
HLS_JS = MODULES / "hls.js/dist/hls.min.js"
DASH_JS = MODULES / "dashjs/dist/modern/umd/dash.all.min.js"
SHAKA = MODULES / "shaka-player/dist/shaka-player.compiled.js"
PLAYERS = {"hls.js": HLS_JS, "dash.js": DASH_JS, "Shaka on HLS": SHAKA, "Shaka on DASH": SHAKA}
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
PATIENCE_MS = 20_000

PAGE = """<!doctype html><meta charset="utf-8"><video id="v" muted></video>
<script src="player.js"></script><script>
const video = document.getElementById('v'), faults = [], seen = [];
const out = (what) => faults.push(String(what));
window.onerror = out;
window.onunhandledrejection = (event) => out(event.reason);
// A promise that nobody waits for: a seek while it is pending may leave it so.
window.go = (at) => { if (at !== undefined) video.currentTime = at; video.play().catch(() => {}); };
video.onerror = () => out('video error ' + video.error.code + ' ' + video.error.message);
START
window.watch = () => ({at: video.currentTime, length: video.duration, width: video.videoWidth,
  frames: video.getVideoPlaybackQuality().totalVideoFrames,
  corrupted: video.getVideoPlaybackQuality().corruptedVideoFrames,
  sound: video.webkitAudioDecodedByteCount,
  from: video.buffered.length ? video.buffered.start(0) : null, faults});
// Numbers drawn along the top edge (framegate.testing.clips), with the time of each shown picture.
const canvas = document.createElement('canvas'), pen = canvas.getContext('2d',
  {willReadFrequently: true});
const read = (_, frame) => {
  canvas.width = frame.width; canvas.height = frame.height;
  pen.drawImage(video, 0, 0);
  const side = frame.width / (window.BITS + 2), pixels = pen.getImageData(
    0, Math.floor(side / 2), frame.width, 1).data;
  let number = 0;
  for (let bit = 0; bit < window.BITS; bit++) {
    const at = 4 * Math.floor((bit + 1.5) * side);
    number = 2 * number + (pixels[at] + pixels[at + 1] + pixels[at + 2] > 375);
  }
  seen.push([frame.mediaTime, number]);
  video.requestVideoFrameCallback(read);
};
window.number = (bits) => { window.BITS = bits; video.requestVideoFrameCallback(read); };
// The loudest frequency of what is heard.
let ear = null;
window.listen = async () => {
  const context = new AudioContext();
  await context.resume();
  ear = context.createAnalyser();
  ear.fftSize = 16384;
  context.createMediaElementSource(video).connect(ear);
  ear.connect(context.destination);
  video.muted = false;
};
window.pitch = () => {
  const bins = new Float32Array(ear.frequencyBinCount);
  ear.getFloatFrequencyData(bins);
  let top = 0;
  bins.forEach((level, bin) => { if (level > bins[top]) top = bin; });
  return bins[top] > -90 ? top * ear.context.sampleRate / ear.fftSize : 0;
};
</script>"""

_SHAKA = """
shaka.polyfill.installAll();
const player = new shaka.Player();
player.addEventListener('error', (event) => out('shaka ' + event.detail.code));
player.configure({abr: {enabled: false}});
player.attach(video).then(() => player.load('MANIFEST')).then(() => {
  const tracks = player.getVideoTracks().sort((a, b) => a.width - b.width);
  player.selectVideoTrack(tracks[LEVEL], true);
  go();
});
window.names = () => player.getAudioTracks().map((track) => track.label);
window.choose = (index) => player.selectAudioTrack(player.getAudioTracks()[index]);
"""

START = {
    "hls.js": """
const player = new Hls({autoStartLoad: false, enableWorker: false});
player.on(Hls.Events.ERROR, (_, data) => out(data.type + ' ' + data.details));
player.on(Hls.Events.MANIFEST_PARSED, () => {
  // a rendition is there once for each audio group
  const widths = [...new Set(player.levels.map((level) => level.width))].sort((a, b) => a - b);
  const level = player.levels.findIndex((level) => level.width === widths[LEVEL]);
  player.startLevel = player.currentLevel = level;
  player.startLoad();
  go();
});
player.loadSource('package/hls/master.m3u8');
player.attachMedia(video);
window.names = () => player.audioTracks.map((track) => track.name);
window.choose = (index) => { player.audioTrack = index; };
""",
    "dash.js": """
const player = dashjs.MediaPlayer().create();
player.updateSettings({streaming: {abr: {autoSwitchBitrate: {video: false}},
  buffer: {fastSwitchEnabled: true}}});
player.on('error', (event) => out(JSON.stringify(event.error)));
player.on('streamInitialized', () => player.setRepresentationForTypeByIndex('video', LEVEL, true));
player.initialize(video, 'package/dash/manifest.mpd', true);
window.names = () => player.getTracksFor('audio').map((track) => track.labels[0].text);
window.choose = (index) => player.setCurrentTrack(player.getTracksFor('audio')[index]);
""",
    "Shaka on HLS": _SHAKA.replace("MANIFEST", "package/hls/master.m3u8"),
    "Shaka on DASH": _SHAKA.replace("MANIFEST", "package/dash/manifest.mpd"),
    "native": "video.src = 'preview.mp4'; go();",
}


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, with byte ranges and CORS."""

    extensions_map = {  # noqa: RUF012 - the base class has it so
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".m3u8": "application/vnd.apple.mpegurl",
        ".mpd": "application/dash+xml",
        ".m4s": "video/iso.segment",
        ".mp4": "video/mp4",
        ".vtt": "text/vtt",
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


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; else the test is skipped by name."""
    program = shutil.which("chromium")
    if program is None:
        missing("Chromium (Debian package `chromium`)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


def require(browser: Browser) -> None:
    """No encode for a browser or players that are not here: skipped by name."""
    assert browser.is_connected()
    for path in PLAYERS.values():
        if not path.is_file():
            missing(f"{path.name} (run `npm ci` in tests/e2e)")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """``folder`` on loopback; its URL."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def playing(browser: Browser, folder: Path, url: str, player: str, level: int) -> Iterator[Page]:
    """A page that plays ``package/`` in ``folder``, rendition ``level`` counted from the lowest."""
    shutil.copyfile(PLAYERS[player], folder / "player.js")
    page = PAGE.replace("START", START[player].replace("LEVEL", str(level)))
    (folder / "index.html").write_text(page)
    opened = browser.new_page()
    try:
        opened.goto(f"{url}/index.html")
        yield opened
    finally:
        opened.close()


def wait(page: Page, until: str) -> None:
    """Until an expression about ``now`` holds, or something went wrong."""
    page.wait_for_function(
        f"(() => {{ const now = window.watch(); return now.faults.length || ({until}); }})()",
        timeout=PATIENCE_MS,
    )
