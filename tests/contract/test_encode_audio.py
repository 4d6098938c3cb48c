"""Audio keeps the video's clock: what sounded at a picture still does, and it is as long."""

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import footage
from chunking import run_chunks
from framegate.domain.ladder import EncodedAudio, EncodeOptions, EncodePlan
from framegate.domain.media import MediaFacts
from framegate.domain.sound import LoudnessMode
from framegate.stages.base import StageContext
from framegate.stages.encode import audio, encode
from framegate.stages.encode.ladder import plan as make_plan
from framegate.testing.sandbox import InProcessSandbox

RATE = 48_000
SECONDS = 3


def clicks(
    *at_s: float, seconds: float = SECONDS, rate: int = RATE, channels: int = 1
) -> NDArray[np.float32]:
    """Quiet, with 20 ms of 1 kHz beginning at each time."""
    sound = np.zeros((channels, round(seconds * rate)), np.float32)
    burst = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(round(0.02 * rate)) / rate)
    for at in at_s:
        first = round(at * rate)
        sound[:, first : first + burst.size] = burst
    return sound


def source(
    path: Path, sound: NDArray[np.float32], start: Fraction = Fraction(0), **more: object
) -> Path:
    frames = [footage.grey(footage.numbered(n, 160, 96)) for n in range(25 * SECONDS)]
    return footage.write(path, frames, sound=sound, sound_start=start, **more)  # type: ignore[arg-type]


USUAL = EncodeOptions()


def encoded(
    path: Path, tmp_path: Path, options: EncodeOptions = USUAL
) -> tuple[EncodedAudio, EncodePlan, Path]:
    facts = footage.facts_of(path)
    plan = make_plan(facts, options)
    made = run(path, facts, plan, tmp_path)
    assert made is not None
    return made, plan, tmp_path / made.path


def run(path: Path, facts: MediaFacts, plan: EncodePlan, work: Path) -> EncodedAudio | None:
    context = StageContext(InProcessSandbox(), work, None, None)  # type: ignore[arg-type]
    fd = os.open(path, os.O_RDONLY)
    try:
        return audio.encode_audio(context, fd, facts, plan, plan.audio[0])
    finally:
        os.close(fd)


def heard(track: Path) -> tuple[NDArray[np.float32], int]:
    """What a player that follows the edit list hears, and the PTS of its first sample."""
    with av.open(str(track)) as clip:
        frames = list(clip.decode(audio=0))
    return np.concatenate([f.to_ndarray() for f in frames], 1), frames[0].pts or 0


def onsets(sound: NDArray[np.float32], rate: int = RATE) -> list[float]:
    """Seconds at which a click begins: the first of its samples over a tenth of full scale."""
    loud = np.flatnonzero(np.abs(sound[0]) > 0.1)
    if not loud.size:
        return []
    begins = loud[np.insert(np.diff(loud) > rate // 20, 0, True)]
    return [float(at) / rate for at in begins]


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        (".mkv", Fraction(0)),
        (".mkv", Fraction(1, 2)),
        (".mkv", Fraction(-1, 4)),  # Matroska moves both tracks later together
        (".mp4", Fraction(0)),
        (".mp4", Fraction(1, 2)),
    ],
)
def test_sound_stays_with_its_picture(suffix: str, start: Fraction, tmp_path: Path) -> None:
    path = source(tmp_path / f"source{suffix}", clicks(0.5, 1.5, 2.25), start)
    facts = footage.facts_of(path)
    made, plan, track = encoded(path, tmp_path)
    sound, first = heard(track)
    assert first == 0
    assert made.priming_samples == 1024
    expected = [t + float(start) for t in (0.5, 1.5, 2.25)]
    # a lossy codec smears an onset; a millisecond is far below what an ear calls late
    assert onsets(sound) == pytest.approx(expected, abs=0.002)
    length = plan.grid.frames / plan.grid.frame_rate
    assert 0 <= sound.shape[1] - length * RATE < 1024
    assert facts.audio[0].channels == 1


