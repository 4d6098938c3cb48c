"""Mend the manifests that Shaka Packager writes. Pure: text in, text out.

Mended in both: URIs become relative to the manifest's folder (Shaka writes absolute paths when
manifests lie beside, not above, the segments), rates become the measured ones (its BANDWIDTH can
be under AVERAGE-BANDWIDTH on short clips), and audio tracks get the names that viewers choose from
(Shaka splits its arguments at commas, and a track's title is a stranger's).

In HLS, durations become exact to a microsecond (Shaka rounds each to a millisecond, and a sum of
them drifts) and all playlists get one target duration, the rounded longest segment. In DASH,
elements come in the order that the schema demands (Shaka writes Label behind Role), frame rates
are in lowest terms, video says that its segments start with SAP type 1, and minBufferTime is long
enough for what bandwidth says.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from xml.etree import ElementTree as ET

from framegate.stages.encode.bit_rates import Rates
from framegate.stages.encode.manifests import DASH, parse_attributes, read_xml, write_xml

MICRO = 10**6  # of manifests' seconds; a sum of them is off by less than one
SILENCE = Rates(0, 0)

_INHERITED = frozenset(
    f"{DASH}{name}"
    for name in (
        *("FramePacking", "AudioChannelConfiguration", "ContentProtection", "OutputProtection"),
        *("EssentialProperty", "SupplementalProperty", "InbandEventStream", "Switching"),
        *("RandomAccess", "GroupLabel", "Label", "ProducerReferenceTime"),
    )
)
"""Children of an AdaptationSet that the schema's RepresentationBaseType gives it."""


def target_duration(durations: Sequence[Fraction]) -> int:
    """EXT-X-TARGETDURATION of segments that last ``durations`` (RFC 8216, 4.3.3.1)."""
    return max(1, *(int(duration + Fraction(1, 2)) for duration in durations))


def mend_master(text: str, rates: Callable[[str], Rates], labels: Mapping[str, str]) -> str:
    """A master playlist with measured rates, the first track of each audio group its default
    (Shaka names none without a language, and then players may start silent).

    ``rates`` knows each playlist by its URI; a variant stream's include the dearest track of its
    audio group. ``labels``: track name to the words for viewers, in one line without double quotes.
    """
    groups: dict[str, list[Rates]] = defaultdict(list)
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("#EXT-X-MEDIA:TYPE=AUDIO"):
            have = parse_attributes(line.partition(":")[2])
            group = groups[have["GROUP-ID"]]
            lines.append(_rendition(line, labels, default=not group))
            group.append(rates(have["URI"]))
        else:
            lines.append(line)
    for index, line in enumerate(lines):
        have = parse_attributes(line.partition(":")[2])
        if line.startswith("#EXT-X-STREAM-INF:"):
            sound = groups.get(have.get("AUDIO", ""), [SILENCE])
            own = rates(lines[index + 1])
            mean = own.mean + max(rate.mean for rate in sound)
            peak = own.peak + max(rate.peak for rate in sound)
            lines[index] = _with_rates(line, Rates(mean, peak))
        elif line.startswith("#EXT-X-I-FRAME-STREAM-INF:"):
            lines[index] = _with_rates(line, rates(have["URI"]))
    return "\n".join(lines) + "\n"


def _rendition(line: str, labels: Mapping[str, str], *, default: bool) -> str:
    name = parse_attributes(line.partition(":")[2])["NAME"]
    line = re.sub(r"DEFAULT=(YES|NO)", f"DEFAULT={'YES' if default else 'NO'}", line, count=1)
    if default:
        line = line.replace("AUTOSELECT=NO", "AUTOSELECT=YES", 1)  # RFC 8216, 4.3.4.1
    # last: a label may say anything
    return line.replace(f'NAME="{name}"', f'NAME="{labels.get(name, name)}"', 1)


def mend_media(text: str, cuts: Sequence[Fraction], target_s: int) -> str:
    """A media playlist with exact durations. ``cuts``: when each of its segments begins (s), and
    when the last one ends.
    """
    ticks = [round(cut * MICRO) for cut in cuts]
    lengths = (after - before for before, after in pairwise(ticks))
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if line.startswith("#EXTINF:"):
            lines[index] = f"#EXTINF:{_decimal(next(lengths))},"
        elif line.startswith("#EXT-X-TARGETDURATION:"):
            lines[index] = f"#EXT-X-TARGETDURATION:{target_s}"
    return "\n".join(lines) + "\n"


def mend_mpd(
    text: str,
    prefix: str,
    peaks: Mapping[str, int],
    labels: Mapping[str, str],
    times: tuple[Fraction, Fraction],
) -> str:
    """An MPD with relative URIs, ``@bandwidth`` the peak of ``media/<name>/``, and ``labels``
    (track name to the words for viewers) in its ``Label`` elements. ``times``: how long the
    presentation lasts, and the least buffer (s).
    """
    root = read_xml(text)
    for name, seconds in zip(("mediaPresentationDuration", "minBufferTime"), times, strict=True):
        root.set(name, f"PT{_decimal(-(-seconds * MICRO // 1))}S")
    for representation in root.iter(f"{DASH}Representation"):
        for template in representation.iter(f"{DASH}SegmentTemplate"):
            for name in ("initialization", "media"):
                value = template.get(name, "")
                template.set(name, value.replace(f"{prefix}/", "../", 1))
            track = template.get("media", "").removeprefix("../media/").split("/", 1)[0]
            representation.set("bandwidth", str(peaks[track]))
    for label in root.iter(f"{DASH}Label"):
        label.text = labels.get(label.text or "", label.text)
    for element in root.iter():
        for name in ("frameRate", "minFrameRate", "maxFrameRate"):
            if name in element.attrib:
                element.set(name, str(Fraction(element.attrib[name])))
    for adaptation in root.iter(f"{DASH}AdaptationSet"):
        adaptation.set("startWithSAP", "1")
        adaptation[:] = sorted(adaptation, key=_place)
    return write_xml(root)


def _place(child: ET.Element) -> int:
    """Where the schema wants a child of an AdaptationSet: what it has from its base type, its own
    descriptors, representations.
    """
    if child.tag in _INHERITED:
        return 0
    return 2 if child.tag == f"{DASH}Representation" else 1


def _decimal(micros: int) -> str:
    """Microseconds as seconds without idle zeros, but at least milliseconds."""
    whole, part = divmod(micros, MICRO)
    digits = f"{part:06}"
    return f"{whole}.{digits[:3]}{digits[3:].rstrip('0')}"


def _with_rates(line: str, rates: Rates) -> str:
    line = re.sub(r"(?<![A-Z-])BANDWIDTH=\d+", f"BANDWIDTH={rates.peak}", line)
    return re.sub(r"AVERAGE-BANDWIDTH=\d+", f"AVERAGE-BANDWIDTH={rates.mean}", line)
