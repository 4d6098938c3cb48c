"""What manifests claim, against what the segments hold. Pure; raises `Internal` where they differ.

The rules are those of RFC 8216 (and its successor's draft, where that is stricter), RFC 6381, and
ISO/IEC 23009-1, as far as a package of framegate can break them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import PurePosixPath

from framegate.domain.ladder import AudioRendition, Rendition
from framegate.errors import Internal
from framegate.stages.encode.bit_rates import Rates, measure
from framegate.stages.encode.codec_levels import admits, find_level
from framegate.stages.encode.held_track import HeldTrack, buffer_needed
from framegate.stages.encode.manifests import (
    MediaPlaylist,
    PlaylistSegment,
    Presentation,
    Representation,
    Variant,
)

ROUNDING = Fraction(1, 10**6)  # of a playlist's seconds
MEAN_SLACK = Fraction(1, 10)  # of AVERAGE-BANDWIDTH; the peak has none


def require(holds: bool, why: str) -> None:  # noqa: FBT001 - an assertion with words
    """Raises `Internal` with ``why`` where something doesn't hold."""
    if not holds:
        raise Internal("The package is not sound", why)


def check_playlist(playlist: MediaPlaylist, track: HeldTrack, target_s: int) -> None:
    """A media playlist lists each segment as long as it is presented, none over the target."""
    _check_lengths(track.name, playlist.segments, track.cuts)
    require(
        playlist.target_s == target_s,
        f"{track.name} has the target duration {playlist.target_s}, others {target_s}",
    )
    for segment in playlist.segments:
        require(
            int(segment.duration + Fraction(1, 2)) <= target_s,
            f"a segment of {track.name} is longer than the target duration",
        )


def check_iframes(playlist: MediaPlaylist, track: HeldTrack, uris: Sequence[str]) -> None:
    """An I-frame playlist names every keyframe by the bytes of its fragment's header and its own,
    and each stands until the next. ``uris``: of the track's segments.
    """
    held = [
        (uris[index], fragment.position, fragment.data - fragment.position + fragment.first.size)
        for index, fragment in track.fragments()
    ]
    listed = [(entry.uri, entry.offset, entry.length) for entry in playlist.segments]
    require(listed == held, f"the I-frame playlist of {track.name} names other bytes")
    _check_lengths(f"the I-frame playlist of {track.name}", playlist.segments, track.keyframes)


def _check_lengths(name: str, listed: Sequence[PlaylistSegment], cuts: Sequence[Fraction]) -> None:
    total = sum((entry.duration for entry in listed), Fraction(0))
    for entry, (start, end) in zip(listed, pairwise(cuts), strict=True):
        require(
            abs(entry.duration - (end - start)) <= ROUNDING,
            f"{entry.uri} lasts {float(end - start):.6f} s, not {float(entry.duration):.6f} s",
        )
    require(abs(total - (cuts[-1] - cuts[0])) <= ROUNDING, f"{name} does not add up")


def check_stream(
    variant: Variant,
    track: HeldTrack,
    audio: Sequence[HeldTrack],
    rates: Mapping[str, Rates],
    rendition: Rendition,
) -> None:
    """A variant stream says what its picture and its dearest sound are and cost."""
    have, name = variant.attributes, track.name
    said = have["CODECS"].split(",")
    heard = {each.entry.codecs for each in audio}
    require(track.entry.is_named(said[0]), f"{name} is {track.entry.full}, not {said[0]}")
    require(set(said[1:]) == heard, f"{name} is heard as {sorted(heard)}, not {said[1:]}")
    shown = round(track.entry.width * rendition.sample_aspect)
    wide, high = (int(side) for side in have["RESOLUTION"].split("x"))
    # Shaka cuts off what is not a whole pixel
    fits = abs(wide - shown) <= 1 and high == track.entry.height
    require(fits, f"{name} is {shown}x{track.entry.height}, not {have['RESOLUTION']}")
    rate = f"{float(rendition.frame_rate):.3f}"
    require(have["FRAME-RATE"] == rate, f"{name} has {rate} fps, not {have['FRAME-RATE']}")
    require(have.get("VIDEO-RANGE", "SDR") == "SDR", f"{name} is not SDR")
    _check_rates(variant, [rates[name]], [rates[each.name] for each in audio])