def test_a_gap_is_filled_and_the_rest_stays_in_time(tmp_path: Path) -> None:
    """Packets missing in the middle: what follows must not move up."""
    whole = source(tmp_path / "whole.mkv", clicks(0.5, 2.5))
    path = tmp_path / "gap.mkv"
    with av.open(str(whole)) as read, av.open(str(path), "w") as out:
        video = out.add_stream_from_template(read.streams.video[0], opaque=True)
        audio = out.add_stream_from_template(read.streams.audio[0], opaque=True)
        for packet in read.demux():
            if not packet.size:
                continue
            at = float((packet.pts or 0) * packet.time_base)
            if packet.stream.type == "audio" and 1.0 <= at < 1.8:
                continue
            packet.stream = video if packet.stream.type == "video" else audio
            out.mux(packet)
    _, _, track = encoded(path, tmp_path)
    assert onsets(heard(track)[0]) == pytest.approx([0.5, 2.5], abs=0.002)


@pytest.mark.parametrize(
    ("name", "sound_codec", "rate"),
    [
        ("a.mkv", "libmp3lame", 44_100),
        ("a.mp4", "libopus", 48_000),
        ("a.ts", "mp2", 48_000),
        ("a.ts", "ac3", 48_000),
        ("a.mkv", "flac", 96_000),
        ("a.mov", "alac", 48_000),
        ("a.mp4", "aac", 22_050),
        ("a.flv", "aac", 44_100),
    ],
)
def test_whatever_codec_it_came_in(name: str, sound_codec: str, rate: int, tmp_path: Path) -> None:
    sound = clicks(0.5, 1.5, 2.25, rate=rate)
    options = {"bf": "0"}
    path = source(
        tmp_path / name, sound, sound_codec=sound_codec, sample_rate=rate, options=options
    )
    made, _, track = encoded(path, tmp_path)
    assert onsets(heard(track)[0], made.audio.sample_rate) == pytest.approx(
        [0.5, 1.5, 2.25], abs=0.003
    )


@pytest.mark.parametrize("share", [Fraction(1, 1000), Fraction(-1, 1000)])
def test_a_sound_card_with_a_clock_of_its_own_is_followed(share: Fraction, tmp_path: Path) -> None:
    """A thousandth is 3 ms after these three seconds, and 20 ms after twenty."""
    at = [0.5 + n for n in range(20)]
    samples = clicks(*(t * float(1 + share) for t in at), seconds=20.5)
    frames = [footage.grey(footage.numbered(n, 64, 64)) for n in range(25 * 20)]
    path = footage.write(tmp_path / "a.mkv", frames, sound=samples, drift=share)
    _, _, track = encoded(path, tmp_path)
    assert onsets(heard(track)[0]) == pytest.approx(at, abs=0.003)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000])
def test_rates_become_one_of_two(rate: int, tmp_path: Path) -> None:
    path = source(tmp_path / "source.mkv", clicks(1.0, rate=rate), sample_rate=rate)
    made, plan, track = encoded(path, tmp_path)
    wanted = 44_100 if rate == 44_100 else 48_000
    assert made.audio.sample_rate == plan.audio[0].sample_rate == wanted
    sound, _ = heard(track)
    assert onsets(sound, wanted) == pytest.approx([1.0], abs=0.002)


def test_mono_becomes_two_equal_channels_as_loud_as_before(tmp_path: Path) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(SECONDS * RATE) / RATE)).astype(np.float32)
    path = source(tmp_path / "source.mkv", tone[None])
    _, _, track = encoded(path, tmp_path, EncodeOptions(loudness=LoudnessMode.SOURCE))
    sound, _ = heard(track)
    assert sound.shape[0] == 2
    middle = sound[:, RATE : 2 * RATE]
    assert np.abs(middle[0] - middle[1]).max() < 0.02
    assert float(np.sqrt((middle**2).mean())) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


def test_sound_that_ends_early_is_padded_and_late_sound_is_cut(tmp_path: Path) -> None:
    for seconds in (1.0, 4.5):
        work = tmp_path / str(seconds)
        work.mkdir()
        path = source(work / "source.mkv", clicks(0.5, seconds=seconds))
        facts = footage.facts_of(path)
        plan = make_plan(facts, EncodeOptions())
        made = run(path, facts, plan, work)
        assert made is not None
        sound, _ = heard(work / made.path)
        assert 0 <= sound.shape[1] - SECONDS * RATE < 1024


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    path = source(tmp_path / "source.mkv", clicks(0.5))
    first, _, _ = encoded(path, tmp_path)
    again = tmp_path / "again"
    again.mkdir()
    assert encoded(path, again)[0] == first


