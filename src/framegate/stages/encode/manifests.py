"""Read and mend the manifests that Shaka Packager writes. Pure: text in, text out.

Mended: URIs become relative to the manifest's folder (Shaka writes absolute paths when manifests
lie beside, not above, the segments), rates become the measured ones (its BANDWIDTH can be under
AVERAGE-BANDWIDTH on short clips), and audio tracks get the names that viewers choose from (Shaka
splits its arguments at commas, and a track's title is a stranger's).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import accumulate
from xml.etree import ElementTree as ET

from framegate.errors import Internal

DASH = "{urn:mpeg:dash:schema:mpd:2011}"

_NUMBER = re.compile(r"\$Number(?:%0(\d+)d)?\$")
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)(?:,|$)')


@dataclass(frozen=True, slots=True)
class PlaylistSegment:
    """One entry of a media playlist; ``length`` in bytes for a byte range, else None."""

    uri: str
    duration: Fraction
    length: int | None = None


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """An HLS media playlist (RFC 8216)."""

    init: str | None
    target_s: int
    iframes_only: bool
    ended: bool
    segments: tuple[PlaylistSegment, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """A line of a master playlist that names another playlist. ``tag`` without ``#EXT-X-``."""

    tag: str  # MEDIA, STREAM-INF or I-FRAME-STREAM-INF
    uri: str
    attributes: Mapping[str, str]  # quotes removed


@dataclass(frozen=True, slots=True)
class Rates:
    """Bit/s of one playlist."""

    mean: int
    peak: int


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
    segments: list[PlaylistSegment] = []
    for line in lines:
        tag, _, value = line.partition(":")
        if not line.startswith("#"):
            if duration is None:
                raise Internal("A playlist cannot be read", "a segment has no EXTINF")
            segments.append(PlaylistSegment(line, duration, length))
            duration = length = None
        elif tag == "#EXTINF":
            duration = Fraction(value.split(",", 1)[0])
        elif tag == "#EXT-X-BYTERANGE":
            length = int(value.split("@", 1)[0])
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


def measure(sizes: Sequence[int], durations: Sequence[Fraction], target_s: int | Fraction) -> Rates:
    """Mean and peak rate of segments of ``sizes`` bytes (the peak as RFC 8216, 4.3.4.2 has it).

    The mean rounds up and the peak is never under it, which the rule alone does not ensure for
    tracks shorter than half a target duration.
    """
    total = sum(durations, Fraction(0))
    if not sizes or total <= 0:
        raise Internal("A rate cannot be measured", "no segments")
    mean = _rate(sum(sizes), total)
    bits = [0, *accumulate(sizes)]
    time = [Fraction(0), *accumulate(durations)]
    peak = mean
    for first in range(len(sizes)):
        for last in range(first + 1, len(sizes) + 1):
            span = time[last] - time[first]
            if span > Fraction(3, 2) * target_s:
                break
            if span >= Fraction(1, 2) * target_s:
                peak = max(peak, _rate(bits[last] - bits[first], span))
    return Rates(mean, peak)


def mend_master(
    text: str,
    rates: Callable[[str], Rates],
    audio: Sequence[Rates],
    labels: Mapping[str, str],
) -> str:
    """A master playlist with measured rates, its first audio track the default (Shaka names none
    without a language, and then players may start silent). ``rates`` knows each playlist by its
    URI; a variant stream's rates include the dearest of ``audio``. ``labels``: track name to the
    words for viewers, in one line without double quotes.
    """
    sound = Rates(max((r.mean for r in audio), default=0), max((r.peak for r in audio), default=0))
    lines = text.splitlines()
    default = "YES"
    for index, line in enumerate(lines):
        if line.startswith("#EXT-X-MEDIA:TYPE=AUDIO"):
            name = parse_attributes(line.partition(":")[2])["NAME"]
            choice = re.sub(r"DEFAULT=(YES|NO)", f"DEFAULT={default}", line)
            # last: a label may say anything
            lines[index] = choice.replace(f'NAME="{name}"', f'NAME="{labels.get(name, name)}"', 1)
            default = "NO"
        elif line.startswith("#EXT-X-STREAM-INF:"):
            own = rates(lines[index + 1])
            lines[index] = _with_rates(line, Rates(own.mean + sound.mean, own.peak + sound.peak))
        elif line.startswith("#EXT-X-I-FRAME-STREAM-INF:"):
            uri = parse_attributes(line.partition(":")[2])["URI"]
            lines[index] = _with_rates(line, rates(uri))
    return "\n".join(lines) + "\n"


