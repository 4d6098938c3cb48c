"""Caption tracks in a package: manifests, segments, and what `verify` refuses."""

from fractions import Fraction
from pathlib import Path

import pytest

import caption_tracks
import tracks
from caption_tracks import cue
from framegate.domain.captions import CaptionTrack
from framegate.domain.ladder import EncodePlan
from framegate.domain.package import Packaged, TrackKind
from framegate.errors import Internal
from framegate.stages.encode import manifests, subtitles
from framegate.stages.encode.package import package
from framegate.storage.local import WorkLost

NS = manifests.DASH


def made(work: Path) -> list[CaptionTrack]:
    cues = [cue(0.5, 1.5, "one"), cue(1.9, 2.3, "late")]
    return [
        caption_tracks.made(work, "en", cues, language="en", label='A, "b"', default=True),
        caption_tracks.made(work, "de-forced", cues, language="de", forced=True),
        caption_tracks.made(work, "CC1", cues, hearing_impaired=True),
    ]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EncodePlan, Packaged]:
    work = tmp_path_factory.mktemp("subtitles")
    plan, videos, audios = tracks.make(work, Fraction(25), 60, names=("180p",))
    out = work / "package"
    return out, plan, package(tracks.context(work), plan, videos, audios, out, captions=made(work))


def test_hls_lists_them_with_their_flags(packed: tuple[Path, EncodePlan, Packaged]) -> None:
    out, _plan, _packaged = packed
    variants = manifests.parse_master((out / "hls/master.m3u8").read_text("utf-8"))
    said = [v.attributes for v in variants if v.attributes.get("TYPE") == "SUBTITLES"]
    assert [(v["URI"], v["DEFAULT"], v["FORCED"], v["AUTOSELECT"]) for v in said] == [
        ("text-en.m3u8", "YES", "NO", "YES"),
        ("text-de-forced.m3u8", "NO", "YES", "YES"),
        ("text-CC1.m3u8", "NO", "NO", "YES"),
    ]
    assert [v.get("LANGUAGE") for v in said] == ["en", "de", None]
    assert "describes-music-and-sound" in said[2]["CHARACTERISTICS"]
    streams = [v.attributes for v in variants if v.tag == "STREAM-INF"]
    assert streams
    assert all(v["SUBTITLES"] == "text" for v in streams)
    playlist = manifests.parse_media((out / "hls/text-en.m3u8").read_text("utf-8"))
    assert sum(segment.duration for segment in playlist.segments) == Fraction(60, 25)
    first = (out / "media/text-en/00001.vtt").read_text("utf-8")
    assert first.startswith("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n")


def test_dash_lists_them_with_their_roles(packed: tuple[Path, EncodePlan, Packaged]) -> None:
    out, _plan, _packaged = packed
    root = manifests.read_xml((out / "dash/manifest.mpd").read_text("utf-8"))
    sets = [each for each in root.iter(f"{NS}AdaptationSet") if each.get("contentType") == "text"]
    assert [each.get("lang") for each in sets] == ["en", "de", None]
    assert [[role.get("value") for role in each.iter(f"{NS}Role")] for each in sets] == [
        ["subtitle", "main"],
        ["forced-subtitle"],
        ["caption"],
    ]
    assert len(list(sets[2].iter(f"{NS}Accessibility"))) == 1
    files = [each.text or "" for one in sets for each in one.iter(f"{NS}BaseURL")]
    assert all((out / "dash" / name).resolve().is_file() for name in files)
    ids = [each.get("id") for each in root.iter(f"{NS}AdaptationSet")]
    assert len(set(ids)) == len(ids)


def test_the_package_tells_its_text_tracks(packed: tuple[Path, EncodePlan, Packaged]) -> None:
    out, _plan, packaged = packed
    text = [track for track in packaged.tracks if track.kind is TrackKind.TEXT]
    assert [track.name for track in text] == ["text-en", "text-de-forced", "text-CC1"]
    assert all(
        track.size_bytes == sum(f.stat().st_size for f in (out / "media" / track.name).iterdir())
        for track in text
    )
    assert "captions/en.vtt" in packaged.files


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("hls/master.m3u8", 'SUBTITLES="text"', 'SUBTITLES="other"'),
        ("hls/text-en.m3u8", "#EXT-X-ENDLIST", ""),
        ("hls/text-en.m3u8", "EXTINF:2.4", "EXTINF:2.5"),
        ("media/text-en/00001.vtt", "late", "early"),
        ("media/text-en/00001.vtt", "MPEGTS:0", "MPEGTS:9"),
        ("captions/en.vtt", "00:00:02.300", "00:00:09.300"),
        ("dash/manifest.mpd", "captions/en.vtt", "captions/de-forced.vtt"),
    ],
)
def test_verify_refuses(
    packed: tuple[Path, EncodePlan, Packaged], name: str, old: str, new: str
) -> None:
    out, plan, _packaged = packed
    told = made(out.parent)
    path = out / name
    whole = path.read_text("utf-8")
    assert old in whole
    path.write_text(whole.replace(old, new), "utf-8")
    try:
        with pytest.raises(Internal):
            subtitles.verify(out, plan, told)
    finally:
        path.write_text(whole, "utf-8")
    subtitles.verify(out, plan, told)


def test_a_file_that_is_not_the_one_that_was_read_is_not_published(tmp_path: Path) -> None:
    plan, videos, audios = tracks.make(tmp_path, Fraction(25), 30, names=("180p",))
    track = caption_tracks.made(tmp_path, "en", [cue(0, 1, "x")])
    (tmp_path / track.path).write_text("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nother\n")
    with pytest.raises(WorkLost):
        package(
            tracks.context(tmp_path), plan, videos, audios, tmp_path / "package", captions=[track]
        )
