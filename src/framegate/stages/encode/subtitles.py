"""Caption tracks in a package: WebVTT segments in HLS, the whole file beside them in DASH.

    captions/<name>.vtt            every cue; DASH names it, and so can any page
    media/text-<name>/00001.vtt …  the same cues, cut where the picture's segments are cut
    hls/text-<name>.m3u8           one rendition of the master playlist's group "text"

Written here and not by Shaka Packager, whose text segments last whole milliseconds and so drift off
the picture's grid. A cue that reaches over a cut is in every segment that it is shown in, as RFC
8216 (3.5) has it. Plain WebVTT is what players and Safari agree on; hls.js has no WebVTT in MP4.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

from framegate.domain import webvtt
from framegate.domain.captions import CaptionTrack, Cue
from framegate.domain.ladder import EncodePlan, Grid
from framegate.domain.layout import CAPTIONS, HLS, MASTER, MEDIA, MPD
from framegate.domain.package import PackagedTrack, TrackKind
from framegate.errors import Internal
from framegate.stages.encode import manifests
from framegate.stages.encode.bit_rates import measure
from framegate.stages.encode.claims import require
from framegate.storage.atomic import make_folder, writing
from framegate.storage.local import read_hashed

GROUP = "text"
SEGMENT_S = 30  # at least: text is small, and a request costs more than it
TIMESTAMP_MAP = "X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000"
"""CMAF tracks start at presentation time 0, and so do the cues (RFC 8216, 3.5)."""

_SOUNDS = "public.accessibility.describes-music-and-sound"
_DIALOGUE = "public.accessibility.transcribes-spoken-dialog"
_ROLES = "urn:mpeg:dash:role:2011"
_PURPOSES = (manifests.TVA, "2")  # for the hard of hearing
_MIME = "text/vtt"
_NO_LANGUAGE = "und"


def folder_of(track: CaptionTrack) -> str:
    """The track's folder under ``media/``, its playlist and its DASH representation."""
    return f"{GROUP}-{track.name}"


