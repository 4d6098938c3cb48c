"""Packages keep the rules of HLS, DASH and CMAF: by their boxes, by decoding, and by a schema.

`framegate.stages.encode.verify` proves the most of it before each publishing; here its proof is
tried on packages that were spoiled, and what it leaves out is tested: that every access point
decodes alone, that levels are the lowest, that the MPD is valid.
"""

import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import xmlschema
from numpy.typing import NDArray

import caption_tracks
import encoded
import tracks
from framegate.domain.ladder import EncodeOptions, EncodePlan, VideoCodec
from framegate.domain.pertitle import LadderMode
from framegate.domain.sound import AudioCodec
from framegate.errors import Internal
from framegate.security.sandbox.host import ForkServer
from framegate.stages.encode import manifests
from framegate.stages.encode.held_track import read_listed
from framegate.stages.encode.package import package
from framegate.stages.encode.verify import verify
from framegate.testing.clips import ClipSpec, Tone, make_clip
from levels import smallest_level

SCHEMA = Path(__file__).parent / "mpd.xsd"
ISO_SCHEMA = os.environ.get("FRAMEGATE_DASH_XSD")
"""Path of the standard's own DASH-MPD.xsd, for who has it: its licence lets nobody pass it on."""

CLIP = ClipSpec(
    size=(640, 360),
    fps=Fraction(30000, 1001),
    seconds=Fraction(9),
    audio=(Tone(language="eng"), Tone(language="deu", hertz=880.0)),
)
SHORT = EncodeOptions(max_short_side=240, chunk_s=4, ladder=LadderMode.FIXED)
CASES: dict[str, tuple[ClipSpec | str, EncodeOptions]] = {
    "H.264, AAC, 29.97 fps, two languages": (CLIP, SHORT),
    "H.265 of a real clip": ("bikes.mp4", replace(SHORT, codec=VideoCodec.H265)),
    "AV1, Opus, 60 fps, two languages": (
        replace(CLIP, fps=Fraction(60)),
        replace(SHORT, codec=VideoCodec.AV1, audio_codec=AudioCodec.OPUS, preset="10"),
    ),
}


@dataclass(frozen=True, slots=True)
class Made:
    plan: EncodePlan
    out: Path


@pytest.fixture(scope="module", params=CASES)
def made(
    request: pytest.FixtureRequest, clips: Path, tmp_path_factory: pytest.TempPathFactory
) -> Made:
    source, options = CASES[request.param]
    work = tmp_path_factory.mktemp("made")
    path = clips / source if isinstance(source, str) else make_clip(work / "source.mp4", source)
    with ForkServer() as sandbox:
        done = encoded.encode(sandbox, path, work, options, proof=False)
    assert len(done.plan.chunks) > 1
    return Made(done.plan, done.out)


def playlists(out: Path, *, iframes: bool) -> Iterator[tuple[str, manifests.MediaPlaylist]]:
    for variant in manifests.parse_master((out / "hls/master.m3u8").read_text()):
        playlist = manifests.parse_media((out / "hls" / variant.uri).read_text())
        if playlist.iframes_only == iframes:
            yield variant.tag, playlist


def pictures(init: Path, *parts: bytes) -> list[NDArray[Any]]:
    """Luma of all frames that decode from an initialisation segment and bytes after it."""
    with av.open(io.BytesIO(init.read_bytes() + b"".join(parts)), "r", format="mp4") as container:
        container.streams.video[0].codec_context.thread_count = 1
        return [frame.reformat(format="gray").to_ndarray() for frame in container.decode(video=0)]


def test_the_mpd_is_valid(made: Made) -> None:
    for schema in filter(None, (SCHEMA, ISO_SCHEMA)):
        xmlschema.XMLSchema(str(schema)).validate(str(made.out / "dash/manifest.mpd"))


def test_the_schema_refuses_another_order() -> None:
    # as Shaka Packager writes it
    mpd = """<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:x:y"
      type="static" mediaPresentationDuration="PT1S" minBufferTime="PT2S"><Period>
      <AdaptationSet contentType="audio"><Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
      <Label>English</Label><Representation id="0" bandwidth="1"><BaseURL>a</BaseURL>
      </Representation></AdaptationSet></Period></MPD>"""
    with pytest.raises(xmlschema.XMLSchemaValidationError, match="Label"):
        xmlschema.XMLSchema(str(SCHEMA)).validate(mpd)


