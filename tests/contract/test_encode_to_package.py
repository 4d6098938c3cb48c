"""From a real clip to a package: real encoders, real packager, real sandbox."""

from collections.abc import Iterator
from pathlib import Path

import av
import pytest

import encoded
from framegate.domain.ladder import EncodeOptions, VideoCodec
from framegate.security.sandbox.host import ForkServer
from framegate.stages.encode import manifests

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
    # chunks of one segment, so that short clips have joins
    options = EncodeOptions(codec=codec, max_short_side=480, chunk_s=4)
    done = encoded.encode(sandbox, clips / name, tmp_path, options)
    plan, out = done.plan, done.out

    assert {track.name for track in done.packaged.tracks} == {
        *(rendition.name for rendition in plan.renditions),
        *(audio.audio.name for audio in done.audios),
    }
    # short clips have too few windows for their joins (see `proof`)
    assert len(plan.chunks) > 1 or not any(window.join for window in done.videos[0].windows)
    assert all(window.vmaf_mean > 50 for video in done.videos for window in video.windows)
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
    with av.open(str(out / done.stills.preview)) as container:
        assert sum(1 for _ in container.decode(video=0)) == plan.grid.frames