def cuts(grid: Grid) -> tuple[tuple[Fraction, Fraction], ...]:
    """Start and end of each text segment: whole segments of the picture's grid."""
    one = grid.segment_frames / grid.frame_rate
    step = one * -(-SEGMENT_S // one)
    length = grid.frames / grid.frame_rate
    count = -(-length // step)
    return tuple((index * step, min((index + 1) * step, length)) for index in range(count))


def within(cues: Sequence[Cue], start: Fraction, end: Fraction) -> tuple[Cue, ...]:
    """The cues that are shown between two moments, whole."""
    return tuple(cue for cue in cues if cue.start < end and cue.end > start)


def playlist(track: CaptionTrack, grid: Grid) -> str:
    """The media playlist of a track."""
    lengths = [end - start for start, end in cuts(grid)]
    target = max(int(length + Fraction(1, 2)) for length in lengths) or 1
    entries = "".join(
        f"#EXTINF:{float(length):.6f},\n{_uri(track, number)}\n"
        for number, length in enumerate(lengths, 1)
    )
    return (
        f"#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{target}\n"
        f"#EXT-X-PLAYLIST-TYPE:VOD\n{entries}#EXT-X-ENDLIST\n"
    )


def in_master(text: str, tracks: Sequence[CaptionTrack]) -> str:
    """A master playlist that has the tracks as its subtitles, chosen by every variant stream."""
    lines = text.splitlines()
    first = next(
        (i for i, line in enumerate(lines) if line.startswith("#EXT-X-STREAM")), len(lines)
    )
    with_group = [
        f'{line},SUBTITLES="{GROUP}"' if line.startswith("#EXT-X-STREAM-INF:") else line
        for line in lines
    ]
    return "\n".join([*with_group[:first], *map(_rendition, tracks), *with_group[first:]]) + "\n"


def in_mpd(text: str, tracks: Sequence[CaptionTrack]) -> str:
    """An MPD that has an adaptation set for each track."""
    root = manifests.read_xml(text)
    period = root.find(f"{manifests.DASH}Period")
    if period is None:
        raise Internal("The DASH manifest cannot be used", "it has no period")
    number = max((int(each.get("id", "0")) for each in period.iter(_SET)), default=-1)
    for offset, track in enumerate(tracks, 1):
        _adaptation_set(period, track, number + offset)
    return manifests.write_xml(root)


def add(out: Path, work: Path, plan: EncodePlan, tracks: Sequence[CaptionTrack]) -> None:
    """Put the caption files of the work folder into a package that has its manifests.

    Raises `WorkLost` when a file is not the one that was screened, `DiskFull`.
    """
    if not tracks:
        return
    with writing(CAPTIONS):
        make_folder(out / CAPTIONS)
        for track in tracks:
            content = read_hashed(work / track.path, track.sha256)
            (out / CAPTIONS / f"{track.name}.vtt").write_bytes(content)
            cues = webvtt.parse(content.decode())
            folder = out / MEDIA / folder_of(track)
            make_folder(folder)
            for index, (start, end) in enumerate(cuts(plan.grid), 1):
                part = webvtt.render(within(cues, start, end), header=TIMESTAMP_MAP)
                (folder / f"{index:05}.vtt").write_text(part, "utf-8")
            (out / HLS / f"{folder_of(track)}.m3u8").write_text(playlist(track, plan.grid), "utf-8")
        for name, change in ((MASTER, in_master), (MPD, in_mpd)):
            path = out / name
            path.write_text(change(path.read_text("utf-8"), tracks), "utf-8")


def verify(
    out: Path, plan: EncodePlan, tracks: Sequence[CaptionTrack]
) -> tuple[PackagedTrack, ...]:
    """Prove the caption tracks of a package from its files, and measure them.

    Holds: the master playlist's subtitles are the tracks, in their order, and every variant stream
    chooses them; the segments of each together hold every cue of its file and no other, each where
    it is shown; they last as long as the picture; the MPD names the same files. Raises `Internal`
    otherwise.
    """
    variants = manifests.parse_master((out / MASTER).read_text("utf-8"))
    listed = [each.uri for each in variants if each.attributes.get("TYPE") == "SUBTITLES"]
    require(listed == [f"{folder_of(each)}.m3u8" for each in tracks], "the subtitles of HLS")
    if tracks:
        streams = [each.attributes for each in variants if each.tag == "STREAM-INF"]
        require(all(each.get("SUBTITLES") == GROUP for each in streams), "a variant stream")
    sidecars = _sidecars((out / MPD).read_text("utf-8"))
    require(sidecars == [f"../{CAPTIONS}/{each.name}.vtt" for each in tracks], "the MPD's text")
    return tuple(_proved(out, plan.grid, track) for track in tracks)


def _proved(out: Path, grid: Grid, track: CaptionTrack) -> PackagedTrack:
    cues = webvtt.parse((out / CAPTIONS / f"{track.name}.vtt").read_text("utf-8"))
    length = grid.frames / grid.frame_rate
    require(len(cues) == track.cues, f"the cues of {track.name}")
    # cues end with the source's picture, the grid with its last whole frame
    late = length + 1 / grid.frame_rate
    require(all(cue.end <= late for cue in cues), f"a cue of {track.name} after the video's end")
    said = manifests.parse_media((out / HLS / f"{folder_of(track)}.m3u8").read_text("utf-8"))
    require(said.ended and len(said.segments) == len(cuts(grid)), f"the playlist of {track.name}")
    sizes = []
    for (start, end), segment in zip(cuts(grid), said.segments, strict=True):
        path = out / HLS / segment.uri
        require(path.is_file() and not segment.uri.startswith("/"), f"{segment.uri}, not a file")
        content = path.read_text("utf-8")
        sizes.append(len(content.encode()))
        require(content.split("\n")[1] == TIMESTAMP_MAP, f"the clock of {segment.uri}")
        require(webvtt.parse(content) == within(cues, start, end), f"the cues of {segment.uri}")
    durations = [segment.duration for segment in said.segments]
    require(abs(sum(durations) - length) <= Fraction(1, 1000), f"the length of {track.name}")
    rates = measure(sizes, durations, said.target_s)
    return PackagedTrack(
        name=folder_of(track),
        kind=TrackKind.TEXT,
        segments=len(sizes),
        size_bytes=sum(sizes),
        bitrate_mean=rates.mean,
        bitrate_peak=rates.peak,
    )


def _uri(track: CaptionTrack, number: int) -> str:
    return f"../{MEDIA}/{folder_of(track)}/{number:05}.vtt"


def _rendition(track: CaptionTrack) -> str:
    """The ``EXT-X-MEDIA`` line of a track; its label is last, for it may say anything."""
    said = ["TYPE=SUBTITLES", f'GROUP-ID="{GROUP}"', f'URI="{folder_of(track)}.m3u8"']
    if track.language != _NO_LANGUAGE:
        said.append(f'LANGUAGE="{track.language}"')
    said.append(f"DEFAULT={_yes(track.default)}")
    said.append("AUTOSELECT=YES")  # players may choose it by the viewer's language
    said.append(f"FORCED={_yes(track.forced)}")
    if track.hearing_impaired:
        said.append(f'CHARACTERISTICS="{_DIALOGUE},{_SOUNDS}"')
    said.append(f'NAME="{track.label}"')
    return "#EXT-X-MEDIA:" + ",".join(said)


_SET = f"{manifests.DASH}AdaptationSet"


def _adaptation_set(period: ET.Element, track: CaptionTrack, number: int) -> None:
    """Children in the order of the DASH schema."""
    made = ET.SubElement(period, _SET, {"id": str(number), "contentType": "text"})
    if track.language != _NO_LANGUAGE:
        made.set("lang", track.language)
    ET.SubElement(made, f"{manifests.DASH}Label").text = track.label
    if track.hearing_impaired:
        _descriptor(made, "Accessibility", *_PURPOSES)
    kind = "caption" if track.hearing_impaired else "subtitle"
    _descriptor(made, "Role", _ROLES, "forced-subtitle" if track.forced else kind)
    if track.default:
        _descriptor(made, "Role", _ROLES, "main")
    representation = ET.SubElement(
        made,
        f"{manifests.DASH}Representation",
        # of a file that is fetched whole: what says nothing about rates is 1
        {"id": folder_of(track), "bandwidth": "1", "mimeType": _MIME},
    )
    ET.SubElement(
        representation, f"{manifests.DASH}BaseURL"
    ).text = f"../{CAPTIONS}/{track.name}.vtt"


def _descriptor(parent: ET.Element, kind: str, scheme: str, value: str) -> None:
    ET.SubElement(parent, f"{manifests.DASH}{kind}", {"schemeIdUri": scheme, "value": value})


def _sidecars(text: str) -> list[str]:
    root = manifests.read_xml(text)
    return [
        each.text or ""
        for representation in root.iter(f"{manifests.DASH}Representation")
        if representation.get("mimeType") == _MIME
        for each in representation.iter(f"{manifests.DASH}BaseURL")
    ]


def _yes(said: bool) -> str:  # noqa: FBT001 - one word for one bit
    return "YES" if said else "NO"
