"""The encoders, flag by flag.

What holds for all three: one thread each (so that the same frames give the same bytes again; the
rungs of a chunk, and chunks, are what runs in parallel), closed GOPs that begin where the caller
says, the same codec headers in every chunk (so that chunks join by packet copy), and colours said
in the bitstream.

**Rate.** A rendition's ceiling is kept by every whole segment (at most 1.1 times ``maxrate`` over
its length) and by the joined track (a decoder that fills ``bufsize_bits`` at ``maxrate`` never runs
dry), although each chunk's encoder starts without knowing what the one before it left over:

- x264 and x265 get 0.88 of ``maxrate`` and a buffer of half ``bufsize_bits`` at that rate. A buffer
  of B bits lets a segment of T seconds have rate x T + B bits: with B = one second, T = four, that
  is 0.88 x 5 / 4 = 1.1. (With ``maxrate`` and two seconds as they stand it would be 1.5; 1.31 was
  measured.)
- A chunk starts with that buffer nine tenths full, whatever the one before it left (started half
  full, its first second looks worse: 1.4 VMAF over two seconds). The debt, 0.8 seconds of the
  ceiling at most, and the encoder's own buffer fit into the decoder's two seconds, and the eighth
  of the ceiling that is never spent pays it back within seven seconds; chunks last thirty.
- SVT-AV1's capped CRF has no buffer that could be set: its own overshoot, half of the ceiling by
  default, is set to nothing. Measured, not proven: 0.92 of ``maxrate`` at most.
"""

from __future__ import annotations

import ctypes
import platform
from fractions import Fraction
from functools import cache
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

SHARE = Fraction(22, 25)
"""Of a rendition's ceiling, what the encoder's own buffer drains at; see the module's words."""

BUFFER = SHARE / 2
"""Of ``bufsize_bits`` (two seconds of the ceiling), the encoder's own buffer: one of its own."""

START = "0.9"
"""How full x264 and x265 take the buffer to be when a chunk begins."""

NO_AVX512 = "avx2,fma3,bmi2,lzcnt"
"""What x264 may use of a processor that has AVX-512: all but that. Its AVX-512 lookahead counts
eight macroblocks at a time and the memory behind the last of them too
(`mbtree_propagate_list_internal_avx512`; found with ``MALLOC_PERTURB_``): wherever a row does not
have a multiple of eight, so in nearly every portrait video and at 854x480, the same frames came out
as different bytes. It saves nothing either: `benchmarks/RESULTS.md`, "x264 without AVX-512".
"""

HARDWARE = ("h264_nvenc", "hevc_nvenc", "av1_nvenc", "h264_qsv", "hevc_qsv", "h264_vaapi")

AVX512 = 0x100000  # AV_CPU_FLAG_AVX512 of libavutil/cpu.h


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
        container.add_stream(name, rate=rendition.frame_rate, options=options(rendition)),
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


def options(rendition: Rendition) -> dict[str, str]:
    """Every option of the encoder, by FFmpeg's names."""
    common = {"preset": rendition.preset, "crf": f"{rendition.crf:g}"}
    return common | _OWN[rendition.codec](rendition)


def _buffered(rendition: Rendition) -> dict[str, str]:
    """The ceiling of encoders that keep a buffer."""
    return {
        "maxrate": str(round(rendition.maxrate * SHARE)),
        "bufsize": str(round(rendition.bufsize_bits * BUFFER)),
    }


def _x264(rendition: Rendition) -> dict[str, str]:
    parameters = {
        # keyframes come from the caller's picture types and nowhere else
        "keyint": "infinite",
        "scenecut": "0",
        # headers depend on settings alone, not on what the rate control saw
        "stitchable": "1",
        # one slice thread, no lookahead thread: byte-identical runs
        "threads": "1",
        "lookahead-threads": "1",
        "vbv-init": START,
    }
    return _buffered(rendition) | {
        "profile": "high",
        "forced-idr": "1",  # a forced I picture is an IDR: nothing refers across it
        "x264-params": _joined(parameters | x264_instructions(), rendition),
    }


def x264_instructions() -> dict[str, str]:
    """What x264 has to be told so that nothing in memory but the pictures changes its bytes."""
    return {"asm": NO_AVX512} if _has_avx512() else {}


@cache
def _has_avx512() -> bool:
    """Whether FFmpeg finds AVX-512 here (it asks the processor: a jailed child has no /proc)."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return False
    linked = ctypes.CDLL(av.logging.__file__)  # through it, whichever libavutil this PyAV has
    found: int = linked.av_get_cpu_flags()
    return bool(found & AVX512)


def _x265(rendition: Rendition) -> dict[str, str]:
    parameters = {
        "keyint": "-1",  # infinite; the caller's picture types decide
        "scenecut": "0",
        "open-gop": "0",
        # one frame thread and no pool: byte-identical runs
        "pools": "none",
        "frame-threads": "1",
        "vbv-init": START,
        # parameter sets only in the header: the sample entry `hvc1` forbids them in the packets
        "repeat-headers": "0",
        "info": "0",  # no SEI with the build's version inside the header
        "log-level": "error",
    }
    own = {"forced-idr": "1", "profile": "main", "x265-params": _joined(parameters, rendition)}
    return _buffered(rendition) | own


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
        "mbr-overshoot-pct": "0",
    }
    return {"svtav1-params": _joined(parameters, rendition)}


_OWN = {VideoCodec.H264: _x264, VideoCodec.H265: _x265, VideoCodec.AV1: _svtav1}


def _joined(parameters: dict[str, str], rendition: Rendition) -> str:
    said = [f"{name}={value}" for name, value in parameters.items()]
    return ":".join([*said, *rendition.tuned])
