"""Captions from real containers, through the real sandbox, into WebVTT."""

import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from av.stream import Disposition
from av.video.frame import PictureType

import tracks
from framegate.domain import webvtt
from framegate.domain.captions import Captions, CaptionsMode, Cue
from framegate.domain.limits import SourceLimits
from framegate.domain.media import MediaFacts, TextFacts
from framegate.security.sandbox.host import ForkServer
from framegate.stages.base import StageContext
from framegate.stages.encode.captions import read_captions
from framegate.stages.encode.package import package
from framegate.stages.probe import probe
from framegate.testing import dtvcc, line21
from framegate.testing.clips import ClipSpec, make_clip
from framegate.testing.subtitles import TextTrack, add_text

RATE = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ForkServer]:
    with ForkServer() as server:
        yield server


def facts_of(context: StageContext, fd: int, path: Path) -> MediaFacts:
    size = path.stat().st_size
    return probe(context, fd, name=path.name, size_bytes=size, limits=SourceLimits())


def read(
    sandbox: ForkServer,
    path: Path,
    mode: CaptionsMode = CaptionsMode.KEEP,
    more: tuple[TextFacts, ...] = (),
) -> tuple[Captions, dict[str, list[Cue]]]:
    context = replace(tracks.context(path.parent), sandbox=sandbox)
    fd = os.open(path, os.O_RDONLY)
    try:
        facts = facts_of(context, fd, path)
        facts = replace(facts, text=(*facts.text, *more))
        found = read_captions(context, fd, facts, mode)
    finally:
        os.close(fd)
    return found, {
        track.name: list(webvtt.parse((path.parent / track.path).read_text("utf-8")))
        for track in found.tracks
    }


CUES = [
    (123, 1_456, r"{\i1}Hello{\i0} & you\Nsecond line"),
    (1_000, 2_001, r"meanwhile --> elsewhere"),
    (1_700, 9_000, r"{\p1}m 0 0 l 9 9{\p0}until the end"),
]
TEXTS = ["Hello & you\nsecond line", "meanwhile --> elsewhere", "until the end"]


@pytest.mark.parametrize(
    ("codec", "container", "name"),
    [
        ("mov_text", "mp4", "mov_text"),
        ("mov_text", "mov", "mov_text"),
        ("srt", "mkv", "subrip"),
        ("ass", "mkv", "ass"),
        ("webvtt", "mkv", "webvtt"),
        ("webvtt", "webm", "webvtt"),
    ],
)
def test_text_tracks_keep_words_and_times(
    sandbox: ForkServer, tmp_path: Path, codec: str, container: str, name: str
) -> None:
    # without B-frames, whose packets lose their decode times in a copy
    plain = {} if container == "webm" else {"bf": "0"}
    clip = make_clip(
        tmp_path / f"clip.{container}",
        ClipSpec(codec="libvpx-vp9" if container == "webm" else "libx264", codec_options=plain),
    )
    overlap = codec != "mov_text"  # whose samples cannot
    cues = [cue for cue in CUES if overlap or not cue[2].startswith("meanwhile")]
    if not overlap or codec in {"srt", "webvtt"}:  # the encoders know no drawings
        cues[-1] = (*cues[-1][:2], "until the end")
    path = add_text(
        clip, tmp_path / f"out.{container}", [TextTrack(codec, cues, language="ger", title="T")]
    )
    found, files = read(sandbox, path)
    assert [(track.codec, track.language, track.label) for track in found.tracks] == [
        (name, "de", "German")
    ]
    assert list(files) == ["de"]
    wanted = [text for text in TEXTS if overlap or not text.startswith("meanwhile")]
    assert [cue.text for cue in files["de"]] == wanted
    times = [(cue.start, cue.end) for cue in files["de"]]
    # the last one is cut where the picture ends
    expected = [(start, min(end, 2_000)) for start, end, _text in cues]
    for (start, end), said in zip(times, expected, strict=True):
        assert abs(start - Fraction(said[0], 1000)) <= Fraction(1, 1000)
        assert abs(end - Fraction(said[1], 1000)) <= Fraction(1, 1000)


