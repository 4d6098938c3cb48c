"""What the files of one packaged track hold, read from their boxes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from framegate.stages.encode.manifests import MediaPlaylist
from framegate.stages.encode.sample_entry import SampleEntry
from framegate.stages.encode.segments import (
    Fragment,
    SegmentTimes,
    TrackHeader,
    read_header,
    read_segment,
)


@dataclass(frozen=True, slots=True)
class HeldTrack:
    """One folder under ``media/``: its segments in order, ``sizes`` in bytes."""

    name: str
    header: TrackHeader
    sizes: tuple[int, ...]
    times: tuple[SegmentTimes, ...]

    @property
    def entry(self) -> SampleEntry:
        """Its codec."""
        return self.header.entry

    @property
    def cuts(self) -> tuple[Fraction, ...]:
        """When each segment begins to be presented (s), and when the last one ends."""
        starts = (max(Fraction(0), times.start) for times in self.times)  # priming isn't presented
        return (*starts, self.times[-1].end)

    @property
    def durations(self) -> tuple[Fraction, ...]:
        """Presented seconds of each segment."""
        return tuple(after - before for before, after in pairwise(self.cuts))

    def instant(self, media_time: int) -> Fraction:
        """When something at ``media_time`` units is presented (s)."""
        return Fraction(media_time - self.header.media_start, self.header.timescale)

    @property
    def keyframes(self) -> tuple[Fraction, ...]:
        """When the first sample of each fragment is presented (s), and when the last one ends."""
        firsts = (self.instant(fragment.first.presented) for _, fragment in self.fragments())
        return (*firsts, self.times[-1].end)

    def fragments(self) -> Iterator[tuple[int, Fragment]]:
        """Every fragment with the place of its segment in the track."""
        for index, times in enumerate(self.times):
            for fragment in times.fragments:
                yield index, fragment


def read_listed(folder: Path, playlist: MediaPlaylist) -> HeldTrack:
    """Read the headers of what a playlist in ``folder`` names. Raises `Internal`."""
    with (folder / (playlist.init or "")).open("rb") as stream:
        header = read_header(stream)
    sizes, times = [], []
    for segment in playlist.segments:
        path = folder / segment.uri
        sizes.append(path.stat().st_size)
        with path.open("rb") as stream:
            times.append(read_segment(stream, header))
    return HeldTrack(playlist.track, header, tuple(sizes), tuple(times))


def buffer_needed(track: HeldTrack, bandwidth: int) -> Fraction:
    """Seconds that must be received before playing begins, so that at ``bandwidth`` bit/s, from
    the start of any segment on, no sample comes late: what an MPD promises with ``@bandwidth`` and
    ``@minBufferTime`` (ISO/IEC 23009-1, 5.3.5.4).
    """
    needed, least = Fraction(0), Fraction(0)
    sent = 0
    for size, times in zip(track.sizes, track.times, strict=True):
        start = Fraction(times.decode_start, track.header.timescale)
        least = min(least, Fraction(8 * sent, bandwidth) - start)
        for after, read in times.bursts:
            due = start + Fraction(after, track.header.timescale)
            needed = max(needed, Fraction(8 * (sent + read), bandwidth) - due - least)
        sent += size
    return needed
