"""The plan for sources of every shape and rate."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import footage
from framegate.domain.ladder import EncodeOptions, Fields, FieldWork, VideoCodec
from framegate.domain.media import (
    AudioFacts,
    FieldOrder,
    FrameRate,
    HdrKind,
    MediaFacts,
    Rotation,
    Telecine,
)
from framegate.domain.pertitle import TrialPoint
from framegate.domain.trial import TrialDone
from framegate.errors import UnsupportedInput
from framegate.stages.encode import ladder, pertitle
from framegate.stages.encode.ladder import plan
from framegate.stages.encode.proof import sampled_windows


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> MediaFacts:
    path = tmp_path_factory.mktemp("plan") / "source.mp4"
    footage.write(path, [footage.grey(footage.numbered(n, 64, 36)) for n in range(10)])
    return footage.facts_of(path)


def shaped(
    facts: MediaFacts,
    width: int = 1920,
    height: int = 1080,
    *,
    measured: Fraction = Fraction(25),
    claimed: Fraction | None = None,
    variable: bool = False,
    seconds: Fraction = Fraction(100),
) -> MediaFacts:
    rate = FrameRate(claimed, measured, variable, 1 / measured / 2, 2 / measured)
    video = replace(
        facts.video,
        display_width=width,
        display_height=height,
        frame_rate=rate,
        duration_measured=seconds,
    )
    return replace(facts, video=video)


@pytest.mark.parametrize(
    ("size", "rungs"),
    [
        ((1920, 1080), ["360p 640x360", "480p 864x486", "720p 1280x720", "1080p 1920x1080"]),
        ((1080, 1920), ["360p 360x640", "480p 486x864", "720p 720x1280", "1080p 1080x1920"]),
        ((640, 272), ["272p 640x272"]),
        ((1920, 816), ["360p 880x374", "480p 1120x476", "816p 1920x816"]),
        ((1280, 720), ["360p 640x360", "480p 864x486", "720p 1280x720"]),
        ((400, 400), ["400p 400x400"]),
        (
            (7680, 4320),
            [
                *("360p 640x360", "480p 864x486", "720p 1280x720"),
                *("1080p 1920x1080", "1440p 2560x1440", "2160p 3840x2160"),
            ],
        ),
    ],
)
def test_rungs(size: tuple[int, int], rungs: list[str], facts: MediaFacts) -> None:
    made = plan(shaped(facts, *size), EncodeOptions()).renditions
    assert [f"{r.name} {r.width}x{r.height}" for r in made] == rungs


def test_no_rung_above_what_was_asked_for(facts: MediaFacts) -> None:
    made = plan(shaped(facts), EncodeOptions(max_short_side=720)).renditions
    assert [r.name for r in made] == ["360p", "480p", "720p"]


@pytest.mark.parametrize(
    ("measured", "claimed", "variable", "chosen"),
    [
        (Fraction(24000, 1001), Fraction(24000, 1001), False, Fraction(24000, 1001)),
        (Fraction(2398, 100), None, False, Fraction(24000, 1001)),  # a millisecond clock
        (Fraction(24), Fraction(24), False, Fraction(24)),
        (Fraction(10), Fraction(10), False, Fraction(10)),
        (Fraction(120), Fraction(120), False, Fraction(60)),
        (Fraction(100), Fraction(100), False, Fraction(50)),
        (Fraction(144), None, False, Fraction(48)),
        (Fraction(287, 10), Fraction(90000), True, Fraction(30000, 1001)),
        (Fraction(3), Fraction(30), True, Fraction(12)),
        (Fraction(240), Fraction(240), True, Fraction(60)),
    ],
)
def test_frame_rates(
    measured: Fraction,
    claimed: Fraction | None,
    chosen: Fraction,
    facts: MediaFacts,
    *,
    variable: bool,
) -> None:
    made = plan(
        shaped(facts, measured=measured, claimed=claimed, variable=variable), EncodeOptions()
    )
    grid = made.grid
    assert grid.frame_rate == chosen
    low = chosen / 2 if chosen > 30 else chosen
    assert [r.frame_rate for r in made.renditions] == [low, chosen, chosen, chosen]
    assert grid.gop_frames == round(2 * chosen)
    assert grid.segment_frames == 2 * grid.gop_frames
    assert abs(grid.frames / chosen - 100) <= 1 / chosen / 2
    changed = abs(chosen - measured) > measured / 1000
    assert any(" → " in note and "fps" in note for note in made.notes) == (changed or low != chosen)


@pytest.mark.parametrize(
    ("mean", "shortest", "chosen"),
    [
        (Fraction(56, 3), Fraction(1, 25), Fraction(25)),  # 25 fps with every fourth frame gone
        (Fraction(29), Fraction(1001, 30000), Fraction(30000, 1001)),
        (Fraction(56, 3), Fraction(1, 60), Fraction(15)),  # one hiccup is no grid
        (Fraction(25), Fraction(1, 1000), Fraction(25)),
    ],
)
def test_a_variable_rate_goes_to_the_grid_it_lost_frames_from_or_to_the_nearest(
    mean: Fraction, shortest: Fraction, chosen: Fraction, facts: MediaFacts
) -> None:
    source = shaped(facts, measured=mean, variable=True)
    rate = replace(source.video.frame_rate, shortest_interval=shortest)
    source = replace(source, video=replace(source.video, frame_rate=rate))
    assert plan(source, EncodeOptions()).grid.frame_rate == chosen


@pytest.mark.parametrize(
    ("size", "measured", "rates"),
    [
        ((1280, 720), Fraction(60), [30, 60, 60]),
        ((1280, 720), Fraction(50), [25, 50, 50]),
        ((1280, 720), Fraction(60000, 1001), [Fraction(30000, 1001), *2 * [Fraction(60000, 1001)]]),
        ((1280, 720), Fraction(48), [24, 48, 48]),
        ((1280, 720), Fraction(30), [30, 30, 30]),
        ((640, 360), Fraction(60), [30]),
        ((640, 360), Fraction(71, 2), [Fraction(71, 4)]),
    ],
)
def test_low_rungs_take_half_of_the_pictures(
    size: tuple[int, int], measured: Fraction, rates: list[Fraction], facts: MediaFacts
) -> None:
    made = plan(
        shaped(facts, *size, measured=measured, seconds=Fraction(3333, 100)), EncodeOptions()
    )
    assert [rung.frame_rate for rung in made.renditions] == rates
    for rung in made.renditions:
        step = rung.step(made.grid)
        assert made.grid.frame_rate == step * rung.frame_rate
        assert made.grid.gop_frames % step == made.grid.frames % step == 0
        for window in sampled_windows(made):
            assert any(number % step == 0 for number in window.scored())
    said = [change.what for change in made.changes if change.what.startswith("Frame rate of")]
    assert said == (["Frame rate of 360p"] if len(set(rates)) > 1 else [])


def test_changes_are_told_of_the_rungs_that_trials_leave(facts: MediaFacts) -> None:
    source = shaped(facts, 1280, 720, measured=Fraction(60))
    made = plan(source, EncodeOptions())
    assert "Frame rate of 360p: 60 fps → 30 fps" in made.notes
    points = tuple(  # small sizes look as good as the largest: no room for a third
        TrialPoint(rung.name, rung.width, rung.height, crf, round(1e6 / crf), 110 - crf)
        for rung in made.renditions
        for crf in (16.0, 22.0, 28.0)
    )
    fitted = pertitle.fit(made, TrialDone(points, ()), source)
    assert "360p" not in [rung.name for rung in fitted.renditions]
    assert fitted.notes == made.notes[1:]
    assert fitted.changes == made.changes[1:]


@pytest.mark.parametrize(
    ("found", "fields", "rate"),
    [
        ({"interlaced_measured": 0.9, "field_order_measured": "bottom-first"}, "fields", 50),
        ({"interlaced_measured": 0.0, "interlaced_flagged": 1.0}, "keep", 25),
        # nothing moves: the flags decide, and half of the pictures would all be alike
        (
            {"field_order_measured": "unknown", "interlaced_flagged": 1.0},
            "frames",
            25,
        ),
        ({"interlaced_measured": 1.0, "telecine": "pictures"}, "film", 20),
        ({"telecine": "flags", "interlaced_flagged": 1.0}, "keep", 25),
    ],
)
def test_what_was_measured_decides_about_fields(
    found: dict[str, Any], fields: str, rate: int, facts: MediaFacts
) -> None:
    video = shaped(facts).video
    told: dict[str, Any] = {
        "field_order_measured": FieldOrder(found.pop("field_order_measured", "progressive")),
        "telecine": Telecine(found.pop("telecine", "none")),
    }
    made = plan(replace(facts, video=replace(video, **told, **found)), EncodeOptions())
    assert made.fields.work == fields
    assert made.grid.frame_rate == rate
    scan = [change.output for change in made.changes if change.what == "Scan"]
    assert scan == ([] if told["telecine"] is Telecine.FLAGS else [SCAN[fields]])


SCAN = {"fields": "progressive", "frames": "progressive", "keep": "progressive"} | {
    "film": "the film's own pictures"
}


def test_the_ceiling_follows_size_rate_and_codec(facts: MediaFacts) -> None:
    def top(codec: VideoCodec, **more: Any) -> int:
        return plan(shaped(facts, **more), EncodeOptions(codec=codec)).renditions[-1].maxrate

    assert top(VideoCodec.H264) == 7_800_000
    assert top(VideoCodec.AV1) < top(VideoCodec.H265) < top(VideoCodec.H264)
    assert top(VideoCodec.H264) < top(VideoCodec.H264, measured=Fraction(60)) < 2 * 7_800_000
    for rendition in plan(shaped(facts), EncodeOptions()).renditions:
        assert rendition.bufsize_bits == 2 * rendition.maxrate


def test_choices_of_the_person_reach_every_rung(facts: MediaFacts) -> None:
    options = EncodeOptions(codec=VideoCodec.H265, preset="slow", crf_offset=-2)
    for rendition in plan(shaped(facts), options).renditions:
        assert (rendition.codec, rendition.preset, rendition.crf) == (VideoCodec.H265, "slow", 24)


def test_what_is_done_to_the_picture_is_said(facts: MediaFacts) -> None:
    video = replace(
        facts.video,
        hdr=HdrKind.PQ,
        bit_depth=10,
        display_width=720,
        display_height=576,
        interlaced_measured=1.0,
        field_order_measured=FieldOrder.TOP_FIRST,
    )
    made = plan(replace(facts, video=video), EncodeOptions())
    assert made.fields == Fields(FieldWork.FIELDS, FieldOrder.TOP_FIRST)
    assert [rung.frame_rate for rung in made.renditions] == [25, 50, 50]
    assert made.notes == (
        "Frame rate: 25 fps of two fields → 50 fps",
        "Frame rate of 360p: 50 fps → 25 fps",
        "Dynamic range: HDR (pq, taken as up to 1000 cd/m²) → SDR BT.709",
        "Bit depth: 10-bit → 8-bit",
        "Scan: interlaced, top-first → progressive",
    )
    assert [(change.what, change.output) for change in made.changes] == [
        ("Frame rate", "50 fps"),
        ("Frame rate of 360p", "25 fps"),
        ("Dynamic range", "SDR BT.709"),
        ("Bit depth", "8-bit"),
        ("Scan", "progressive"),
    ]
    colour = replace(facts.video.colour, matrix="bt709", full_range=False)
    plain = replace(facts, video=replace(facts.video, colour=colour))
    assert plan(plain, EncodeOptions()).notes == ()


@pytest.mark.parametrize(
    ("changed", "options", "note"),
    [
        ({"rotation": Rotation(90)}, {}, "Orientation: stored turned by 90° → upright"),
        (
            {"rotation": Rotation(180, flip_horizontal=True)},
            {},
            "Orientation: stored turned by 180° and stored mirrored → upright",
        ),
        ({"chroma": "444"}, {}, "Colour detail: 4:4:4 → 4:2:0"),
        ({"has_alpha": True}, {}, "Transparency: alpha channel → over black"),
        ({"sample_aspect": Fraction(4, 3)}, {}, "Pixels: 4:3 pixels → square pixels"),
        ({}, {"max_short_side": 720}, "Size: 1920x1080 → 1280x720 at most"),
    ],
)
def test_each_change_of_the_picture_has_its_note(
    facts: MediaFacts, changed: dict[str, Any], options: dict[str, Any], note: str
) -> None:
    colour = replace(facts.video.colour, matrix="bt709", full_range=False)
    video = replace(facts.video, colour=colour, display_width=1920, display_height=1080, **changed)
    assert plan(replace(facts, video=video), EncodeOptions(**options)).notes == (note,)


def test_colours_that_cannot_be_converted_are_refused(facts: MediaFacts) -> None:
    colour = replace(facts.video.colour, matrix="ictcp")
    with pytest.raises(UnsupportedInput, match="ictcp"):
        plan(replace(facts, video=replace(facts.video, colour=colour)), EncodeOptions())


def test_audio_names_are_safe_whatever_the_file_claims(facts: MediaFacts) -> None:
    track = AudioFacts(1, "aac", 48_000, 6, "5.1", "../../E\n", Fraction(0), Fraction(1), True)
    audio = plan(replace(facts, audio=(track,)), EncodeOptions()).audio[0]
    assert audio.name == "audio-1-e"
    assert (audio.channels, audio.sample_rate, audio.codec) == (2, 48_000, "aac")


def sound(language: str | None = None, title: str | None = None, channels: int = 2) -> AudioFacts:
    layout = {1: "mono", 2: "stereo", 6: "5.1(side)"}[channels]
    return AudioFacts(
        1, "aac", 48_000, channels, layout, language, Fraction(0), Fraction(1), False, title
    )


@pytest.mark.parametrize(
    ("tracks", "expected"),
    [
        ([sound()], ["Audio 1"]),
        ([sound("eng"), sound("ger"), sound("pt-BR")], ["English", "German", "Portuguese (BR)"]),
        ([sound("eng", "Stereo")], ["English"]),
        ([sound("eng"), sound("eng", "Commentary")], ["English", "English (Commentary)"]),
        ([sound("eng"), sound("en"), sound("eng")], ["English", "English 2", "English 3"]),
        ([sound(None, "Narrator"), sound("xx")], ["Narrator", "Audio 2"]),
        ([sound("eng"), sound(None, "English")], ["English", "English 2"]),
        ([sound(None, 'a\n"b",DEFAULT=YES\u202e\x00' + "x" * 90)], None),
        ([sound(None, "\u200f \n")], ["Audio 1"]),
    ],
)
def test_viewers_choose_sound_by_a_name(
    facts: MediaFacts, tracks: list[AudioFacts], expected: list[str] | None
) -> None:
    made = plan(replace(facts, audio=tuple(tracks)), EncodeOptions()).audio
    found = [audio.label for audio in made]
    assert len(set(found)) == len(found)
    if expected is None:
        assert found[0].startswith("a 'b',DEFAULT=YES")
        assert len(found[0]) <= 60
        assert found[0].isprintable()
        assert '"' not in found[0]
    else:
        assert found == expected


def test_what_is_done_to_the_sound_is_said(facts: MediaFacts) -> None:
    heard = [
        sound("eng", channels=6),
        sound("ger"),
        replace(sound(), sample_rate=96_000),
        sound("fra", channels=1),
    ]
    tracks = tuple(replace(track, index=index) for index, track in enumerate(heard, 1))
    made = plan(replace(facts, audio=tracks), EncodeOptions())
    told = [note for note in made.notes if note.startswith("Sound")]
    assert told == [
        (
            "Sound, English: 5.1(side) → stereo (ITU-R BS.775, without the low-frequency"
            " channel), and 5.1"
        ),
        "Sound, Audio 3: 96 kHz → 48 kHz",
        "Sound, French: mono → stereo, the same on both sides",
    ]


def test_the_reference_page_has_the_tables_of_the_code() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/encoding.md").read_text("utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith(("| h264", "| h265", "| av1"))
    ]
    assert rows == [
        [
            codec.value,
            f"{ladder.CRF[codec]:g}",
            ladder.DEFAULT_PRESET[codec],
            *(f"{ladder.CEILING[codec][line] // 1000}" for line in ladder.STANDARD_LINES),
        ]
        for codec in VideoCodec
    ]