def test_names_flags_and_languages_are_kept(sandbox: ForkServer, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv")
    cue = [(100, 900, "x")]
    path = add_text(
        clip,
        tmp_path / "out.mkv",
        [
            TextTrack("srt", cue, "eng", disposition=int(Disposition.default)),
            TextTrack("srt", cue, "eng", "Signs", int(Disposition.forced)),
            TextTrack("srt", cue, "eng", disposition=int(Disposition.hearing_impaired)),
            TextTrack("ass", cue, title='A "name", with, commas'),
            TextTrack("srt", [], "fre"),
        ],
    )
    found, _files = read(sandbox, path)
    assert [(t.name, t.label, t.default, t.forced, t.hearing_impaired) for t in found.tracks] == [
        ("en", "English", True, False, False),
        ("en-forced", "English (Signs)", False, True, False),
        ("en-sdh", "English (SDH)", False, False, True),
        ("und", "A 'name', with, commas", False, False, False),
    ]
    assert found.dropped == ("track 5: subrip, French: without any text",)


@pytest.mark.parametrize("start", [0, 90])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_captions_in_the_picture_show_on_their_frame(
    sandbox: ForkServer, tmp_path: Path, codec: str, start: int
) -> None:
    show, erase = line21.END_OF_CAPTION, line21.ERASE_DISPLAYED
    first = line21.together(
        line21.ending_at(30, line21.pop_on(["HELLO THERE", "GENERAL"])),
        line21.starting_at(30, line21.command(show)),
        line21.ending_at(60, line21.pop_on(["SECOND"])),
        line21.starting_at(60, line21.command(show)),
        line21.starting_at(80, line21.command(erase)),
    )
    second = line21.together(
        line21.ending_at(45, line21.pop_on(["HOLA"], channel=3)),
        line21.starting_at(45, line21.command(show, channel=3)),
    )
    path = line21.write(
        tmp_path / ("c.mkv" if codec == "libx264" else "c.ts"),
        (first, second),
        frames=100,
        codec=codec,
        start=start,
    )
    found, files = read(sandbox, path)
    assert [(t.name, t.label, t.hearing_impaired) for t in found.tracks] == [
        ("CC1", "CC1", True),
        ("CC3", "CC3", True),
    ]
    assert [cue.text for cue in files["CC1"]] == ["HELLO THERE\nGENERAL", "SECOND"]
    assert [cue.text for cue in files["CC3"]] == ["HOLA"]
    for cue, frames in zip(files["CC1"], [(30, 60), (60, 80)], strict=True):
        for time, frame in zip((cue.start, cue.end), frames, strict=True):
            assert abs(time - frame / RATE) < 1 / RATE
    assert abs(files["CC3"][0].start - 45 / RATE) < 1 / RATE
    assert abs(files["CC3"][0].end - 100 / RATE) < 1 / RATE
    assert found.dropped == ()


def services() -> dtvcc.Triples:
    """Service 1 pops on at frame 30 and ends at 80; service 2 rolls up from 40 on."""
    writer = dtvcc.Writer()
    rolling = dtvcc.define(0, 2, 42, visible=True) + dtvcc.window_attributes()
    return dtvcc.together(
        dtvcc.ending_at(30, writer.say(1, dtvcc.pop_on(["Hello there…", "General ♪"]))),
        {30: writer.say(1, dtvcc.display(0))},
        {40: writer.say(2, rolling, dtvcc.pen_location(1, 0), dtvcc.text("¡Señor!"))},
        {60: writer.say(2, dtvcc.CARRIAGE_RETURN, dtvcc.text("¿Qué?"))},
        {80: writer.say(1, dtvcc.delete(0))},
    )


SAID = [("Hello there…\nGeneral ♪", 30, 80)]
ROLLED = [("¡Señor!", 40, 60), ("¡Señor!\n¿Qué?", 60, 100)]


def near(cues: list[Cue], wanted: list[tuple[str, int, int]]) -> None:
    assert [cue.text for cue in cues] == [text for text, _start, _end in wanted]
    for cue, (_text, *frames) in zip(cues, wanted, strict=True):
        for time, frame in zip((cue.start, cue.end), frames, strict=True):
            assert abs(time - frame / RATE) < 1 / RATE


@pytest.mark.parametrize(
    ("codec", "name"), [("libx264", "c.mkv"), ("libx264", "c.ts"), ("mpeg2video", "c.ts")]
)
def test_services_of_cea_708_alone_are_tracks(
    sandbox: ForkServer, tmp_path: Path, codec: str, name: str
) -> None:
    path = line21.write(
        tmp_path / name, ({}, {}), frames=100, codec=codec, start=9, services=services()
    )
    found, files = read(sandbox, path)
    assert [(t.name, t.label, t.codec, t.source, t.language) for t in found.tracks] == [
        (f"SERVICE{n}", f"Service {n}", "eia_708", f"track 0, SERVICE{n}", "und") for n in (1, 2)
    ]
    assert all(track.hearing_impaired for track in found.tracks)
    near(files["SERVICE1"], SAID)
    near(files["SERVICE2"], ROLLED)
    assert found.dropped == ()


@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("libx264", {"preset": "ultrafast", "bf": "3", "b-pyramid": "normal"}),
        ("libx265", {"preset": "ultrafast", "x265-params": "bframes=3:log-level=none"}),
    ],
)
def test_services_that_encoders_wrote_into_their_pictures(
    sandbox: ForkServer, tmp_path: Path, encoder: str, options: dict[str, str]
) -> None:
    first = line21.write(tmp_path / "a.mkv", ({}, {}), frames=100, services=services())
    path = tmp_path / "b.mp4"
    with av.open(str(first)) as source, av.open(str(path), "w") as out:
        stream: Any = out.add_stream(encoder, rate=RATE, options={**options, "a53cc": "1"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.time_base = 1 / RATE
        for number, frame in enumerate(source.decode(video=0)):
            frame.pts, frame.time_base, frame.pict_type = number, 1 / RATE, PictureType.NONE
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    _found, files = read(sandbox, path)
    near(files["SERVICE1"], SAID)
    near(files["SERVICE2"], ROLLED)


def test_what_channel_and_service_both_say_is_published_once(
    sandbox: ForkServer, tmp_path: Path
) -> None:
    first = line21.together(
        line21.ending_at(30, line21.pop_on(["HELLO THERE", "GENERAL"])),
        line21.starting_at(30, line21.command(line21.END_OF_CAPTION)),
        line21.starting_at(80, line21.command(line21.ERASE_DISPLAYED)),
    )
    second = line21.together(
        line21.ending_at(40, line21.pop_on(["BONJOUR"], channel=3)),
        line21.starting_at(40, line21.command(line21.END_OF_CAPTION, channel=3)),
    )
    path = line21.write(tmp_path / "c.mkv", (first, second), frames=100, services=services())
    found, files = read(sandbox, path)
    assert list(files) == ["CC3", "SERVICE1", "SERVICE2"]
    assert [cue.text for cue in files["CC3"]] == ["BONJOUR"]
    near(files["SERVICE1"], SAID)
    assert found.dropped == ("track 0, CC1: SERVICE1 says the same",)


def test_damage_to_cea_708_is_told(sandbox: ForkServer, tmp_path: Path) -> None:
    cut = services()
    cut[40] = cut[40][:-1]
    path = line21.write(tmp_path / "c.mkv", ({}, {}), frames=100, services=cut)
    found, files = read(sandbox, path)
    near(files["SERVICE1"], SAID)
    assert found.dropped == ("CEA-708: 1 packet missing or cut short in the source",)


def test_services_go_into_the_package(sandbox: ForkServer, tmp_path: Path) -> None:
    path = line21.write(tmp_path / "c.mkv", ({}, {}), frames=100, services=services())
    found, files = read(sandbox, path)
    plan, videos, audios = tracks.make(tmp_path, RATE, 100, names=("180p",))
    out = tmp_path / "package"
    made = package(tracks.context(tmp_path), plan, videos, audios, out, captions=found.tracks)
    assert {"text-SERVICE1", "text-SERVICE2"} <= {track.name for track in made.tracks}
    whole = webvtt.parse((out / "captions" / "SERVICE2.vtt").read_text("utf-8"))
    segment = webvtt.parse((out / "media/text-SERVICE2/00001.vtt").read_text("utf-8"))
    assert list(whole) == list(segment) == files["SERVICE2"]
    master = (out / "hls/master.m3u8").read_text()
    assert 'NAME="Service 1"' in master
    assert "../captions/SERVICE1.vtt" in (out / "dash/manifest.mpd").read_text()


def test_pictures_of_text_and_what_nobody_wants_is_told(
    sandbox: ForkServer, tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mkv")
    path = add_text(clip, tmp_path / "out.mkv", [TextTrack("srt", [(0, 900, "x")], "eng")])
    pictures = TextFacts(9, "hdmv_pgs_subtitle", "ger")
    teletext = TextFacts(10, "unknown", None)
    found, _files = read(sandbox, path, more=(pictures, teletext))
    assert [track.name for track in found.tracks] == ["en"]
    assert found.dropped == (
        "track 9: hdmv_pgs_subtitle, German: pictures of text, no words",
        "track 10: unknown, language not said: no decoder for it",
    )
    found, _files = read(sandbox, path, CaptionsMode.DROP)
    assert found == Captions(dropped=("track 1: subrip, English: not wanted",))


def test_too_many_cues_are_refused_whole(sandbox: ForkServer, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv")
    many = [(n // 100, n // 100 + 900, f"{n:05}") for n in range(50_010)]
    path = add_text(clip, tmp_path / "out.mkv", [TextTrack("srt", many, "eng")])
    found, _files = read(sandbox, path)
    assert found.tracks == ()
    assert found.dropped == ("track 1: more than 50000 cues",)
