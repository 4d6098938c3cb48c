"""What is published is as loud as EBU R 128 wants, after the codec, whatever came in.

Tolerances: 0.5 LU about -23 LUFS, true peaks at most -1 dBTP, both of the decoded track; measured
by FFmpeg's ``ebur128`` and, for sines, by their amplitude (EBU Tech 3341: 1 kHz in both channels at
-23 dBFS is -23 LUFS).
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import footage
import tracks
from framegate.domain.ladder import EncodedAudio, EncodeOptions
from framegate.domain.sound import AudioCodec, LoudnessMode
from framegate.security.sandbox.host import ForkServer, MediaSandbox
from framegate.stages.encode.audio import encode_audio
from framegate.stages.encode.ladder import plan as make_plan

RATE = 48_000
SECONDS = 4
TARGET, MOST_PEAK = -23.0, -1.0
type Samples = NDArray[np.float32]


def sine(dbfs: float, hertz: float = 1000, channels: int = 2) -> Samples:
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * np.arange(SECONDS * RATE) / RATE)
    return np.tile(wave.astype(np.float32), (channels, 1))


def noise(dbfs: float) -> Samples:
    sound = np.random.default_rng(3).standard_normal((2, SECONDS * RATE))
    return (10 ** (dbfs / 20) * sound).clip(-1, 1).astype(np.float32)


def claps() -> Samples:
    """Single loud bursts over a quiet room: 25 LU between loudness and peak."""
    sound = noise(-45)
    for at in range(0, SECONDS * RATE, RATE // 2):
        sound[:, at : at + 40] = 0.95
    return sound


SOURCES = {
    "quiet": sine(-41),
    "loud": sine(-3, 220),
    "clipped": np.sign(sine(0, 100)),
    "noise": noise(-3),
    "claps": claps(),
    "5.1": sine(-20, channels=6),
    "mono": sine(-30, channels=1),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[MediaSandbox]:
    with ForkServer() as server:
        yield server


def encode(
    sandbox: MediaSandbox, sound: Samples, folder: Path, options: EncodeOptions, number: int = 0
) -> tuple[EncodedAudio, Samples]:
    """A track encoded from ``sound``, and what a player hears of it."""
    frames = [footage.grey(footage.numbered(n, 64, 64)) for n in range(25 * SECONDS)]
    path = footage.write(folder / "source.mkv", frames, sound=sound)
    facts = footage.facts_of(path)
    plan = make_plan(facts, options)
    context = replace(tracks.context(folder), sandbox=sandbox)
    fd = os.open(path, os.O_RDONLY)
    try:
        made = encode_audio(context, fd, facts, plan, plan.audio[number])
    finally:
        os.close(fd)
    assert made is not None
    return made, decoded(folder / made.path)


def decoded(path: Path) -> Samples:
    with av.open(str(path)) as clip:
        frames = list(clip.decode(audio=0))
        channels = frames[0].layout.nb_channels
    if frames[0].format.is_planar:
        return np.concatenate([f.to_ndarray() for f in frames], 1)
    return np.concatenate([f.to_ndarray().reshape(-1, channels).T for f in frames], 1)


@pytest.mark.parametrize("codec", AudioCodec)
@pytest.mark.parametrize("name", SOURCES)
def test_every_track_comes_out_at_the_target(
    sandbox: MediaSandbox, name: str, codec: AudioCodec, tmp_path: Path
) -> None:
    sound = SOURCES[name]
    for number in range(2 if len(sound) > 2 else 1):  # in 5.1 too
        options = EncodeOptions(audio_codec=codec)
        made, heard = encode(sandbox, sound, tmp_path, options, number)
        assert made.level is not None
        after = made.level.after
        assert after.integrated_lufs == pytest.approx(TARGET, abs=0.5)
        assert after.true_peak_dbtp is not None
        assert after.true_peak_dbtp <= MOST_PEAK
        assert np.abs(heard).max() <= 10 ** (MOST_PEAK / 20)
        assert len(heard) == made.audio.channels == (6 if number else 2)
        limited = made.level.done.ceiling_dbtp is not None
        assert limited == (name == "claps")


def test_a_sine_has_the_amplitude_that_the_standard_says(
    sandbox: MediaSandbox, tmp_path: Path
) -> None:
    made, heard = encode(sandbox, sine(-9), tmp_path, EncodeOptions())
    assert made.level is not None
    assert made.level.before.integrated_lufs == pytest.approx(-9, abs=0.1)
    assert made.level.done.gain_db == pytest.approx(-14, abs=0.1)
    effective = np.sqrt((heard[:, RATE : 3 * RATE] ** 2).mean()) * np.sqrt(2)
    assert 20 * np.log10(effective) == pytest.approx(TARGET, abs=0.2)


@pytest.mark.parametrize("codec", AudioCodec)
def test_silence_and_what_is_next_to_it_get_no_boundless_gain(
    sandbox: MediaSandbox, codec: AudioCodec, tmp_path: Path
) -> None:
    options = EncodeOptions(audio_codec=codec)
    made, heard = encode(sandbox, np.zeros((2, SECONDS * RATE), np.float32), tmp_path, options)
    assert made.level is not None
    assert (made.level.done.gain_db, made.level.before.integrated_lufs) == (0.0, None)
    assert np.abs(heard).max() < 1e-4
    made, _ = encode(sandbox, sine(-10)[:, : RATE // 5], tmp_path, options)  # no block of 0.4 s
    assert made.level is not None
    assert made.level.before.integrated_lufs is not None  # the rest of the video is silence
    made, _ = encode(sandbox, noise(-75), tmp_path, options)
    assert made.level is not None
    assert made.level.done.gain_db == 20.0


def test_as_the_source_is(sandbox: MediaSandbox, tmp_path: Path) -> None:
    keep = EncodeOptions(loudness=LoudnessMode.SOURCE)
    made, heard = encode(sandbox, sine(-3), tmp_path, keep)
    assert made.level is not None
    assert made.level.done.gain_db == 0.0
    assert np.abs(heard[:, RATE : 2 * RATE]).max() == pytest.approx(10 ** (-3 / 20), rel=0.03)
    # six channels at -3 dBFS add up to 6 dB over full scale: turned down as a whole
    made, heard = encode(sandbox, sine(-3, channels=6), tmp_path, keep)
    assert made.level is not None
    assert made.level.done.gain_db == pytest.approx(-2 + 3 - 20 * np.log10(1 + np.sqrt(2)), abs=0.2)
    assert made.level.done.ceiling_dbtp is None
    assert np.abs(heard[:, RATE : 2 * RATE]).max() == pytest.approx(10 ** (-2 / 20), rel=0.05)


def test_surround_is_mixed_down_by_the_standard(sandbox: MediaSandbox, tmp_path: Path) -> None:
    """A tone of its own in each channel: ITU-R BS.775 says how much of it is on either side."""
    tones = dict(zip(("FL", "FR", "FC", "LFE", "BL", "BR"), range(500, 3500, 500), strict=True))
    sound = np.concatenate([sine(-30, hertz, 1) for hertz in tones.values()])
    _, heard = encode(sandbox, sound, tmp_path, EncodeOptions(loudness=LoudnessMode.SOURCE))
    one = np.abs(np.fft.rfft(heard[:, RATE : 3 * RATE])) / RATE / 10 ** (-30 / 20)
    half = np.sqrt(0.5)
    expected = {"FL": (1, 0), "FR": (0, 1), "FC": (half, half), "LFE": (0, 0), "BL": (half, 0)}
    for channel, (left, right) in (expected | {"BR": (0, half)}).items():
        at = 2 * tones[channel]  # bins of half a hertz
        assert one[:, at] == pytest.approx([left, right], abs=0.03), channel