def test_the_mpd_of_a_package_with_captions_is_valid(tmp_path: Path) -> None:
    plan, videos, audios = tracks.make(tmp_path, Fraction(25), 100, audio=1, names=("180p",))
    cues = [caption_tracks.cue(0.5, 1.5, "Good <evening> & welcome")]
    captions = [
        caption_tracks.made(tmp_path, "en", cues, language="en", label="English", default=True),
        caption_tracks.made(tmp_path, "en-2", cues, language="en", hearing_impaired=True),
        caption_tracks.made(tmp_path, "pt-BR", cues, language="pt-BR", forced=True),
        caption_tracks.made(tmp_path, "other", cues),
    ]
    package(tracks.context(tmp_path), plan, videos, audios, tmp_path / "out", captions=captions)
    mpd = tmp_path / "out/dash/manifest.mpd"
    assert mpd.read_text().count('contentType="text"') == len(captions)
    for schema in filter(None, (SCHEMA, ISO_SCHEMA)):
        xmlschema.XMLSchema(str(schema)).validate(str(mpd))


def test_every_segment_decodes_alone_and_alike(made: Made) -> None:
    """Closed GOPs: a segment without what comes before gives the pictures that the whole gives."""
    for tag, playlist in playlists(made.out, iframes=False):
        if tag != "STREAM-INF":
            continue
        init = made.out / "hls" / (playlist.init or "")
        parts = [(made.out / "hls" / entry.uri).read_bytes() for entry in playlist.segments]
        whole = pictures(init, *parts)
        assert len(parts) > 1
        alone = [picture for part in parts for picture in pictures(init, part)]
        assert len(alone) == len(whole)
        assert all(np.array_equal(one, other) for one, other in zip(alone, whole, strict=True))


def test_every_iframe_entry_is_one_picture_of_its_time(made: Made) -> None:
    whole: dict[str, list[NDArray[Any]]] = {}
    for _, playlist in playlists(made.out, iframes=False):
        if playlist.track in {rendition.name for rendition in made.plan.renditions}:
            init = made.out / "hls" / (playlist.init or "")
            parts = [(made.out / "hls" / entry.uri).read_bytes() for entry in playlist.segments]
            whole[playlist.track] = pictures(init, *parts)
    rates = {rendition.name: rendition.frame_rate for rendition in made.plan.renditions}
    for _, playlist in playlists(made.out, iframes=True):
        init = made.out / "hls" / (playlist.init or "")
        at = Fraction(0)
        for entry in playlist.segments:
            assert entry.offset is not None
            assert entry.length is not None
            data = (made.out / "hls" / entry.uri).read_bytes()
            (picture,) = pictures(init, data[entry.offset : entry.offset + entry.length])
            number = round(at * rates[playlist.track])
            assert np.array_equal(picture, whole[playlist.track][number])
            at += entry.duration


def test_levels_are_the_lowest_that_fit(made: Made) -> None:
    for rendition in made.plan.renditions:
        text = (made.out / f"hls/{rendition.name}.m3u8").read_text()
        entry = read_listed(made.out / "hls", manifests.parse_media(text)).entry
        lowest = smallest_level(
            entry.kind, entry.width, entry.height, rendition.frame_rate, rendition.maxrate
        )
        assert entry.level == lowest.number, (rendition.name, entry, lowest)


def test_bandwidths_are_those_of_the_files(made: Made) -> None:
    """By sizes on the disk and listed durations, with RFC 8216's own words (4.3.4.2)."""
    measured: dict[str, tuple[float, float]] = {}
    for variant in manifests.parse_master((made.out / "hls/master.m3u8").read_text()):
        playlist = manifests.parse_media((made.out / "hls" / variant.uri).read_text())
        if playlist.iframes_only:
            continue
        sizes = [(made.out / "hls" / entry.uri).stat().st_size for entry in playlist.segments]
        lengths = [float(entry.duration) for entry in playlist.segments]
        bits, times = [0, *accumulate(sizes)], [0.0, *accumulate(lengths)]
        windows = [
            8 * (bits[last] - bits[first]) / (times[last] - times[first])
            for first in range(len(sizes))
            for last in range(first + 1, len(sizes) + 1)
            if 0.5 * playlist.target_s <= times[last] - times[first] <= 1.5 * playlist.target_s
        ]
        measured[variant.uri] = (max(windows), 8 * sum(sizes) / sum(lengths))
    sound = [rates for uri, rates in measured.items() if uri.startswith("audio")]
    assert bool(sound) == bool(made.plan.audio)
    for variant in manifests.parse_master((made.out / "hls/master.m3u8").read_text()):
        if variant.tag == "STREAM-INF":
            peak, mean = (
                own + max((rates[kind] for rates in sound), default=0)
                for kind, own in enumerate(measured[variant.uri])
            )
            assert int(variant.attributes["BANDWIDTH"]) >= int(peak)
            assert int(variant.attributes["AVERAGE-BANDWIDTH"]) == pytest.approx(mean, rel=0.1)


