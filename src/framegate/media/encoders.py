"""The encoders, flag by flag.

What holds for all three: one thread each (so that the same frames give the same bytes on any
machine; the rungs of a chunk, and chunks, are what runs in parallel), closed GOPs that begin where
the caller says, the same codec headers in every chunk (so that chunks join by packet copy), and
colours said in the bitstream.
"""

from __future__ import annotations

from typing import cast

import av
from av.codec import Codec
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from framegate.domain.ladder import Rendition, VideoCodec
from framegate.errors import ComponentMissing
from framegate.security.sandbox import Call

ENCODERS = {
    VideoCodec.H264: "libx264",
    VideoCodec.H265: "libx265",
    VideoCodec.AV1: "libsvtav1",
}
"""FFmpeg's name of the software encoder for each output codec."""

HARDWARE = ("h264_nvenc", "hevc_nvenc", "av1_nvenc", "h264_qsv", "hevc_qsv", "h264_vaapi")


def list_(call: Call) -> dict[str, object]:
    """Task: which encoders this build has, and the versions that the bytes depend on."""
    del call
    return {
        "software": {codec.value: _known(name) for codec, name in ENCODERS.items()},
        "hardware_built_in": [name for name in HARDWARE if _known(name)],
        "libraries": {"pyav": av.__version__}
        | {name: ".".join(map(str, version)) for name, version in av.library_versions.items()},
    }


def _known(name: str) -> bool:
    try:
        Codec(name, "w")
    except ValueError:
        return False
    return True


def add_encoder(container: OutputContainer, rendition: Rendition) -> VideoStream:
    """A video stream in ``container`` that encodes ``rendition``.

    Frames must carry PTS on the output grid (time base 1 / frame rate) and picture type I exactly
    where a GOP begins. Raises `ComponentMissing` when the build lacks the encoder.
    """
    name = ENCODERS[rendition.codec]
    if not _known(name):
        raise ComponentMissing(f"The encoder {name} is not in this build of PyAV")
    stream = cast(
        "VideoStream",
        container.add_stream(name, rate=rendition.frame_rate, options=_options(rendition)),
    )
    context = stream.codec_context
    context.width, context.height = rendition.width, rendition.height
    context.pix_fmt = "yuv420p"  # what every decoder since 2010 takes
    context.time_base = 1 / rendition.frame_rate
    context.sample_aspect_ratio = rendition.sample_aspect
    context.thread_count = 1
    # Without these players guess from the size, and guess SD as BT.601.
    context.color_range = ColorRange.MPEG
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    context.colorspace = Colorspace.ITU709
    # headers once, outside the packets: what MP4 wants, and what lets chunks be compared
    context.flags |= Flags.global_header
    return stream


def _options(rendition: Rendition) -> dict[str, str]:
    common = {
        "preset": rendition.preset,
        "crf": f"{rendition.crf:g}",
        "maxrate": str(rendition.maxrate),
        "bufsize": str(rendition.bufsize_bits),
    }
    return common | _OWN[rendition.codec](rendition)


def _x264(_: Rendition) -> dict[str, str]:
    parameters = {
        # keyframes come from the caller's picture types and nowhere else
        "keyint": "infinite",
        "scenecut": "0",
        # headers depend on settings alone, not on what the rate control saw
        "stitchable": "1",
        # one slice thread, no lookahead thread: byte-identical runs
        "threads": "1",
        "lookahead-threads": "1",
    }
    return {
        "profile": "high",
        "forced-idr": "1",  # a forced I picture is an IDR: nothing refers across it
        "x264-params": _joined(parameters),
    }


def _x265(_: Rendition) -> dict[str, str]:
    parameters = {
        "keyint": "-1",  # infinite; the caller's picture types decide
        "scenecut": "0",
        "open-gop": "0",
        # one frame thread and no pool: byte-identical runs
        "pools": "none",
        "frame-threads": "1",
        # parameter sets only in the header: the sample entry `hvc1` forbids them in the packets
        "repeat-headers": "0",
        "info": "0",  # no SEI with the build's version inside the header
        "log-level": "error",
    }
    return {"forced-idr": "1", "profile": "main", "x265-params": _joined(parameters)}


def _svtav1(rendition: Rendition) -> dict[str, str]:
    parameters = {
        # with forced key frames on, the encoder keys where the caller says
        "keyint": "-1",
        "irefresh-type": "2",  # closed GOP
        "scd": "0",
        "lp": "1",  # one logical processor: byte-identical runs
        "pin": "0",  # but not pinned to core 0, where every rung of every chunk would meet
        "tune": "1",  # PSNR: tune 0 is slower here and no better in VMAF
        "film-grain": "0",
        # capped CRF: the ceiling in kbit/s
        "mbr": str(max(1, rendition.maxrate // 1000)),
    }
    return {"svtav1-params": _joined(parameters)}


_OWN = {VideoCodec.H264: _x264, VideoCodec.H265: _x265, VideoCodec.AV1: _svtav1}


def _joined(parameters: dict[str, str]) -> str:
    return ":".join(f"{name}={value}" for name, value in parameters.items())
