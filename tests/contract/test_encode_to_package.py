"""From a real clip to a package: real encoders, real packager, real sandbox."""

import hashlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest

import tracks
from framegate.domain.ladder import EncodeOptions, VideoCodec
from framegate.domain.limits import ProbeLimits
from framegate.security.sandbox.host import ForkServer
from framegate.stages.base import StageContext
from framegate.stages.encode import manifests
from framegate.stages.encode.encode import encode_audio, encode_chunk, join_rendition
from framegate.stages.encode.hardware import encoders
from framegate.stages.encode.ladder import plan as plan_encode
from framegate.stages.encode.package import package
from framegate.stages.encode.proof import prove
from framegate.stages.encode.stills import make_stills
from framegate.stages.probe import probe

CODECS = {VideoCodec.H264: "avc1.", VideoCodec.H265: "hvc1.", VideoCodec.AV1: "av01."}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ForkServer]:
    with ForkServer() as running:
        yield running


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("bigbuckbunny.mp4", VideoCodec.H264),
        ("cityCC0.mpg", VideoCodec.H264),
        ("bikes.mp4", VideoCodec.H265),
        ("bikes.mp4", VideoCodec.AV1),
    ],
)
def test_a_clip_becomes_a_package(
    sandbox: ForkServer, clips: Path, tmp_path: Path, name: str, codec: VideoCodec
) -> None:
    like = tracks.context(tmp_path)
    context = StageContext(sandbox, tmp_path, like.progress, like.clock)
    source = clips / name
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    fd = os.open(source, os.O_RDONLY)
    try:
        facts = probe(
            context, fd, name=name, size_bytes=source.stat().st_size, limits=ProbeLimits()
        )
        # chunks of one segment, so that short clips have joins
        plan = plan_encode(facts, EncodeOptions(codec=codec, max_short_side=480, chunk_s=4))
        found = encoders(sandbox)
        receipts = [
            encode_chunk(context, fd, facts, plan, chunk, source_sha256=digest, encoders=found)
            for chunk in plan.chunks
        ]
        videos = [join_rendition(context, plan, receipts, one) for one in plan.renditions]
        sound = [encode_audio(context, fd, facts, plan, one) for one in plan.audio]
        proven = prove(context, fd, facts.video, plan, videos, max_pixels=1 << 26)
    finally:
        os.close(fd)
    audios = [one for one in sound if one is not None]
    out = tmp_path / "package"
    packaged = package(context, plan, proven, audios, out)
    stills = make_stills(context, plan, proven, audios, out, poster_at=Fraction(1))

    assert {track.name for track in packaged.tracks} == {
        *(rendition.name for rendition in plan.renditions),
        *(audio.audio.name for audio in audios),
    }
    assert any(window.join for window in proven[0].windows) == (len(plan.chunks) > 1)
    assert all(window.vmaf_mean > 50 for video in proven for window in video.windows)
    variants = manifests.parse_master((out / "hls/master.m3u8").read_text())
    assert all(
        variant.attributes["CODECS"].startswith(CODECS[codec])
        for variant in variants
        if variant.tag == "STREAM-INF"
    )
    for rendition in plan.renditions:
        folder = out / "media" / rendition.name
        joined = tmp_path / f"{rendition.name}.mp4"
        parts = [folder / "init.mp4", *sorted(folder.glob("*.m4s"))]
        joined.write_bytes(b"".join(part.read_bytes() for part in parts))
        with av.open(str(joined)) as container:
            assert sum(1 for _ in container.decode(video=0)) == plan.grid.frames
    with av.open(str(out / stills.preview)) as container:
        assert sum(1 for _ in container.decode(video=0)) == plan.grid.frames
