"""Options that several commands share, and the settings they override."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from framegate.cli.progress import ProgressMode
from framegate.domain.ladder import VideoCodec
from framegate.domain.options import ScreenMode, VmafMode

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")]
Progress = Annotated[
    ProgressMode,
    typer.Option(
        "--progress", help="Progress on stderr: bars on a terminal, JSON lines, or nothing."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Folder for the packages; default framegate-out."),
]
Codec = Annotated[
    VideoCodec | None, typer.Option("--codec", help="Codec of the renditions; default h264.")
]
Preset = Annotated[
    str | None, typer.Option("--preset", help="Encoder preset; the default depends on the codec.")
]
MaxHeight = Annotated[
    int | None,
    typer.Option("--max-short-side", min=144, help="No rendition above it, pixels; default 2160."),
]
Vmaf = Annotated[
    VmafMode | None,
    typer.Option("--vmaf", help="Where quality is measured: windows, everything, nowhere."),
]
MaxGap = Annotated[
    float | None,
    typer.Option(
        "--max-gap", min=0.04, max=60, help="Longest stretch without a sample, s; default 1.0."
    ),
]
Mode = Annotated[
    ScreenMode | None,
    typer.Option(
        "--screen-mode", help="auto skips frames that no other frame needs; full decodes all."
    ),
]
Policy = Annotated[
    Path | None, typer.Option("--policy", help="Policy file (TOML); default: the packaged one.")
]
HashLists = Annotated[
    list[Path] | None,
    typer.Option("--hash-list", help="File of known hashes; may be repeated."),
]
