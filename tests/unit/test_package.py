"""Packaging real tracks with the real packager."""

import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import av
import pytest

import tracks
from framegate.domain.ladder import EncodePlan
from framegate.domain.package import Packaged, TrackKind
from framegate.errors import Internal
from framegate.security.sandbox.host import ForkServer
from framegate.stages.encode import manifests
from framegate.stages.encode.package import package
from framegate.stages.encode.verify import verify


def build(work: Path, rate: Fraction, frames: int, **how: Any) -> tuple[EncodePlan, Packaged, Path]:
    plan, videos, audios = tracks.make(work, rate, frames, **how)
    out = work / "package"
    return plan, package(tracks.context(work), plan, videos, audios, out), out


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[EncodePlan, Packaged, Path]:
    """9.009 s at 24000/1001 with two audio tracks, packaged inside the real sandbox, in a folder
    whose name Shaka cannot take.
    """
    work = tmp_path_factory.mktemp("film, 50%=$half")
    plan, videos, audios = tracks.make(work, Fraction(24000, 1001), 216, audio=2)
    with ForkServer() as sandbox:
        context = replace(tracks.context(work), sandbox=sandbox)
        return plan, package(context, plan, videos, audios, work / "package"), work / "package"


def frames_of(out: Path, name: str, kind: str) -> int:
    """Frames that decode from a track's segments."""
    folder = out / "media" / name
    joined = out.parent / f"{name}-joined.mp4"
    parts = [folder / "init.mp4", *sorted(folder.glob("*.m4s"))]
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with av.open(str(joined)) as container:
        return sum(1 for _ in container.decode(**{kind: 0}))


def test_renditions_share_cuts_and_decode_whole(film: tuple[EncodePlan, Packaged, Path]) -> None:
    plan, packaged, out = film
    videos = [track for track in packaged.tracks if track.kind is TrackKind.VIDEO]
    assert [track.segments for track in videos] == [3, 3]
    mpd = manifests.parse_mpd((out / "dash/manifest.mpd").read_text())
    for representation in mpd.representations[:2]:
        starts = [start for _, start, _ in representation.segments]
        assert starts == [0, Fraction(4004, 1000), Fraction(8008, 1000)]
    for name in ("360p", "180p"):
        assert frames_of(out, name, "video") == plan.grid.frames


def test_manifests_carry_what_players_choose_by(
    film: tuple[EncodePlan, Packaged, Path],
) -> None:
    _, _, out = film
    variants = manifests.parse_master((out / "hls/master.m3u8").read_text())
    streams = [v.attributes for v in variants if v.tag == "STREAM-INF"]
    assert [s["RESOLUTION"] for s in streams] == ["640x360", "320x180"]
    assert {s["FRAME-RATE"] for s in streams} == {"23.976"}
    assert all(s["CODECS"].startswith("avc1.") and "mp4a.40.2" in s["CODECS"] for s in streams)
    groups = [v.attributes for v in variants if v.tag == "MEDIA"]
    assert [(g["LANGUAGE"], g.get("DEFAULT")) for g in groups] == [("en", "YES"), ("de", "NO")]
    for variant in variants:
        if variant.tag != "MEDIA":
            have = variant.attributes
            assert int(have["BANDWIDTH"]) >= int(have["AVERAGE-BANDWIDTH"]) > 0


def test_iframe_playlists_name_every_keyframe(film: tuple[EncodePlan, Packaged, Path]) -> None:
    _, _, out = film
    playlist = manifests.parse_media((out / "hls/360p-iframes.m3u8").read_text())
    assert playlist.iframes_only
    assert [round(float(s.duration), 3) for s in playlist.segments] == [2.002] * 4 + [1.001]


def test_nothing_names_a_path_of_this_machine(film: tuple[EncodePlan, Packaged, Path]) -> None:
    _, packaged, out = film
    assert len(packaged.files) == sum(1 for path in out.rglob("*") if path.is_file())
    for name in packaged.files:
        data = (out / name).read_bytes()
        assert b"framegate-" not in data
        assert str(out.parent.parent).encode() not in data


def test_same_tracks_give_same_bytes(film: tuple[EncodePlan, Packaged, Path]) -> None:
    plan, _, out = film
    _, videos, audios = tracks.make(out.parent, plan.grid.frame_rate, 216, audio=2)
    packaged = package(tracks.context(out.parent), plan, videos, audios, out)
    before = {name: hashlib.sha256((out / name).read_bytes()).digest() for name in packaged.files}
    again = package(tracks.context(out.parent), plan, videos, audios, out)
    after = {name: hashlib.sha256((out / name).read_bytes()).digest() for name in again.files}
    assert before == after


