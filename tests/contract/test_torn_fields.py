"""Fields that are published apart must not be two pictures that were only looked at as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from av.video.frame import VideoFrame

import footage
from framegate.domain.screening import Screening
from looking import look_at

OPTIONS = {"crf": "8", "preset": "veryfast", "x264-params": "tff=1"}


def interlaced(folder: Path, pictures: Sequence[VideoFrame]) -> Screening:
    path = folder / "fields.mkv"
    footage.write(path, footage.woven(pictures, top_first=True), options=OPTIONS)
    return look_at(path, folder / "work")


def small(path: Path, count: int) -> list[VideoFrame]:
    return [footage.again(one.reformat(320, 180)) for one in footage.pictures_of(path, count)]


def test_another_clip_in_the_second_field_is_for_a_person(clips: Path, tmp_path: Path) -> None:
    one, other = small(clips / "bigbuckbunny.mp4", 30), small(clips / "bikes.mp4", 30)
    mixed = [field for pair in zip(other, one, strict=True) for field in pair]
    assert interlaced(tmp_path, mixed).coverage.torn_frames == 30


@pytest.mark.parametrize("name", ["bikes.mp4", "bigbuckbunny.mp4"])
def test_motion_and_cuts_between_fields_are_not(clips: Path, tmp_path: Path, name: str) -> None:
    assert interlaced(tmp_path, small(clips / name, 121)[1:]).coverage.torn_frames == 0
