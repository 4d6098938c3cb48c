"""Names inside an asset's work folder and inside the folder that is published."""

from __future__ import annotations

# --- work folder
CHUNKS, AUDIO, VIDEO, PACKAGE = "chunks", "audio", "video", "package"
CAPTIONS = "captions"  # in the package too
IMPRINTS = "imprints.bin"  # of the frames that were looked at; of each chunk's, in its folder
SCREENING, SUPPLEMENT = "screening.json", "supplement.json"  # what was found; by a second look
SAMPLES = "samples"  # previews of the frames that were looked at, ``000012.jpg``

# --- package, and output folder
HLS, DASH, MEDIA = "hls", "dash", "media"
MASTER = f"{HLS}/master.m3u8"
MPD = f"{DASH}/manifest.mpd"
POSTER, THUMBNAILS, SPRITES = "poster.jpg", "thumbnails.vtt", "sprites"
PREVIEW = "preview.mp4"

# --- output folder
REPORT_PAGE, REPORT, VERDICT = "report.html", "report.json", "verdict.json"