@pytest.mark.parametrize(
    ("rate", "frames"), [(Fraction(25), 225), (Fraction(30000, 1001), 1), (Fraction(15), 130)]
)
def test_without_audio(tmp_path: Path, rate: Fraction, frames: int) -> None:
    plan, packaged, out = build(tmp_path, rate, frames, audio=0)
    assert {track.kind for track in packaged.tracks} == {TrackKind.VIDEO}
    assert "AUDIO" not in (out / "hls/master.m3u8").read_text()
    assert frames_of(out, "180p", "video") == plan.grid.frames
    assert bool(packaged.warnings) == (frames < plan.grid.segment_frames)


def test_priming_longer_than_a_frame_is_not_a_late_start(tmp_path: Path) -> None:
    """AAC's priming lasts 21 ms, a frame at 60 fps 17 ms."""
    plan, packaged, _ = build(tmp_path, Fraction(60), 300, audio=1)
    assert [track.name for track in packaged.tracks] == ["360p", "180p", "audio0"]
    assert plan.grid.frame_rate == 60


def test_a_planned_track_that_could_not_be_decoded_is_left_out(tmp_path: Path) -> None:
    plan, videos, audios = tracks.make(tmp_path, Fraction(25), 50, audio=2)
    done = package(tracks.context(tmp_path), plan, videos, audios[:1], tmp_path / "out")
    assert [track.name for track in done.tracks] == ["360p", "180p", "audio0"]


def test_verify_sees_a_missing_segment(tmp_path: Path) -> None:
    plan, _, out = build(tmp_path, Fraction(25), 125, audio=1)
    (out / "media/180p/00002.m4s").unlink()
    with pytest.raises(Internal, match="missing or empty"):
        verify(out, plan)


def test_verify_sees_frames_that_are_not_in_the_plan(tmp_path: Path) -> None:
    work = tmp_path / "work"
    plan, videos, _ = tracks.make(work, Fraction(25), 120, audio=0)
    longer = tracks.plan_for(Fraction(25), 130, audio=0, names=("360p", "180p"))
    with pytest.raises(Internal, match="120 of 130 frames"):
        package(tracks.context(work), longer, videos, [], tmp_path / "out")
    assert plan.grid.frames == 120


def test_verify_sees_cuts_off_the_grid(tmp_path: Path) -> None:
    plan, _, out = build(tmp_path, Fraction(25), 225, audio=0)
    media = out / "media/180p"
    segment = (media / "00002.m4s").read_bytes()
    at = segment.index(b"tfdt") + 8  # version 0: 32 bits
    early = int.from_bytes(segment[at : at + 4], "big") - 512
    moved = segment[:at] + early.to_bytes(4, "big") + segment[at + 4 :]
    (media / "00002.m4s").write_bytes(moved)
    # the second fragment of the segment now follows a gap
    with pytest.raises(Internal, match="decode time jumps"):
        verify(out, plan)


def test_tracks_of_one_language_are_told_apart_and_named(tmp_path: Path) -> None:
    plan, videos, audios = tracks.make(tmp_path, Fraction(25), 50, audio=2)
    names = ("English", 'English (Director\'s "cut", 2)')
    named = [
        replace(track, audio=replace(track.audio, language="en", label=name.replace('"', "'")))
        for track, name in zip(audios, names, strict=True)
    ]
    out = tmp_path / "out"
    package(tracks.context(tmp_path), plan, videos, named, out)
    shown = [names[0], names[1].replace('"', "'")]
    master = manifests.parse_master((out / "hls/master.m3u8").read_text("utf-8"))
    media = [variant.attributes for variant in master if variant.tag == "MEDIA"]
    assert [found["NAME"] for found in media] == shown
    assert [found["DEFAULT"] for found in media] == ["YES", "NO"]
    period = ET.parse(out / "dash/manifest.mpd").getroot()  # noqa: S314 - written by the packager
    sets = [
        found
        for found in period.iter(f"{manifests.DASH}AdaptationSet")
        if found.get("contentType") == "audio"
    ]
    assert [found.findtext(f"{manifests.DASH}Label") for found in sets] == shown
    assert [len(found.findall(f"{manifests.DASH}Representation")) for found in sets] == [1, 1]
