"""Prove that a package is what the plan says, from its files alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from framegate.domain.ladder import EncodePlan, Grid, Rendition
from framegate.domain.layout import MASTER, MPD
from framegate.domain.package import PackagedTrack, TrackKind
from framegate.errors import Internal
from framegate.stages.encode import manifests, segments

_ABSOLUTE = re.compile(r"^(/|[A-Za-z][A-Za-z0-9+.-]*:)")


@dataclass(frozen=True, slots=True)
class _Track:
    """A media playlist with what its segments hold."""

    name: str
    playlist: manifests.MediaPlaylist
    sizes: tuple[int, ...]
    times: tuple[segments.SegmentTimes, ...]


def verify(out: Path, plan: EncodePlan) -> tuple[PackagedTrack, ...]:
    """Measure the package in ``out`` and return its tracks, videos first.

    Holds: every reference is relative, inside ``out``, and a file with bytes; HLS and DASH name the
    same segments; every rendition has all frames of the grid, and its segments start with a sync
    sample on multiples of the segment length, the same instants in all; each track's decode times
    have no gap; durations agree with the plan within one frame; variants carry CODECS, RESOLUTION
    and FRAME-RATE, and no BANDWIDTH is under AVERAGE-BANDWIDTH. Raises `Internal` otherwise.
    """
    master = (out / MASTER).read_text("utf-8")
    variants = manifests.parse_master(master)
    by_track: dict[str, _Track] = {}
    for variant in variants:
        _check_variant(variant)
        path = out / "hls" / variant.uri
        _require(not _ABSOLUTE.match(variant.uri) and path.is_file(), f"{variant.uri} is missing")
        playlist = manifests.parse_media(path.read_text("utf-8"))
        _require(playlist.ended, f"{variant.uri} has no end")
        _check_references(out, "hls", _uris(playlist))
        if not playlist.iframes_only:
            track = _read_track(out, playlist)
            by_track[track.name] = track
    videos = [_find(by_track, rendition.name) for rendition in plan.renditions]
    audios = [_find(by_track, audio.name) for audio in plan.audio]
    _require(len(by_track) == len(videos) + len(audios), "a track is not in the plan")
    for track, rendition in zip(videos, plan.renditions, strict=True):
        _check_grid(track, plan.grid, rendition)
    for track in audios:
        _check_audio(track, plan)
    _check_dash(out, [*videos, *audios])
    return tuple(
        _measured(track, kind)
        for kind, tracks in ((TrackKind.VIDEO, videos), (TrackKind.AUDIO, audios))
        for track in tracks
    )


def _read_track(out: Path, playlist: manifests.MediaPlaylist) -> _Track:
    assert playlist.init is not None  # `_check_references` has seen it
    init = out / "hls" / playlist.init
    with init.open("rb") as stream:
        header = segments.read_header(stream)
    sizes, times = [], []
    for segment in playlist.segments:
        path = out / "hls" / segment.uri
        sizes.append(path.stat().st_size)
        with path.open("rb") as stream:
            times.append(segments.read_segment(stream, header))
    for before, after in pairwise(times):
        _require(before.decode_end == after.decode_start, f"{init.parent.name} has a hole")
    return _Track(init.parent.name, playlist, tuple(sizes), tuple(times))


def _check_variant(variant: manifests.Variant) -> None:
    have = variant.attributes
    if variant.tag == "MEDIA":
        return
    wanted = {"BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "RESOLUTION"}
    if variant.tag == "STREAM-INF":
        wanted |= {"FRAME-RATE"}
    _require(wanted <= have.keys(), f"{variant.uri} lacks {sorted(wanted - have.keys())}")
    _require(
        int(have["BANDWIDTH"]) >= int(have["AVERAGE-BANDWIDTH"]) > 0,
        f"{variant.uri} has a peak under its mean",
    )


def _check_references(out: Path, folder: str, uris: Iterable[str]) -> None:
    for uri in uris:
        _require(bool(uri) and not _ABSOLUTE.match(uri), f"{uri!r} is not relative")
        path = (out / folder / uri).resolve()
        _require(path.is_relative_to(out.resolve()), f"{uri!r} leads out of the package")
        _require(path.is_file() and path.stat().st_size > 0, f"{uri!r} is missing or empty")


def _check_grid(track: _Track, grid: Grid, rendition: Rendition) -> None:
    step = Fraction(grid.segment_frames) / grid.frame_rate
    for index, times in enumerate(track.times):
        _require(times.first_is_sync, f"{track.name} segment {index + 1} starts without a keyframe")
        _require(
            times.start == index * step,
            f"{track.name} segment {index + 1} starts at {float(times.start):.6f} s,"
            f" not {float(index * step):.6f} s",
        )
    frames = sum(times.samples for times in track.times)
    wanted = grid.frames // rendition.step(grid)
    _require(frames == wanted, f"{track.name} has {frames} of {wanted} frames")
    _check_duration(track, Fraction(grid.frames) / grid.frame_rate, 1 / grid.frame_rate)


def _check_audio(track: _Track, plan: EncodePlan) -> None:
    """Sound may end before the picture, but starts with it and is listed as long as it is."""
    start = track.times[0].start
    _require(abs(start) <= 1 / plan.grid.frame_rate, f"{track.name} starts at {float(start):.4f} s")
    # Playlists count what is presented: without the priming.
    _check_duration(track, sum((t.duration for t in track.times), Fraction(0)), Fraction(1, 10))


def _check_duration(track: _Track, wanted: Fraction, tolerance: Fraction) -> None:
    listed = sum((segment.duration for segment in track.playlist.segments), Fraction(0))
    held = sum((times.duration for times in track.times), Fraction(0))
    rounding = Fraction(len(track.times), 2000)  # playlists round to a millisecond
    for name, length, off in (
        ("playlist", listed, tolerance + rounding),
        ("samples", held, tolerance),
    ):
        _require(
            abs(length - wanted) <= off,
            f"{track.name} lasts {float(length):.4f} s by its {name}, not {float(wanted):.4f} s",
        )


def _check_dash(out: Path, tracks: Sequence[_Track]) -> None:
    representations = manifests.parse_mpd((out / MPD).read_text("utf-8"))
    listed = {r.init: r for r in representations}
    for track in tracks:
        representation = listed.pop(track.playlist.init or "", None)
        _require(representation is not None, f"{track.name} is not in the DASH manifest")
        assert representation is not None
        uris = [uri for uri, _, _ in representation.segments]
        _require(
            uris == [segment.uri for segment in track.playlist.segments],
            f"HLS and DASH disagree about the segments of {track.name}",
        )
        _require(bool(representation.codecs), f"{track.name} has no codecs in the DASH manifest")
    _require(not listed, "the DASH manifest has a track that HLS has not")


def _measured(track: _Track, kind: TrackKind) -> PackagedTrack:
    durations = [times.duration for times in track.times]
    rates = manifests.measure(track.sizes, durations, track.playlist.target_s)
    return PackagedTrack(
        name=track.name,
        kind=kind,
        segments=len(track.sizes),
        size_bytes=sum(track.sizes),
        bitrate_mean=rates.mean,
        bitrate_peak=rates.peak,
    )


def _uris(playlist: manifests.MediaPlaylist) -> list[str]:
    return [playlist.init or "", *(segment.uri for segment in playlist.segments)]


def _find(tracks: dict[str, _Track], name: str) -> _Track:
    _require(name in tracks, f"{name} is not in the package")
    return tracks[name]


def _require(holds: bool, why: str) -> None:  # noqa: FBT001 - an assertion with words
    if not holds:
        raise Internal("The package is not sound", why)
