"""Prove that a package is what the plan says, from its files alone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from framegate.domain.ladder import EncodePlan, Grid, Rendition
from framegate.domain.layout import HLS, MASTER, MPD
from framegate.domain.package import PackagedTrack, TrackKind
from framegate.stages.encode import claims, manifests
from framegate.stages.encode.bit_rates import Rates, measure
from framegate.stages.encode.claims import require
from framegate.stages.encode.held_track import HeldTrack, read_listed
from framegate.stages.encode.random_access import HEAD_BYTES, starts_alone

_ABSOLUTE = re.compile(r"^(/|[A-Za-z][A-Za-z0-9+.-]*:)")
_INDEPENDENT = "#EXT-X-INDEPENDENT-SEGMENTS"


@dataclass(frozen=True, slots=True)
class _Listed:
    """The playlists of a package and what they name. By track name."""

    variants: tuple[manifests.Variant, ...]
    playlists: Mapping[str, manifests.MediaPlaylist]
    iframes: Mapping[str, manifests.MediaPlaylist]
    tracks: Mapping[str, HeldTrack]
    by_uri: Mapping[str, str]  # of a playlist: the name of its track


def verify(out: Path, plan: EncodePlan) -> tuple[PackagedTrack, ...]:
    """Measure the package in ``out`` and return its tracks, videos first.

    Holds: every reference is relative, inside ``out``, and a file with bytes; HLS and DASH name the
    same segments; every rendition has all frames of the grid, and its segments start on multiples
    of the segment length, the same instants in all; each fragment of a rendition is a closed GOP
    behind a stream access point of type 1; each track's decode times have no gap; durations agree
    with the plan within one frame; and what both manifests say is so (see `claims`). Reads boxes
    and the head of each GOP, decodes nothing. Raises `Internal` otherwise.
    """
    master = (out / MASTER).read_text("utf-8")
    require(_INDEPENDENT in master, "the master playlist doesn't say that segments stand alone")
    listed = _read(out, manifests.parse_master(master))
    videos = [_find(listed, rendition.name) for rendition in plan.renditions]
    audios = [_find(listed, audio.name) for audio in plan.audio]
    require(len(listed.tracks) == len(videos) + len(audios), "a track is not in the plan")
    target = next(iter(listed.playlists.values())).target_s
    rates = {
        name: measure(track.sizes, track.durations, target) for name, track in listed.tracks.items()
    }
    for track, rendition in zip(videos, plan.renditions, strict=True):
        _check_grid(track, plan.grid, rendition)
        _check_access(out, track, listed.playlists[track.name])
        claims.check_level(track, rendition, rates[track.name])
    for track in audios:
        _check_audio(track, plan)
    for name, track in listed.tracks.items():
        claims.check_playlist(listed.playlists[name], track, target)
    _check_streams(listed, plan, rates)
    uris = {
        name: [segment.uri for segment in playlist.segments]
        for name, playlist in listed.playlists.items()
    }
    for name, playlist in listed.iframes.items():
        claims.check_iframes(playlist, listed.tracks[name], uris[name])
    mpd = manifests.parse_mpd((out / MPD).read_text("utf-8"))
    claims.check_presentation(mpd, [*videos, *audios], uris, rates)
    return tuple(
        PackagedTrack(
            name=track.name,
            kind=kind,
            segments=len(track.sizes),
            size_bytes=sum(track.sizes),
            bitrate_mean=rates[track.name].mean,
            bitrate_peak=rates[track.name].peak,
        )
        for kind, tracks in ((TrackKind.VIDEO, videos), (TrackKind.AUDIO, audios))
        for track in tracks
    )


def _read(out: Path, variants: tuple[manifests.Variant, ...]) -> _Listed:
    """Every playlist of pictures and sound, and the headers of its segments."""
    playlists: dict[str, manifests.MediaPlaylist] = {}
    iframes: dict[str, manifests.MediaPlaylist] = {}
    tracks: dict[str, HeldTrack] = {}
    by_uri: dict[str, str] = {}
    for variant in variants:
        if variant.attributes.get("TYPE") == "SUBTITLES":
            continue
        _check_variant(variant)
        path = out / HLS / variant.uri
        require(not _ABSOLUTE.match(variant.uri) and path.is_file(), f"{variant.uri} is missing")
        playlist = manifests.parse_media(path.read_text("utf-8"))
        require(playlist.ended, f"{variant.uri} has no end")
        _check_references(out, HLS, _uris(playlist))
        by_uri[variant.uri] = playlist.track
        if playlist.iframes_only:
            iframes[playlist.track] = playlist
        elif playlist.track not in tracks:  # a rendition is listed once for each audio group
            playlists[playlist.track] = playlist
            tracks[playlist.track] = _whole(read_listed(out / HLS, playlist))
    return _Listed(variants, playlists, iframes, tracks, by_uri)


def _whole(track: HeldTrack) -> HeldTrack:
    for before, after in pairwise(track.times):
        require(before.decode_end == after.decode_start, f"{track.name} has a hole")
    return track


def _check_streams(listed: _Listed, plan: EncodePlan, rates: Mapping[str, Rates]) -> None:
    """Every line of the master playlist, each rendition in all."""
    renditions = {rendition.name: rendition for rendition in plan.renditions}
    sounds = {audio.name: audio for audio in plan.audio}
    groups: dict[str, list[HeldTrack]] = defaultdict(list)
    seen: dict[str, set[str]] = defaultdict(set)
    for variant in listed.variants:
        if variant.attributes.get("TYPE") == "AUDIO":
            name = listed.by_uri[variant.uri]
            claims.check_sound(variant, sounds[name])
            groups[variant.attributes["GROUP-ID"]].append(listed.tracks[name])
    for variant in listed.variants:
        if variant.tag == "MEDIA":
            continue
        name = listed.by_uri[variant.uri]
        track = listed.tracks[name]
        require(name in renditions, f"{variant.uri} is no rendition")
        seen[variant.tag].add(name)
        if variant.tag == "STREAM-INF":
            group = groups.get(variant.attributes.get("AUDIO", ""), [])
            require(bool(group) == bool(plan.audio), f"{variant.uri} has no audio group")
            claims.check_stream(variant, track, group, rates, renditions[name])
        else:
            claims.check_iframe_stream(variant, track, listed.iframes[name])
    for tag in ("STREAM-INF", "I-FRAME-STREAM-INF"):
        require(seen[tag] == renditions.keys(), f"a rendition has no EXT-X-{tag}")


def _check_access(out: Path, track: HeldTrack, playlist: manifests.MediaPlaylist) -> None:
    """Each fragment can be decoded with nothing before it, and shows nothing from before it."""
    opened = {index: segment.uri for index, segment in enumerate(playlist.segments)}
    shown = track.times[0].fragments[0].start
    for index, fragment in track.fragments():
        where = f"{track.name} segment {index + 1}"
        first = fragment.first
        require(first.sync and first.presented == fragment.start, f"{where} has leading pictures")
        require(fragment.start == shown, f"{where} has a GOP that isn't closed")
        shown = fragment.end
        with (out / HLS / opened[index]).open("rb") as stream:
            stream.seek(fragment.data)
            head = stream.read(min(HEAD_BYTES, first.size))
        require(starts_alone(track.entry, head), f"{where} has a GOP without a keyframe")


def _check_variant(variant: manifests.Variant) -> None:
    have = variant.attributes
    if variant.tag == "MEDIA":
        return
    wanted = {"BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "RESOLUTION"}
    if variant.tag == "STREAM-INF":
        wanted |= {"FRAME-RATE"}
    require(wanted <= have.keys(), f"{variant.uri} lacks {sorted(wanted - have.keys())}")
    require(
        int(have["BANDWIDTH"]) >= int(have["AVERAGE-BANDWIDTH"]) > 0,
        f"{variant.uri} has a peak under its mean",
    )


def _check_references(out: Path, folder: str, uris: Iterable[str]) -> None:
    for uri in uris:
        require(bool(uri) and not _ABSOLUTE.match(uri), f"{uri!r} is not relative")
        path = (out / folder / uri).resolve()
        require(path.is_relative_to(out.resolve()), f"{uri!r} leads out of the package")
        require(path.is_file() and path.stat().st_size > 0, f"{uri!r} is missing or empty")


def _check_grid(track: HeldTrack, grid: Grid, rendition: Rendition) -> None:
    step = Fraction(grid.segment_frames) / grid.frame_rate
    for index, times in enumerate(track.times):
        require(times.first_is_sync, f"{track.name} segment {index + 1} starts without a keyframe")
        require(
            times.start == index * step,
            f"{track.name} segment {index + 1} starts at {float(times.start):.6f} s,"
            f" not {float(index * step):.6f} s",
        )
    frames = sum(times.samples for times in track.times)
    wanted = grid.frames // rendition.step(grid)
    require(frames == wanted, f"{track.name} has {frames} of {wanted} frames")
    length = Fraction(grid.frames) / grid.frame_rate
    require(
        abs(track.cuts[-1] - length) <= 1 / rendition.frame_rate,
        f"{track.name} lasts {float(track.cuts[-1]):.4f} s, not {float(length):.4f} s",
    )


def _check_audio(track: HeldTrack, plan: EncodePlan) -> None:
    """Sound may end before the picture, but starts with it."""
    start = track.cuts[0]
    require(start <= 1 / plan.grid.frame_rate, f"{track.name} starts at {float(start):.4f} s")


def _uris(playlist: manifests.MediaPlaylist) -> list[str]:
    return [playlist.init or "", *(segment.uri for segment in playlist.segments)]


def _find(listed: _Listed, name: str) -> HeldTrack:
    require(name in listed.tracks, f"{name} is not in the package")
    return listed.tracks[name]
