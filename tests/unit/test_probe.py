"""Probe on clips whose every property is known, because they were made so, and on real ones."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import footage
from framegate.domain.limits import SourceLimits
from framegate.domain.media import Crop, FieldOrder, HdrKind, MediaFacts, Rotation, Telecine
from framegate.errors import InputTooLarge, UnsupportedInput
from framegate.testing import mp4
from framegate.testing.clips import Tone, make_clip
from taking_in import look

F = Fraction


def patched(path: Path, kind: bytes, change: Callable[[bytes], bytes]) -> Path:
    path.write_bytes(mp4.replace(path.read_bytes(), kind, change))
    return path


def test_a_plain_clip_is_known_exactly(tmp_path: Path) -> None:
    facts = look(make_clip(tmp_path / "a.mp4", audio=[Tone(language="deu")]))
    video = facts.video
    assert (facts.container, facts.truncated, facts.readable_share) == ("mp4", False, 1.0)
    assert (facts.start, facts.duration_measured, facts.duration_claimed) == (0, 2, 2)
    assert (facts.warnings, facts.dropped, facts.corrupt_packets) == ((), (), 0)
    assert (video.codec, video.profile, video.pixel_format) == ("h264", "Main", "yuv420p")
    assert (video.width, video.height) == (video.display_width, video.display_height) == (320, 180)
    assert (video.bit_depth, video.chroma, video.has_alpha) == (8, "420", False)
    assert (video.frames_measured, video.frames_claimed) == (50, 50)
    assert (video.frame_rate.measured, video.frame_rate.variable) == (25, False)
    assert video.frame_rate.longest_interval == F(1, 25)
    assert (video.time_base, video.start, video.duration_measured) == (F(1, 12800), 0, 2)
    assert video.keyframes == (0, 12800)
    assert video.has_b_frames
    (sound,) = facts.audio
    assert (sound.codec, sound.sample_rate, sound.channels, sound.layout, sound.language) == (
        "aac",
        48000,
        2,
        "stereo",
        "deu",
    )
    assert (sound.start, sound.duration_measured) == (0, 2)


@pytest.mark.parametrize(
    ("name", "codec", "container", "found"),
    [
        ("a.mp4", "libx265", "mp4", "hevc"),
        ("a.webm", "libvpx-vp9", "webm", "vp9"),
        ("a.webm", "libvpx", "webm", "vp8"),
        ("a.mp4", "libsvtav1", "mp4", "av1"),
        ("a.mpg", "mpeg2video", "mpeg", "mpeg2video"),
        ("a.ts", "mpeg2video", "mpegts", "mpeg2video"),
        ("a.avi", "mpeg4", "avi", "mpeg4"),
        ("a.mkv", "ffv1", "matroska", "ffv1"),
        ("a.mov", "prores_ks", "mov", "prores"),
        ("a.flv", "flv", "flv", "flv1"),
    ],
)
def test_codecs_and_containers(
    tmp_path: Path, name: str, codec: str, container: str, found: str
) -> None:
    pixel_format = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    facts = look(make_clip(tmp_path / name, codec=codec, pixel_format=pixel_format))
    assert (facts.container, facts.video.codec) == (container, found)
    assert facts.video.frame_rate.measured == 25
    assert not facts.video.frame_rate.variable
    assert (facts.video.frames_measured, facts.video.duration_measured) == (50, 2)
    assert facts.warnings == ()
    assert not facts.truncated


@pytest.mark.parametrize(
    "fps", [F(24000, 1001), F(30000, 1001), F(60), F(50), F(12), F(120000, 1001)]
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_frame_rates_are_exact_whatever_the_clock(tmp_path: Path, name: str, fps: Fraction) -> None:
    facts = look(make_clip(tmp_path / name, fps=fps))
    assert facts.video.frame_rate.measured == fps
    assert not facts.video.frame_rate.variable
    assert facts.video.duration_measured == facts.video.frames_measured / fps


def test_variable_frame_rate(tmp_path: Path) -> None:
    rate = look(make_clip(tmp_path / "a.mp4", vfr=True)).video.frame_rate
    assert rate.variable
    assert (rate.shortest_interval, rate.longest_interval) == (F(1, 25), F(2, 25))


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", [False, True])
def test_the_display_matrix_is_taken_apart(tmp_path: Path, turn: int, flip: bool) -> None:  # noqa: FBT001
    video = look(make_clip(tmp_path / "a.mov", rotation=turn, flip=flip, seconds=F(1, 5))).video
    assert video.rotation == Rotation(turn, flip)
    upright = (video.display_width, video.display_height)
    assert upright == ((320, 180) if turn in {0, 180} else (180, 320))


def test_clean_aperture(tmp_path: Path) -> None:
    clap = mp4.box(b"clap", struct.pack(">IIIIiIiI", 300, 1, 170, 1, -4, 1, 3, 1))
    path = make_clip(tmp_path / "a.mp4")
    path.write_bytes(mp4.add_to_sample_entry(path.read_bytes(), clap))
    video = look(path).video
    assert video.clean_aperture == Crop(left=6, top=8, right=14, bottom=2)
    assert (video.width, video.height) == (320, 180)
    assert (video.display_width, video.display_height) == (300, 170)


def test_sample_aspect_and_odd_sizes(tmp_path: Path) -> None:
    wide = look(make_clip(tmp_path / "a.mp4", sample_aspect=F(4, 3))).video
    assert (wide.sample_aspect, wide.display_width, wide.display_height) == (F(4, 3), 426, 180)
    odd = look(make_clip(tmp_path / "b.mp4", size=(321, 181), pixel_format="yuv444p")).video
    assert (odd.width, odd.height, odd.display_width, odd.display_height) == (321, 181, 320, 180)
    assert odd.chroma == "444"


def test_ten_bits(tmp_path: Path) -> None:
    video = look(make_clip(tmp_path / "a.mp4", pixel_format="yuv420p10le")).video
    assert (video.bit_depth, video.pixel_format) == (10, "yuv420p10le")


@pytest.mark.parametrize(
    ("size", "tags", "expected"),
    [
        ((1280, 720), (2, 2, 2, 0), ("bt709", "bt709", "bt709", False)),
        ((720, 1280), (2, 2, 2, 0), ("bt709", "bt709", "bt709", False)),
        ((720, 480), (2, 2, 2, 0), ("smpte170m", "smpte170m", "smpte170m", False)),
        ((720, 576), (2, 2, 2, 0), ("bt470bg", "smpte170m", "bt470bg", False)),
        ((320, 180), (1, 1, 1, 2), ("bt709", "bt709", "bt709", True)),
        ((1280, 720), (6, 6, 6, 1), ("smpte170m", "smpte170m", "smpte170m", False)),
    ],
)
def test_colour_claimed_and_meant(
    tmp_path: Path,
    size: tuple[int, int],
    tags: tuple[int, int, int, int],
    expected: tuple[str, str, str, bool],
) -> None:
    clip = make_clip(tmp_path / "a.mp4", size=size, colour=tags, seconds=F(1, 5))
    colour = look(clip).video.colour
    assert (colour.primaries, colour.transfer, colour.matrix, colour.full_range) == expected
    claimed = (colour.primaries_claimed, colour.transfer_claimed, colour.matrix_claimed)
    assert claimed == ((None, None, None) if tags[0] == 2 else expected[:3])


@pytest.mark.parametrize(("transfer", "kind"), [(16, HdrKind.PQ), (18, HdrKind.HLG)])
def test_high_dynamic_range(tmp_path: Path, transfer: int, kind: HdrKind) -> None:
    video = look(
        make_clip(
            tmp_path / "a.mp4",
            codec="libx265",
            pixel_format="yuv420p10le",
            colour=(9, transfer, 9, 1),
            seconds=F(1, 5),
        )
    ).video
    assert video.hdr is kind
    assert video.colour.primaries == "bt2020"


@pytest.mark.parametrize(
    ("profile", "compatible", "kind"),
    [(8, 1, HdrKind.DOLBY_VISION_8), (7, 6, HdrKind.DOLBY_VISION_OTHER), (5, 0, None)],
)
def test_dolby_vision(tmp_path: Path, profile: int, compatible: int, kind: HdrKind | None) -> None:
    path = make_clip(
        tmp_path / "a.mp4", codec="libx265", pixel_format="yuv420p10le", seconds=F(1, 5)
    )
    record = bytes([1, 0, profile << 1, 6 << 3 | 0b101, compatible << 4]) + bytes(19)
    box = mp4.box(b"dvcC" if profile < 8 else b"dvvC", record)
    path.write_bytes(mp4.add_to_sample_entry(path.read_bytes(), box))
    if kind is None:
        with pytest.raises(UnsupportedInput, match="profile 5"):
            look(path)
    else:
        assert look(path).video.hdr is kind


@pytest.mark.parametrize("flags", ["", "tff=1", "bff=1"])
@pytest.mark.parametrize("kind", ["progressive", "top", "bottom"])
def test_interlacing_is_measured_whatever_is_flagged(
    tmp_path: Path, clips: Path, kind: str, flags: str
) -> None:
    frames = footage.pictures_of(clips / "bikes.mp4", 80)
    if kind != "progressive":
        frames = footage.woven(frames, top_first=kind == "top")
    options = {"crf": "10", "x264-params": flags}
    video = look(footage.write(tmp_path / "a.mkv", frames, options=options)).video
    assert video.interlaced_flagged == (1.0 if flags else 0.0)
    assert video.telecine is Telecine.NONE
    if kind == "progressive":
        assert video.interlaced_measured < 0.02
        assert video.field_order_measured is FieldOrder.PROGRESSIVE
    else:
        assert video.interlaced_measured > 0.9
        assert video.field_order_measured.value == f"{kind}-first"


def page(rows: int, pitch: int) -> NDArray[np.uint8]:
    """Lines of text as a screen shows it; ruled like a table between them, where ``pitch`` is 6."""
    luma = np.full((rows, 640), 255, np.uint8)
    for number, row in enumerate(range(16, rows, 18)):
        text = " ".join(("return", "value", "import", "none", "error", "index")[number % 4 :] * 3)
        start = (20 + number % 4 * 30, row)
        cv2.putText(luma, text, start, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 0, 1, cv2.LINE_AA)
    if pitch:
        luma[::pitch] = 160
        luma[::18] = 0
    return luma


@pytest.mark.parametrize(("speed", "pitch"), [(2, 0), (-2, 0), (1, 6), (3, 6)])
@pytest.mark.parametrize("interlaced", [False, True])
def test_scrolling_text_is_what_it_is(
    tmp_path: Path, speed: int, pitch: int, *, interlaced: bool
) -> None:
    # its even rows look otherwise than its odd ones, which idet takes for fields
    sheet = page(800, pitch)
    first = 0 if speed > 0 else 300
    pictures = [footage.grey(sheet[first + at * speed :][:360]) for at in range(100)]
    frames = footage.woven(pictures, top_first=True) if interlaced else pictures[:50]
    video = look(footage.write(tmp_path / "a.mkv", frames, options={"crf": "23"})).video
    if interlaced:
        assert video.interlaced_measured > 0.5
        assert video.field_order_measured is FieldOrder.TOP_FIRST
    else:
        assert video.interlaced_measured < 0.05


def test_a_still_picture_shows_no_fields(tmp_path: Path) -> None:
    still = [footage.grey(footage.numbered(5)) for _ in range(30)]
    video = look(footage.write(tmp_path / "a.mkv", still)).video
    assert (video.interlaced_measured, video.field_order_measured) == (0.0, FieldOrder.UNKNOWN)


@pytest.mark.parametrize(
    ("name", "start"), [("a.ts", F(10)), ("a.mkv", F(3, 2)), ("a.mp4", F(3, 2))]
)
def test_start_times(tmp_path: Path, name: str, start: Fraction) -> None:
    facts = look(make_clip(tmp_path / name, start=start))
    assert (facts.start, facts.video.start, facts.video.duration_measured) == (start, start, 2)
    assert not facts.truncated


def test_an_edit_list_hides_frames_but_not_their_keyframe(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4")

    def later(payload: bytes) -> bytes:
        duration, media_time = struct.unpack(">Ii", payload[8:16])
        return mp4.put(payload, 8, "Ii", duration * 4 // 5, media_time + 10 * 512)

    facts = look(patched(path, b"elst", later))
    assert facts.has_edit_list
    assert (facts.video.start, facts.video.frames_measured) == (0, 40)
    assert facts.video.duration_measured == F(8, 5)
    assert facts.video.keyframes == (-10 * 512, 15 * 512)
    assert not facts.truncated


def test_one_frame(tmp_path: Path) -> None:
    facts = look(make_clip(tmp_path / "a.mp4", seconds=F(1, 25)))
    assert (facts.video.frames_measured, facts.video.duration_measured) == (1, F(1, 25))
    assert facts.video.frame_rate.measured == 25


def test_a_truncated_file_says_how_much_is_there(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", seconds=F(4), mux_options={"movflags": "+faststart"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    facts = look(path)
    assert facts.truncated
    assert facts.duration_claimed == 4
    assert 0.6 < facts.readable_share < 0.9
    assert float(facts.duration_measured) == pytest.approx(4 * facts.readable_share)
    assert facts.video.frame_rate.measured == 25


def test_a_wrong_extension_is_told(tmp_path: Path) -> None:
    facts = look(make_clip(tmp_path / "a.mkv").rename(tmp_path / "a.mp4"))
    assert (facts.container, facts.container_claimed) == ("matroska", "mp4")
    assert facts.warnings == ("named .mp4 but the bytes are matroska",)


@pytest.mark.parametrize(
    "limits",
    [
        SourceLimits(max_pixels=319 * 180),
        SourceLimits(max_frames=49),
        SourceLimits(max_duration_s=1),
        SourceLimits(max_total_pixels=49 * 320 * 180),
        SourceLimits(max_bytes=1000),
        SourceLimits(max_expansion=10, expansion_floor_bytes=1000),
        SourceLimits(max_streams=1),
    ],
)
def test_limits(tmp_path: Path, limits: SourceLimits) -> None:
    path = make_clip(tmp_path / "a.mp4", audio=[Tone()])
    look(path)
    with pytest.raises(InputTooLarge):
        look(path, limits=limits)


def test_many_sound_tracks(tmp_path: Path) -> None:
    tones = [Tone(language="deu"), Tone(language="eng", layout="5.1", hertz=220.0)]
    facts = look(make_clip(tmp_path / "a.mkv", audio=tones))
    found = [(a.language, a.channels, a.layout) for a in facts.audio]
    assert found == [("deu", 2, "stereo"), ("eng", 6, "5.1")]


REAL: dict[str, dict[str, object]] = {
    "bigbuckbunny.mp4": {
        "container": "mp4",
        "codec": "h264",
        "size": (1280, 720),
        "rate": F(25),
        "frames": 132,
        "duration": F(132, 25),
        "matrix": "bt709",
        "layouts": ["5.1"],
    },
    "bikes.mp4": {
        "container": "mp4",
        "codec": "h264",
        "size": (640, 272),
        "rate": F(25),
        "frames": 250,
        "duration": F(10),
        "matrix": "smpte170m",
        "layouts": [],
    },
    "cityCC0.mpg": {
        "container": "mpeg",
        "codec": "mpeg2video",
        "size": (720, 404),
        "rate": F(25),
        "frames": 190,
        "duration": F(38, 5),
        "matrix": "smpte170m",
        "layouts": [],
    },
}


@pytest.mark.parametrize("name", REAL)
def test_real_clips(clips: Path, name: str) -> None:
    facts: MediaFacts = look(clips / name)
    video = facts.video
    assert {
        "container": facts.container,
        "codec": video.codec,
        "size": (video.display_width, video.display_height),
        "rate": video.frame_rate.measured,
        "frames": video.frames_measured,
        "duration": video.duration_measured,
        "matrix": video.colour.matrix,
        "layouts": [a.layout for a in facts.audio],
    } == REAL[name]
    assert not facts.truncated
    assert facts.corrupt_packets == 0
    assert not video.frame_rate.variable


def test_sound_without_a_picture_is_noted(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mkv", seconds=F(4), audio=[Tone()])
    path = tmp_path / "early.mkv"
    with av.open(str(whole)) as clip, av.open(str(path), "w") as out:
        copies = {each: out.add_stream_from_template(each) for each in clip.streams}
        for packet in clip.demux():
            stream = packet.stream
            if packet.pts is None or (stream.type == "video" and packet.pts * packet.time_base > 1):
                continue
            packet.stream = copies[stream]
            out.mux(packet)
    facts = look(path)
    assert facts.duration_measured > 3.9
    assert facts.warnings == ("3.0 s of sound have no picture; they are not published",)
