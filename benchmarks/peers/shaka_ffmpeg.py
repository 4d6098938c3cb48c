"""Stands in for ffmpeg under shaka-streamer: same command, framegate's encoder options.

shaka-streamer has preset ``slow``, a bit rate and automatic threads written into its code. Here the
options of each output are replaced by those of the rung that has its bit rate; inputs, filters,
pipes and muxing stay. Then the real program takes this process over.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

REPLACED = ("-preset", "-profile:v", "-pix_fmt", "-c:v", "-b:v", "-keyint_min", "-g")


def main() -> None:
    """Rewrite and become ffmpeg."""
    told = json.loads(Path(os.environ["BENCH_SHAKA"]).read_text())
    by_rate = {rung["bitrate"]: rung["flags"] for rung in told["rungs"]}
    given, command = iter(sys.argv[1:]), [os.environ["BENCH_FFMPEG"]]
    for word in given:
        if word in REPLACED:
            value = next(given)
            if word == "-b:v":
                command += by_rate[value]
        else:
            command.append(word)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