def test_a_track_that_is_not_there_any_more_is_no_track(tmp_path: Path) -> None:
    path = source(tmp_path / "source.mkv", clicks(0.5))
    facts = footage.facts_of(path)
    plan = make_plan(facts, EncodeOptions())
    moved = replace(plan, audio=(replace(plan.audio[0], source_index=7),))
    assert run(path, facts, moved, tmp_path) is None


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mp4"])
def test_over_a_jump_of_the_timestamps_picture_and_sound_stay_together(
    suffix: str, tmp_path: Path
) -> None:
    whole = source(tmp_path / f"whole{suffix}", clicks(0.6, 2.0), options={"bf": "0"})
    path = footage.with_jump(whole, tmp_path / f"jump{suffix}", Fraction(6, 5), Fraction(40))
    facts = footage.facts_of(path)
    assert [note for note in facts.warnings if "jump" in note] == [
        "the timestamps jump by 40.0 s at 1.2 s; a still picture fills the gap"
    ]
    plan = make_plan(facts, EncodeOptions(preset="ultrafast"))
    context = StageContext(InProcessSandbox(), tmp_path, None, None)  # type: ignore[arg-type]
    receipts = run_chunks(context, path, facts, plan)
    assert sum(receipt.done.source_frames for receipt in receipts) == 25 * SECONDS
    video = encode.join_rendition(context, plan, receipts, plan.renditions[0])
    shown = {at: footage.number_of(luma) for at, luma in footage.lumas(tmp_path / video.path)}
    assert shown[Fraction(15, 25)] == 15
    assert shown[Fraction(20)] == 29  # the still picture: the last one before the jump
    assert shown[Fraction(42)] == 50
    made = run(path, facts, plan, tmp_path)
    assert made is not None
    sound, _ = heard(tmp_path / made.path)
    assert onsets(sound) == pytest.approx([0.6, 42.0], abs=0.04)


def test_channels_that_change_half_way_are_mixed_as_they_come(tmp_path: Path) -> None:
    """Broadcasts go from 5.1 to stereo to mono and back."""
    parts = (("5.1", 500), ("stereo", 700), ("mono", 900))
    path = tmp_path / "film.ts"
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=25, options={"bf": "0"})
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        track = out.add_stream("ac3", rate=RATE)
        track.layout = "5.1"
        for number in range(25 * 2 * len(parts)):
            frame = footage.grey(footage.numbered(number, 64, 64))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        at = 0
        for data in (packet for layout, hertz in parts for packet in ac3(layout, hertz, 2)):
            packet = av.Packet(data)
            packet.stream, packet.time_base = track, Fraction(1, RATE)
            packet.pts = packet.dts = at
            packet.duration = 1536
            out.mux(packet)
            at += 1536
    facts = footage.facts_of(path)
    plan = make_plan(facts, EncodeOptions())
    assert [track.channels for track in plan.audio] == [2, 6]
    for audio_plan in plan.audio:
        made = run(path, facts, replace(plan, audio=(audio_plan,)), tmp_path)
        assert made is not None
        sound, _ = heard(tmp_path / made.path)
        for part, (_, hertz) in enumerate(parts):
            middle = sound[:2, round((2 * part + 0.75) * RATE) :][:, : RATE // 2]
            assert (np.abs(np.fft.rfft(middle)).argmax(axis=1) * 2 == hertz).all()


def ac3(layout: str, hertz: int, seconds: int) -> list[bytes]:
    """Frames of a tone in every channel."""
    context = av.CodecContext.create("ac3", "w")
    context.sample_rate, context.layout, context.format = RATE, layout, "fltp"
    context.time_base = Fraction(1, RATE)
    packets = []
    for at in range(0, seconds * RATE, 1536):
        wave = 0.1 * np.sin(2 * np.pi * hertz * np.arange(at, at + 1536) / RATE)
        block = np.tile(wave.astype(np.float32), (context.layout.nb_channels, 1))
        frame = av.AudioFrame.from_ndarray(block, "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
        packets += context.encode(frame)
    return [bytes(packet) for packet in (*packets, *context.encode(None))]
