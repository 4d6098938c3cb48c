"""What the captions say, shown to whoever reads them."""

from __future__ import annotations

from collections.abc import Sequence

from framegate.domain import webvtt
from framegate.domain.captions import Captions
from framegate.stages.base import StageContext
from framegate.stages.screen.cascade import Reading, Seen
from framegate.stages.screen.protocol import CaptionAnalyser
from framegate.storage.local import read_hashed


def read(context: StageContext, captions: Captions, analysers: Sequence[CaptionAnalyser]) -> Seen:
    """Show every caption track that may be published to every analyser of captions.

    Raises `WorkLost` when a file is not the one that its track names.
    """
    reading = Reading(analysers)
    if not captions.tracks:
        return Seen(runs=reading.skipped("the video has no captions"))
    for track in captions.tracks:
        content = read_hashed(context.work / track.path, track.sha256)
        reading.read(track, webvtt.parse(content.decode()))
    return reading.finish()
