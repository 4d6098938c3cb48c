"""The presented frames of one track, in order, with non-reference frames skipped where they may be.

    packets ──► decoder (NONREF) ──► a hole longer than the gap, with packets inside?
                                        no ──► frame
                                        yes ──► seek back, decode everything from here on

So the promise of a maximum gap never rests on a guess about how the source was encoded.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from framegate.media.container import (
    Tally,
    counts_places,
    decode_packets,
    packets,
    time_base,
    vendor_errors,
)


class PresentedFrames:
    """Iterate once. Counters are complete after the last frame."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        start: Fraction,
        max_gap: Fraction,
        skip: bool,
    ) -> None:
        self._container = container
        self._stream = stream
        base = time_base(stream)
        # whole ticks: comparing them to other ticks is exact, and a tenth of a fraction's cost
        self._first_pts = math.ceil(start / base)
        self._gap_pts = math.floor(max_gap / base)
        self._waiting: list[int] = []  # PTS of packets not yet passed by a frame, ascending
        self._untimed_packet = False
        # by the number of packets that the decoder takes a place counts: all of them it must be
        self.skipping = skip and not counts_places(container)
        self.why_full = "packets without timestamps" if skip and not self.skipping else ""
        self.tally = Tally()
        self.decoded = 0
        self.lost: list[tuple[int, int]] = []  # PTS: longer than the gap, with packets inside
        self._leaps: list[tuple[int, int]] = []  # PTS: longer than the gap, nothing inside so far
        self.misordered = 0  # frames at or before the one already shown: nobody sees them

    def __iter__(self) -> Iterator[VideoFrame]:
        """Frames with strictly ascending PTS, none before the track's presented start."""
        shown: int | None = None
        while True:
            hole = False
            replayed = shown  # frames up to here were shown before the seek
            self._stream.codec_context.skip_frame = "NONREF" if self.skipping else "DEFAULT"
            frames = decode_packets(self._watched(), self._stream, tally=self.tally)
            with closing(frames):
                for frame in frames:
                    pts = frame.pts
                    if pts is None or pts < self._first_pts:
                        continue
                    if shown is not None and pts <= shown:
                        if replayed is None or pts > replayed:
                            self._turn_up(pts)
                        continue
                    near = shown is not None and pts - shown <= self._gap_pts
                    since = None if near else self._hole(shown, pts)
                    if since is not None and self.skipping:
                        hole = True
                        break
                    self._pass(shown, pts, since)
                    shown = pts
                    self.decoded += 1
                    yield frame
            if not hole:
                since = self._hole(shown, None)
                if since is not None and not self.skipping:
                    self.lost.append((since, self._waiting[-1]))
                if since is None or not self.skipping:
                    return
            self.skipping = False
            self.why_full = self.why_full or "skipping left a gap"
            self._back_to(shown)

    def _watched(self) -> Iterator[Packet[Any]]:
        for packet in packets(self._container, self._stream, tally=self.tally):
            if packet.pts is None:
                self._stop_skipping("packets without timestamps")
            elif not packet.is_discard:
                insort(self._waiting, packet.pts)
            yield packet

    def _stop_skipping(self, why: str) -> None:
        if self.skipping:
            self.skipping, self.why_full = False, why
            self._stream.codec_context.skip_frame = "DEFAULT"

    def _hole(self, shown: int | None, pts: int | None) -> int | None:
        """Where a stretch begins that is longer than the gap and holds packets: from ``shown``
        (None: the start) to ``pts`` (None: the end of the file). None when there is none.
        """
        since = self._first_pts if shown is None else shown
        until = (self._waiting[-1] if self._waiting else since) if pts is None else pts
        if until - since <= self._gap_pts:
            return None
        first = bisect_right(self._waiting, since)
        last = len(self._waiting) if pts is None else bisect_left(self._waiting, pts)
        return since if first < last else None

    def _turn_up(self, pts: int) -> None:
        """A frame comes after one that is presented later: the leap over it was no empty stretch
        (one wrong timestamp can hide minutes).
        """
        self.misordered += 1
        for leap in [(since, until) for since, until in self._leaps if since < pts < until]:
            self._leaps.remove(leap)
            self.lost.append(leap)

    def _pass(self, shown: int | None, pts: int, since: int | None) -> None:
        if since is not None:
            self.lost.append((since, pts))
        elif shown is not None and pts - shown > self._gap_pts:
            self._leaps.append((shown, pts))
        del self._waiting[: bisect_right(self._waiting, pts)]

    def _back_to(self, shown: int | None) -> None:
        """Seek to the keyframe at or before ``shown``; what was shown is not shown again."""
        self._waiting.clear()
        target = self._first_pts if shown is None else shown
        with vendor_errors("The file cannot be read again"):
            self._container.seek(target, stream=self._stream, backward=True, any_frame=False)
