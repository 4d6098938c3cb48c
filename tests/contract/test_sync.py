"""A flash and a beep that come together still do in the packaged segments, from start to end."""

import io
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import encoded
import footage
from framegate.domain.ladder import EncodeOptions
from framegate.domain.layout import MEDIA
from framegate.domain.sound import AudioCodec
from framegate.testing.sandbox import InProcessSandbox

NTSC = Fraction(24000, 1001)
RATE = 48_000
BEEP_S = Fraction(8, 100)
NEAR_S = 0.005
SIZE = (64, 64)  # what every encoder takes


def flashes(rate: Fraction, seconds: int, every_s: int) -> list[int]:
    """Numbers of the white frames: half a second after each multiple of ``every_s``."""
    return [round((Fraction(1, 2) + at) * rate) for at in range(0, seconds, every_s)]


def film(
    path: Path,
    rate: Fraction,
    white: list[int],
    seconds: int,
    *,
    start: Fraction = Fraction(0),
    sample_rate: int = RATE,
    clock: Callable[[Fraction], Fraction] = lambda at: at,
    **more: object,
) -> Path:
    """Black with white frames, and a beep that begins with each. Sound begins ``start`` s after the
    picture; ``clock`` says when a moment of the picture is in the time of the sound's samples.
    """
    frames = [
        footage.grey(np.full(SIZE[::-1], 235 if n in white else 16, np.uint8))
        for n in range(round(seconds * rate))
    ]
    sound = np.zeros((2, round((seconds - start) * sample_rate)), np.float32)
    beep = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(BEEP_S * sample_rate)) / sample_rate)
    for number in white:
        first = round(clock(number / rate - start) * sample_rate)
        sound[:, first : first + beep.size] = beep.astype(np.float32)
    return footage.write(
        path,
        frames,
        rate=rate,
        sound=sound,
        sound_start=start,
        sample_rate=sample_rate,
        **more,  # type: ignore[arg-type]
    )


def segments(package: Path, name: str) -> io.BytesIO:
    """A track as a player gets it: the initialisation segment, then the media segments."""
    folder = package / MEDIA / name
    parts = [folder / "init.mp4", *sorted(folder.glob("*.m4s"))]
    return io.BytesIO(b"".join(part.read_bytes() for part in parts))


def shown(package: Path, name: str) -> list[float]:
    """Seconds at which white begins to be shown."""
    with av.open(segments(package, name), "r") as clip:
        lit = [
            (float(f.time or 0), f.to_ndarray()[: f.height].mean() > 125)
            for f in clip.decode(video=0)
        ]
    return [at for (_, before), (at, now) in pairwise([(0.0, False), *lit]) if now and not before]


def sounded(package: Path, name: str) -> list[float]:
    """Seconds at which a beep begins: half of its amplitude is reached within 0.1 ms."""
    with av.open(segments(package, name), "r") as clip:
        frames = list(clip.decode(audio=0))
    rate = frames[0].sample_rate
    sound: NDArray[np.float32] = np.concatenate(
        [f.to_ndarray()[:1] if f.format.is_planar else f.to_ndarray()[:, ::2] for f in frames], 1
    )[0]
    loud = np.flatnonzero(np.abs(sound) > np.abs(sound).max() / 2)
    begins = loud[np.insert(np.diff(loud) > rate // 10, 0, True)]
    return [float(frames[0].time or 0) + float(at) / rate for at in begins]


def check(
    source: Path, work: Path, rate: Fraction, white: list[int], options: EncodeOptions
) -> None:
    made = encoded.encode(InProcessSandbox(), source, work, options, proof=False)
    picture = shown(made.out, made.plan.renditions[0].name)
    assert picture == pytest.approx([float(number / rate) for number in white], abs=1e-4)
    for audio in made.plan.audio:
        beeps = sounded(made.out, audio.name)
        assert beeps == pytest.approx(picture, abs=NEAR_S), audio.name
        off = max(abs(a - b) for a, b in zip(beeps, picture, strict=True))
        print(f"{source.name} {audio.name}: at most {off * 1000:.2f} ms apart")


OPEN = {"bf": "3", "x264-params": "open-gop=1:keyint=24:b-adapt=0"}
XVID = {"encoder": "mpeg4", "options": {"bf": "2"}, "sound_codec": "pcm_s16le"}
FAST = EncodeOptions(preset="ultrafast")
OPUS = EncodeOptions(preset="ultrafast", audio_codec=AudioCodec.OPUS)


@pytest.mark.parametrize(
    ("name", "rate", "options", "how"),
    [
        # B-frames: an edit list takes their delay back
        ("film.mp4", NTSC, FAST, {"options": {"bf": "2"}}),
        ("late.mp4", NTSC, OPUS, {"options": {"bf": "2"}, "start": Fraction(3, 10)}),
        # AVI holds places, not times: FFmpeg's own commands show the first picture two places late
        ("places.avi", Fraction(25), FAST, {"options": {"bf": "2"}, "sound_codec": "pcm_s16le"}),
        ("deep.avi", NTSC, FAST, {"options": OPEN, "sound_codec": "pcm_s16le"}),
        ("plain.avi", Fraction(25), OPUS, {"options": {"bf": "0"}, "sound_codec": "pcm_s16le"}),
        ("xvid.avi", NTSC, FAST, XVID),
        ("odd.mkv", Fraction(25), FAST, {"start": Fraction(1, 7), "sample_rate": 44_100}),
    ],
)
def test_flash_and_beep_come_together(
    name: str, rate: Fraction, options: EncodeOptions, how: dict[str, object], tmp_path: Path
) -> None:
    white = flashes(rate, 10, 3)
    source = film(tmp_path / name, rate, white, 10, **how)  # type: ignore[arg-type]
    check(source, tmp_path / "work", rate, white, options)


@pytest.mark.slow
@pytest.mark.parametrize("options", [FAST, OPUS], ids=["aac", "opus"])
@pytest.mark.parametrize("start", [Fraction(0), Fraction(2, 5)])
def test_they_still_do_after_a_minute(
    options: EncodeOptions, start: Fraction, tmp_path: Path
) -> None:
    white = flashes(NTSC, 60, 5)
    source = film(tmp_path / "film.mp4", NTSC, white, 60, start=start, options={"bf": "2"})
    check(source, tmp_path / "work", NTSC, white, options)
