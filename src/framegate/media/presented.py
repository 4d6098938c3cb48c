"""The presented frames of one track, in order, with non-reference frames skipped where they may be.

    packets ──► decoder (NONREF) ──► a hole longer than the gap, with packets inside?
                                        no ──► frame
                                        yes ──► seek back, decode everything from here on

So the promise of a maximum gap never rests on a guess about how the source was encoded.
"""

from __future__ import annotations

from bisect import bisect_right, insort
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
        self._first_pts = start / base
        self._gap_pts = max_gap / base
        self._waiting: list[int] = []  # PTS of packets not yet passed by a frame, ascending
        self._untimed_packet = False
        self.skipping = skip
        self.why_full = ""  # why skipping was given up
        self.tally = Tally()
        self.decoded = 0
        self.misordered = 0  # frames at or before the one already shown: nobody sees them

    def __iter__(self) -> Iterator[VideoFrame]:
        """Frames with strictly ascending PTS, none before the track's presented start."""
        shown: int | None = None
        while True:
            hole = False
            replayed = shown  # frames up to here were shown before the seek
            self._stream.codec_context.skip_frame = "NONREF" if self.skipping else "DEFAULT"
            frames = decode_packets(self._watched(), self._stream, tally=self.tally)
            with closing(frames):  # type: ignore[type-var]
                for frame in frames:
                    pts = frame.pts
                    if pts is None or pts < self._first_pts:
                        continue
                    if shown is not None and pts <= shown:
                        self.misordered += replayed is None or pts > replayed
                        continue
                    if self._is_hole(shown, pts):
                        hole = True
                        break
                    self._pass(pts)
                    shown = pts
                    self.decoded += 1
                    yield frame
            if not hole and not self._is_hole(shown, None):
                return
            self.skipping = False
            self.why_full = self.why_full or "skipping left a gap"
            self._back_to(shown)

    def _watched(self) -> Iterator[Packet[Any]]:
        for packet in packets(self._container, self._stream, tally=self.tally):
            if packet.pts is None:
                self._stop_skipping("packets without timestamps")
            elif self.skipping:
                insort(self._waiting, packet.pts)
            yield packet

    def _stop_skipping(self, why: str) -> None:
        if self.skipping:
            self.skipping, self.why_full = False, why
            self._stream.codec_context.skip_frame = "DEFAULT"

    def _is_hole(self, shown: int | None, pts: int | None) -> bool:
        """Whether frames were skipped over longer than the gap: between ``shown`` and ``pts``
        (None: the end of the file).
        """
        if not self.skipping:
            return False
        since = self._first_pts if shown is None else Fraction(shown)
        first = bisect_right(self._waiting, since)
        if pts is None:
            return first < len(self._waiting) and self._waiting[-1] - since > self._gap_pts
        return pts - since > self._gap_pts and first < bisect_right(self._waiting, pts - 1)

    def _pass(self, pts: int) -> None:
        del self._waiting[: bisect_right(self._waiting, pts)]

    def _back_to(self, shown: int | None) -> None:
        """Seek to the keyframe at or before ``shown``; what was shown is not shown again."""
        self._waiting.clear()
        target = int(self._first_pts) if shown is None else shown
        with vendor_errors("The file cannot be read again"):
            self._container.seek(target, stream=self._stream, backward=True, any_frame=False)