def check_iframe_stream(variant: Variant, track: HeldTrack, playlist: MediaPlaylist) -> None:
    """An I-frame stream says what its picture is and costs."""
    said = variant.attributes["CODECS"]
    require(track.entry.is_named(said), f"{track.name} is {track.entry.full}, not {said}")
    lengths = [end - start for start, end in pairwise(track.keyframes)]  # listed ones are rounded
    sizes = [entry.length or 0 for entry in playlist.segments]
    _check_rates(variant, [measure(sizes, lengths, playlist.target_s)], [])


def _check_rates(variant: Variant, own: Sequence[Rates], audio: Sequence[Rates]) -> None:
    peak, mean = (
        sum(getattr(rate, kind) for rate in own)
        + max((getattr(rate, kind) for rate in audio), default=0)
        for kind in ("peak", "mean")
    )
    said_peak = int(variant.attributes["BANDWIDTH"])
    said_mean = int(variant.attributes["AVERAGE-BANDWIDTH"])
    require(said_peak >= peak, f"{variant.uri} has a peak of {peak} bit/s, not {said_peak}")
    require(
        abs(said_mean - mean) <= mean * MEAN_SLACK,
        f"{variant.uri} has a mean of {mean} bit/s, not {said_mean}",
    )
    require(said_peak >= said_mean > 0, f"{variant.uri} has a peak under its mean")


def check_sound(variant: Variant, audio: AudioRendition) -> None:
    """An audio rendition says how many channels it has, and only a default is chosen unasked."""
    have = variant.attributes
    require(have.get("CHANNELS") == str(audio.channels), f"{audio.name} has other CHANNELS")
    asked = have.get("DEFAULT") == "YES" and have.get("AUTOSELECT") != "YES"
    require(not asked, f"{audio.name} is a default that is not selected")


def check_level(track: HeldTrack, rendition: Rendition, rates: Rates) -> None:
    """A decoder of the level in the codec box can play the track."""
    entry = track.entry
    level = find_level(entry.kind, entry.level)
    require(
        admits(entry.kind, level, entry.width, entry.height, rendition.frame_rate),
        f"{track.name} is too big or fast for {entry.kind} level {level.name}",
    )
    most = level.high_bits if entry.high_tier else level.bits
    require(rates.peak <= most, f"{track.name} has a higher rate than level {level.name} allows")


def check_presentation(
    mpd: Presentation,
    tracks: Sequence[HeldTrack],
    uris: Mapping[str, Sequence[str]],
    rates: Mapping[str, Rates],
) -> None:
    """A static MPD lists the same segments at the instants at which they are presented, and its
    bandwidths and buffer suffice to play them in time.
    """
    listed = {PurePosixPath(each.init).parent.name: each for each in mpd.representations}
    require(listed.keys() == {track.name for track in tracks}, "the MPD has other tracks than HLS")
    for track in tracks:
        _check_representation(listed[track.name], track, uris[track.name], rates[track.name])
        needed = buffer_needed(track, listed[track.name].bandwidth)
        require(
            needed <= mpd.min_buffer,
            f"{track.name} needs a buffer of {float(needed):.3f} s, not {float(mpd.min_buffer)} s",
        )
    longest = max(track.cuts[-1] for track in tracks)
    require(
        0 <= mpd.duration - longest <= ROUNDING,
        f"the MPD lasts {float(mpd.duration):.6f} s, not {float(longest):.6f} s",
    )


def _check_representation(
    said: Representation, track: HeldTrack, uris: Sequence[str], rates: Rates
) -> None:
    name, entry = track.name, track.entry
    require(entry.is_named(said.codecs), f"{name} is {entry.full}, not {said.codecs}")
    require(said.bandwidth >= rates.peak, f"{name} has a peak of {rates.peak} bit/s")
    require(
        [uri for uri, _, _ in said.segments] == list(uris),
        f"HLS and DASH disagree about the segments of {name}",
    )
    for (uri, start, length), (begin, end) in zip(said.segments, pairwise(track.cuts), strict=True):
        require((start, length) == (begin, end - begin), f"{uri} is at another time in the MPD")
    require(said.aligned and said.sap == 1, f"{name} has no aligned segments with SAP type 1")
    if entry.is_video:
        size = (said.width, said.height)
        require(size == (entry.width, entry.height), f"{name} is {size} in the MPD")
        first = track.times[0].fragments[0].first
        rate = Fraction(track.header.timescale, first.duration)
        require(said.frame_rate == rate, f"{name} has {rate} fps, not {said.frame_rate}")
