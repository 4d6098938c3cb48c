"""Real codecs inside the walls, with the modules that a production fork server loads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from framegate.errors import Internal, MediaLimit
from framegate.security.sandbox import Limits
from framegate.security.sandbox.host import MODULES, ForkServer

TASKS = "framegate.testing.codec_tasks"
FILES = Limits(file_bytes=64 << 20, wall_s=120)


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer([*MODULES, TASKS]) as server:
        yield server


@pytest.mark.parametrize(
    ("name", "frames"), [("bigbuckbunny.mp4", 132), ("bikes.mp4", 250), ("cityCC0.mpg", None)]
)
def test_real_clips_decode(server: ForkServer, clips: Path, name: str, frames: int | None) -> None:
    with (clips / name).open("rb") as source:
        answer = server.run(f"{TASKS}:decode", {}, fds={"source": source.fileno()}, limits=FILES)
    assert answer["frames"] == frames if frames else answer["frames"] > 20


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"preset": "veryfast"}),
        ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}),
        ("libsvtav1", {"preset": "12"}),
    ],
)
def test_encoders_work_with_their_threads(
    server: ForkServer, tmp_path: Path, codec: str, options: dict[str, str]
) -> None:
    request = {"codec": codec, "options": options, "frames": 12, "width": 320, "height": 180}
    with (tmp_path / "out.mkv").open("wb+") as target:
        made = server.run(f"{TASKS}:encode", request, fds={"target": target.fileno()}, limits=FILES)
        # SVT-AV1 makes itself real-time where it may (root may), ahead of all else on the machine
        assert made == {"scheduler": os.SCHED_OTHER}
        target.seek(0)
        answer = server.run(f"{TASKS}:decode", {}, fds={"source": target.fileno()}, limits=FILES)
    assert answer == {"frames": 12}


def test_a_muxer_that_writes_too_much_hits_the_file_limit(
    server: ForkServer, tmp_path: Path
) -> None:
    request = {
        "codec": "libx264",
        "options": {"crf": "1"},
        "frames": 12,
        "width": 640,
        "height": 360,
    }
    with (
        (tmp_path / "out.mkv").open("wb") as target,
        pytest.raises(MediaLimit, match="to one file"),
    ):
        server.run(
            f"{TASKS}:encode",
            request,
            fds={"target": target.fileno()},
            limits=Limits(file_bytes=20_000, wall_s=120),
        )


def test_an_encoder_that_asks_for_too_much_memory_hits_the_limit(
    server: ForkServer, tmp_path: Path
) -> None:
    request = {"codec": "libsvtav1", "options": {}, "frames": 2, "width": 1920, "height": 1080}
    with (tmp_path / "out.mkv").open("wb") as target, pytest.raises(MediaLimit, match="of memory"):
        server.run(
            f"{TASKS}:encode",
            request,
            fds={"target": target.fileno()},
            limits=Limits(memory_bytes=96 << 20, file_bytes=1 << 20, wall_s=120),
        )


def test_filters_can_be_built(server: ForkServer) -> None:
    names = ["scale", "scdet", "blackdetect", "libvmaf"]
    answer = server.run(f"{TASKS}:filters", {"names": names}, fds={}, limits=FILES)
    assert answer == {"built": names}


@pytest.mark.parametrize(
    "address", ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:9/", "tcp://127.0.0.1:9"]
)
def test_ffmpeg_reaches_nothing(server: ForkServer, address: str) -> None:
    with pytest.raises(Internal, match="PermissionError"):
        server.run(f"{TASKS}:open_address", {"address": address}, fds={}, limits=FILES)
