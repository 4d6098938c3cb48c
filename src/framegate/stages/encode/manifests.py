"""HLS playlists (RFC 8216) and DASH manifests (ISO/IEC 23009-1) from text and to it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

from framegate.errors import Internal

DASH = "{urn:mpeg:dash:schema:mpd:2011}"
TVA = "urn:tva:metadata:cs:AudioPurposeCS:2007"
"""Scheme of TV-Anytime's purposes: 1 for people who cannot see, 2 for those hard of hearing."""

_NUMBER = re.compile(r"\$Number(?:%0(\d+)d)?\$")
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)(?:,|$)')


@dataclass(frozen=True, slots=True)
class PlaylistSegment:
    """One entry of a media playlist; ``length`` and ``offset`` in bytes for a byte range."""

    uri: str
    duration: Fraction
    length: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """An HLS media playlist (RFC 8216)."""

    init: str | None
    target_s: int
    iframes_only: bool
    ended: bool
    segments: tuple[PlaylistSegment, ...]

    @property
    def track(self) -> str:
        """The folder under ``media/`` that it lists."""
        return PurePosixPath(self.init or "").parent.name


@dataclass(frozen=True, slots=True)
class Variant:
    """A line of a master playlist that names another playlist. ``tag`` without ``#EXT-X-``."""

    tag: str  # MEDIA, STREAM-INF or I-FRAME-STREAM-INF
    uri: str
    attributes: Mapping[str, str]  # quotes removed


def parse_attributes(text: str) -> dict[str, str]:
    """An HLS attribute list; quotes are removed."""
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}


def parse_media(text: str) -> MediaPlaylist:
    """Raises `Internal` when it is not a media playlist."""
    lines = _lines(text)
    init: str | None = None
    target, iframes, ended = 0, False, False
    duration: Fraction | None = None
    length: int | None = None
    offset: int | None = None
    segments: list[PlaylistSegment] = []
    for line in lines:
        tag, _, value = line.partition(":")
        if not line.startswith("#"):
            if duration is None:
                raise Internal("A playlist cannot be read", "a segment has no EXTINF")
            segments.append(PlaylistSegment(line, duration, length, offset))
            duration = length = offset = None
        elif tag == "#EXTINF":
            duration = Fraction(value.split(",", 1)[0])
        elif tag == "#EXT-X-BYTERANGE":
            length, offset = (int(number) for number in value.split("@", 1))
        elif tag == "#EXT-X-MAP":
            init = parse_attributes(value).get("URI")
        elif tag == "#EXT-X-TARGETDURATION":
            target = int(value)
        elif tag == "#EXT-X-I-FRAMES-ONLY":
            iframes = True
        elif tag == "#EXT-X-ENDLIST":
            ended = True
    return MediaPlaylist(init, target, iframes, ended, tuple(segments))


def parse_master(text: str) -> tuple[Variant, ...]:
    """Every playlist that a master playlist names, in order."""
    found: list[Variant] = []
    pending: dict[str, str] | None = None
    for line in _lines(text):
        tag, _, value = line.partition(":")
        if not line.startswith("#"):
            if pending is not None:
                found.append(Variant("STREAM-INF", line, pending))
            pending = None
        elif tag == "#EXT-X-STREAM-INF":
            pending = parse_attributes(value)
        elif tag in ("#EXT-X-MEDIA", "#EXT-X-I-FRAME-STREAM-INF"):
            attributes = parse_attributes(value)
            if "URI" in attributes:
                found.append(Variant(tag.removeprefix("#EXT-X-"), attributes["URI"], attributes))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Representation:
    """A track of an MPD, with what it takes over from its adaptation set. ``segments``: (URI,
    start, duration) with exact seconds.
    """

    init: str
    bandwidth: int
    codecs: str
    segments: tuple[tuple[str, Fraction, Fraction], ...]
    kind: str = ""  # contentType: video, audio
    width: int = 0
    height: int = 0
    frame_rate: Fraction | None = None
    aligned: bool = False  # segmentAlignment
    sap: int = 0  # startWithSAP


@dataclass(frozen=True, slots=True)
class Presentation:
    """A static MPD. Seconds."""

    duration: Fraction
    min_buffer: Fraction
    representations: tuple[Representation, ...]


def parse_mpd(text: str) -> Presentation:
    """Pictures and sound with their segment timeline unrolled; text is a file, not segments.

    Raises `Internal`.
    """
    root = read_xml(text)
    if root.get("type") != "static":
        raise Internal("The DASH manifest cannot be used", "it is not static")
    return Presentation(
        _duration(root.get("mediaPresentationDuration", "")),
        _duration(root.get("minBufferTime", "")),
        tuple(
            _representation(found, adaptation)
            for adaptation in root.iter(f"{DASH}AdaptationSet")
            if adaptation.get("contentType") != "text"
            for found in adaptation.iter(f"{DASH}Representation")
        ),
    )


def _representation(found: ET.Element, adaptation: ET.Element) -> Representation:
    template = found.find(f"{DASH}SegmentTemplate")
    if template is None:
        raise Internal("The DASH manifest cannot be used", "no SegmentTemplate")

    def said(name: str) -> str:
        return found.get(name, adaptation.get(name, ""))

    rate = said("frameRate")
    return Representation(
        init=template.get("initialization", ""),
        bandwidth=int(said("bandwidth")),
        codecs=said("codecs"),
        segments=tuple(_timeline(template)),
        kind=said("contentType"),
        width=int(said("width") or 0),
        height=int(said("height") or 0),
        frame_rate=Fraction(rate) if rate else None,
        aligned=said("segmentAlignment") == "true",
        sap=int(said("startWithSAP") or 0),
    )


def _timeline(template: ET.Element) -> Iterator[tuple[str, Fraction, Fraction]]:
    scale, number = int(template.get("timescale", "1")), int(template.get("startNumber", "1"))
    media, at = template.get("media", ""), 0
    for run in template.iter(f"{DASH}S"):
        at = int(run.get("t", at))
        length = int(run.get("d", 0))
        for _ in range(int(run.get("r", 0)) + 1):
            uri = _NUMBER.sub(partial(_numbered, number), media)
            yield uri, Fraction(at, scale), Fraction(length, scale)
            at += length
            number += 1


def _duration(text: str) -> Fraction:
    """Seconds of an xs:duration that has no days."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Internal("The DASH manifest cannot be used", f"{text!r} is not a duration")
    hours, minutes, seconds = (Fraction(part or 0) for part in found.groups())
    return (hours * 60 + minutes) * 60 + seconds


def _numbered(number: int, width: re.Match[str]) -> str:
    return str(number).zfill(int(width.group(1) or 1))


def _lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != "#EXTM3U":
        raise Internal("A playlist cannot be read", "it does not start with #EXTM3U")
    return lines


def read_xml(text: str) -> ET.Element:
    """The document's element. Raises `Internal`."""
    try:
        return ET.fromstring(text)  # noqa: S314 - written by the packager or by this module
    except ET.ParseError as error:
        raise Internal("The DASH manifest cannot be read", "it is not XML") from error


def write_xml(root: ET.Element) -> str:
    """The document, indented, with the prefixes that MPDs usually have."""
    ET.register_namespace("", DASH[1:-1])
    ET.register_namespace("xsi", "http://www.w3.org/2001/XMLSchema-instance")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