def mend_media(text: str, prefix: str) -> str:
    """A media playlist whose URIs under ``prefix`` are relative to a folder inside ``prefix``."""
    return text.rstrip("\n").replace(f"{prefix}/", "../") + "\n"


def mend_mpd(text: str, prefix: str, peaks: Mapping[str, int], labels: Mapping[str, str]) -> str:
    """An MPD with relative URIs, ``@bandwidth`` at least the peak of ``media/<name>/``, and
    ``labels`` (track name to the words for viewers) in its ``Label`` elements.
    """
    ET.register_namespace("", DASH[1:-1])
    ET.register_namespace("xsi", "http://www.w3.org/2001/XMLSchema-instance")
    root = _xml(text)
    for representation in root.iter(f"{DASH}Representation"):
        for template in representation.iter(f"{DASH}SegmentTemplate"):
            for name in ("initialization", "media"):
                value = template.get(name, "")
                template.set(name, value.replace(f"{prefix}/", "../", 1))
            track = template.get("media", "").removeprefix("../media/").split("/", 1)[0]
            representation.set("bandwidth", str(peaks[track]))
    for label in root.iter(f"{DASH}Label"):
        label.text = labels.get(label.text or "", label.text)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


@dataclass(frozen=True, slots=True)
class Representation:
    """A track of an MPD. ``segments``: (URI, start, duration) with exact seconds."""

    init: str
    bandwidth: int
    codecs: str
    segments: tuple[tuple[str, Fraction, Fraction], ...]


def parse_mpd(text: str) -> tuple[Representation, ...]:
    """Representations with their segment timeline unrolled. Raises `Internal`."""
    root = _xml(text)
    if root.get("type") != "static":
        raise Internal("The DASH manifest cannot be used", "it is not static")
    found: list[Representation] = []
    for representation in root.iter(f"{DASH}Representation"):
        template = representation.find(f"{DASH}SegmentTemplate")
        if template is None:
            raise Internal("The DASH manifest cannot be used", "no SegmentTemplate")
        scale, number = int(template.get("timescale", "1")), int(template.get("startNumber", "1"))
        media, at = template.get("media", ""), 0
        segments: list[tuple[str, Fraction, Fraction]] = []
        for run in template.iter(f"{DASH}S"):
            at = int(run.get("t", at))
            length = int(run.get("d", 0))
            for _ in range(int(run.get("r", 0)) + 1):
                uri = _NUMBER.sub(partial(_numbered, number), media)
                segments.append((uri, Fraction(at, scale), Fraction(length, scale)))
                at += length
                number += 1
        found.append(
            Representation(
                template.get("initialization", ""),
                int(representation.get("bandwidth", 0)),
                representation.get("codecs", ""),
                tuple(segments),
            )
        )
    return tuple(found)


def _numbered(number: int, width: re.Match[str]) -> str:
    return str(number).zfill(int(width.group(1) or 1))


def _rate(size_bytes: int, duration: Fraction) -> int:
    return -(-size_bytes * 8 * duration.denominator // duration.numerator)


def _with_rates(line: str, rates: Rates) -> str:
    line = re.sub(r"(?<![A-Z-])BANDWIDTH=\d+", f"BANDWIDTH={rates.peak}", line)
    return re.sub(r"AVERAGE-BANDWIDTH=\d+", f"AVERAGE-BANDWIDTH={rates.mean}", line)


def _lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != "#EXTM3U":
        raise Internal("A playlist cannot be read", "it does not start with #EXTM3U")
    return lines


def _xml(text: str) -> ET.Element:
    try:
        return ET.fromstring(text)  # noqa: S314 - written by the packager or by this module
    except ET.ParseError as error:
        raise Internal("The DASH manifest cannot be read", "it is not XML") from error