@pytest.fixture(scope="module")
def sound_one(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """9.009 s at 24000/1001 with two audio tracks, which verify finds nothing wrong with."""
    work = tmp_path_factory.mktemp("sound")
    plan, videos, audios = tracks.make(work, Fraction(24000, 1001), 216, audio=2)
    package(tracks.context(work), plan, videos, audios, work / "package")
    return Made(plan, work / "package")


def text(pattern: str, change: str) -> Callable[[bytes], bytes]:
    """Change the first place that matches."""

    def spoil(content: bytes) -> bytes:
        changed, count = re.subn(pattern, change, content.decode(), count=1)
        assert count == 1
        assert changed != content.decode()
        return changed.encode()

    return spoil


def first_byte_after(mark: bytes, skip: int, value: int) -> Callable[[bytes], bytes]:
    """Set one byte at a distance from the end of a mark."""

    def spoil(content: bytes) -> bytes:
        at = content.index(mark) + len(mark) + skip
        assert content[at] != value
        return content[:at] + bytes([value]) + content[at + 1 :]

    return spoil


def no_idr(content: bytes) -> bytes:
    """The first IDR slice becomes a plain one; the sync flag still says otherwise."""
    at = content.index(b"mdat") + 4
    while content[at + 4] & 0x1F != 5:
        at += 4 + int.from_bytes(content[at : at + 4], "big")
    return content[: at + 4] + bytes([content[at + 4] & 0xE0 | 1]) + content[at + 5 :]


MASTER, MPD = "hls/master.m3u8", "dash/manifest.mpd"
SPOILED: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "level": (MASTER, text("avc1.64001e", "avc1.640028"), "is avc1.64001e, not avc1.640028"),
    "sound's codec": (MASTER, text("mp4a.40.2", "mp4a.40.5"), "is heard as"),
    "resolution": (MASTER, text("640x360", "640x368"), "not 640x368"),
    "frame rate": (MASTER, text("23.976", "24.000"), "23.976 fps, not 24.000"),
    "peak": (MASTER, text(r":BANDWIDTH=\d+", ":BANDWIDTH=517020"), "a peak of"),
    "mean": (MASTER, text(r"AVERAGE-BANDWIDTH=\d+", "AVERAGE-BANDWIDTH=440000"), "a mean of"),
    "I-frames' level": (
        MASTER,
        text(r"(I-FRAME-STREAM-INF.*)avc1.64001e", r"\1avc1.640028"),
        "is avc1.64001e, not avc1.640028",
    ),
    "channels": (MASTER, text('CHANNELS="2"', 'CHANNELS="6"'), "other CHANNELS"),
    "default not selected": (MASTER, text("AUTOSELECT=YES", "AUTOSELECT=NO"), "not selected"),
    "independence": (MASTER, text("#EXT-X-INDEPENDENT-SEGMENTS", ""), "stand alone"),
    "duration": ("hls/360p.m3u8", text("EXTINF:4.004", "EXTINF:4.009"), "lasts 4.004000 s"),
    "target": ("hls/360p.m3u8", text("DURATION:4", "DURATION:5"), "target duration"),
    "I-frame's place": ("hls/180p-iframes.m3u8", text("@40", "@41"), "names other bytes"),
    "I-frame's length": ("hls/180p-iframes.m3u8", text(r"RANGE:\d+", "RANGE:2900"), "other bytes"),
    "I-frame's time": ("hls/180p-iframes.m3u8", text("EXTINF:2.002", "EXTINF:2.1"), "lasts 2.00"),
    "MPD: codec": (MPD, text("avc1.64001e", "avc1.640028"), "not avc1.640028"),
    "MPD: time": (MPD, text('S t="0" d="96096"', 'S t="0" d="96000"'), "another time in the MPD"),
    "MPD: rate": (MPD, text(r'bandwidth="\d+"', 'bandwidth="400000"'), "has a peak of"),
    "MPD: buffer": (MPD, text(r'minBufferTime="\w+\.\w+"', 'minBufferTime="PT0.01S"'), "a buffer"),
    "MPD: access": (MPD, text(' startWithSAP="1"', ""), "SAP type 1"),
    "MPD: frame rate": (MPD, text("24000/1001", "24"), "fps, not 24"),
    "MPD: size": (MPD, text(' height="360"', ' height="368"'), "in the MPD"),
    "MPD: length": (MPD, text("PT9.009S", "PT9.5S"), "the MPD lasts 9.5"),
    "no IDR picture": ("media/360p/00002.m4s", no_idr, "GOP without a keyframe"),
    "another level in the box": (
        "media/360p/init.mp4",
        first_byte_after(b"avcC", 3, 12),
        "too big or fast for avc1 level 1.2",
    ),
    "an edit that hides a picture": (
        "media/180p/init.mp4",
        first_byte_after(b"elst", 15, 0),
        "starts at",
    ),
}


@pytest.mark.parametrize("what", SPOILED)
def test_verify_refuses_a_package_that_was_spoiled(
    sound_one: Made, tmp_path: Path, what: str
) -> None:
    name, spoil, why = SPOILED[what]
    out = tmp_path / "package"
    shutil.copytree(sound_one.out, out)
    verify(out, sound_one.plan)
    path = out / name
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(Internal, match=re.escape(why)):
        verify(out, sound_one.plan)
