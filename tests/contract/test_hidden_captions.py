"""Captions in the source's pictures do not go on in the renditions' pictures: what is published of
them is WebVTT that was looked at, at its own times, and nothing where they are dropped.
"""

from dataclasses import replace
from pathlib import Path

import av
import pytest
from av.sidedata.sidedata import Type

import footage
from chunking import run_chunks
from framegate.domain.ladder import Chunk, EncodeOptions, VideoCodec
from framegate.media.captions_a53 import triples
from framegate.security.sandbox.host import ForkServer
from framegate.stages.base import StageContext
from framegate.stages.encode.ladder import plan as make_plan
from framegate.testing import dtvcc, line21

FRAMES = 24
PRESETS = {VideoCodec.H264: "ultrafast", VideoCodec.H265: "ultrafast", VideoCodec.AV1: "12"}


def captioned(path: Path) -> Path:
    """Line 21 and a service, in every picture."""
    writer = dtvcc.Writer()
    shown = dtvcc.define(0, 1, 32, visible=True)
    services = {n: writer.say(1, shown + b"secret") for n in range(FRAMES)}
    pairs = line21.starting_at(0, line21.pop_on(["SECRET", "SECRET"])[:FRAMES])
    return line21.write(path, (pairs, {}), frames=FRAMES, services=services)


@pytest.mark.parametrize("kind", list(VideoCodec))
def test_no_rendition_has_the_sources_captions(tmp_path: Path, kind: VideoCodec) -> None:
    source = captioned(tmp_path / "c.mkv")
    with av.open(str(source)) as container:
        frames = list(container.decode(video=0))
    assert all(Type.A53_CC in frame.side_data for frame in frames)
    facts = footage.facts_of(source)
    plan = make_plan(facts, EncodeOptions(codec=kind, preset=PRESETS[kind]))
    low = replace(plan.renditions[-1], name="low", width=160, height=90)
    plan = replace(
        plan, renditions=(plan.renditions[-1], low), chunks=(Chunk(0, 0, plan.grid.frames),)
    )
    work = tmp_path / "work"
    work.mkdir()
    with ForkServer() as sandbox:
        context = StageContext(sandbox, work, None, None)  # type: ignore[arg-type]
        (receipt,) = run_chunks(context, source, facts, plan)
    for file in receipt.files:
        with av.open(str(work / file.path)) as container:
            (stream,) = container.streams.video
            packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        assert len(packets) == plan.grid.frames
        name = {"hevc": "hevc", "h264": "h264"}.get(stream.codec_context.name, "av1")
        assert not any(triples(packet, name) or b"GA94" in packet for packet in packets)
