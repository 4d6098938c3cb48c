"""Poster, sprites, WebVTT and preview of real tracks."""

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import tracks
from framegate.domain.ladder import EncodePlan, Grid
from framegate.stages.encode.stills import (
    MOST_THUMBNAILS,
    clock,
    fit,
    make_stills,
    thumbnail_step,
    webvtt,
)

RATE = Fraction(24000, 1001)


@pytest.mark.parametrize("audio", [0, 1])
def test_stills_show_the_frames_they_name(tmp_path: Path, audio: int) -> None:
    plan, videos, audios = tracks.make(tmp_path, RATE, 216, audio=audio, crf=20)
    out = tmp_path / "package"
    stills = make_stills(
        tracks.context(tmp_path), plan, videos, audios, out, poster_at=Fraction(101) / RATE
    )
    poster = np.asarray(Image.open(out / stills.poster), np.int16)
    assert poster.shape == (360, 640, 3)
    wanted = tracks.picture(640, 360, 101, 216).astype(np.int16)
    assert abs(poster - wanted).mean() < 12
    other = tracks.picture(640, 360, 60, 216).astype(np.int16)
    assert abs(poster - other).mean() > 20

    text = (out / stills.thumbnails).read_text()
    cues = re.findall(r"(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)", text)
    assert len(cues) == 5
    assert cues[0][0] == "00:00:00.000"
    assert cues[-1][1] == "00:00:09.009"
    assert [cue[1] for cue in cues[:-1]] == [cue[0] for cue in cues[1:]]
    for index, (_, _, name, *box) in enumerate(cues):
        x, y, width, height = map(int, box)
        with Image.open(out / name) as sheet:
            assert x + width <= sheet.width
            assert y + height <= sheet.height
            part = sheet.crop((x, y, x + width, y + height))
        small = np.asarray(part, np.int16)
        wanted = tracks.picture(160, 90, index * 48, 216)
        # blue is flat and grows with the frame number: 1.2 a frame
        assert abs(float(small[..., 2].mean()) - float(wanted[..., 2].mean())) < 12


@pytest.mark.parametrize("audio", [0, 1])
def test_preview_plays_while_it_loads_and_is_complete(tmp_path: Path, audio: int) -> None:
    plan, videos, audios = tracks.make(tmp_path, Fraction(25), 130, audio=audio)
    out = tmp_path / "package"
    stills = make_stills(tracks.context(tmp_path), plan, videos, audios, out, poster_at=Fraction(0))
    data = (out / stills.preview).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(out / stills.preview)) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == (320, 180)
        assert video.start_time == 0
        assert (video.duration or 0) * video.time_base == Fraction(130, 25)
        assert len(container.streams.audio) == audio
        assert sum(1 for _ in container.decode(video)) == 130


@given(st.integers(1, 500_000))
def test_thumbnails_are_few_and_cover_everything(frames: int) -> None:
    plan = EncodePlan((), (), Grid(Fraction(30), frames, 60, 120), ())
    step = thumbnail_step(plan)
    count = -(-frames // (60 * step))
    assert 1 <= count <= MOST_THUMBNAILS
    cells = [(i * 60 * step, "000.jpg", 0, 0, 160, 90) for i in range(count)]
    text = webvtt(cells, plan)
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert f"--> {clock(Fraction(frames, 30))}\n" in text
    assert text.count("-->") == count


@given(st.integers(0, 10**9))
def test_clock_reads_back(milliseconds: int) -> None:
    hours, minutes, seconds = clock(Fraction(milliseconds, 1000)).split(":")
    assert int(hours) * 3_600_000 + int(minutes) * 60_000 + round(float(seconds) * 1000) == (
        milliseconds
    )


@pytest.mark.parametrize(
    ("size", "aspect", "wide", "within"),
    [
        ((1920, 1080), Fraction(1), (160, 90), (1280, 720)),
        ((1080, 1920), Fraction(1), (160, 284), (720, 1280)),
        ((720, 576), Fraction(16, 15), (160, 120), (768, 576)),
        ((320, 180), Fraction(1), (160, 90), (320, 180)),
    ],
)
def test_sizes_have_square_pixels(
    size: tuple[int, int], aspect: Fraction, wide: tuple[int, int], within: tuple[int, int]
) -> None:
    plan = tracks.plan_for(RATE, 10, audio=0, names=("360p",))
    one = plan.renditions[0]
    rendition = type(one)(
        "x", *size, one.codec, one.crf, 1, 1, one.preset, one.frame_rate, sample_aspect=aspect
    )
    assert fit(rendition, width=160) == wide
    assert fit(rendition, long_side=1280) == within
