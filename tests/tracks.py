"""Small finished tracks on a grid, as the encode stage leaves them in the work folder."""

import hashlib
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from framegate.domain.ladder import (
    AudioRendition,
    Chunk,
    EncodedAudio,
    EncodedRendition,
    EncodePlan,
    Grid,
    Rendition,
    VideoCodec,
)
from framegate.stages.base import StageContext
from framegate.testing.progress import Silent
from framegate.testing.sandbox import InProcessSandbox

SIZES = {"360p": (640, 360), "180p": (320, 180)}
MOVFLAGS = "dash+delay_moov+frag_keyframe+skip_sidx+skip_trailer"


def context(work: Path) -> StageContext:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return StageContext(InProcessSandbox(), work, Silent(), lambda: now)


def plan_for(rate: Fraction, frames: int, *, audio: int, names: tuple[str, ...]) -> EncodePlan:
    gop = round(2 * rate)
    return EncodePlan(
        renditions=tuple(
            Rendition(
                name, *SIZES[name], VideoCodec.H264, 30.0, 900_000, 1_800_000, "veryfast", rate
            )
            for name in names
        ),
        audio=tuple(
            AudioRendition(
                f"audio{i}", i, "aac", 96_000, 48_000, 2, ("en", "de")[i], ("English", "German")[i]
            )
            for i in range(audio)
        ),
        grid=Grid(rate, frames, gop, 2 * gop),
        chunks=(Chunk(0, 0, frames),),
    )


def make(
    work: Path,
    rate: Fraction,
    frames: int,
    *,
    audio: int = 1,
    names: tuple[str, ...] = ("360p", "180p"),
    crf: int = 30,
) -> tuple[EncodePlan, list[EncodedRendition], list[EncodedAudio]]:
    """A plan and its tracks, encoded here from moving patterns and a tone."""
    plan = plan_for(rate, frames, audio=audio, names=names)
    videos = []
    for rendition in plan.renditions:
        path = work / "video" / f"{rendition.name}.mp4"
        _encode_video(path, rendition, plan.grid, crf)
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        videos.append(
            EncodedRendition(
                rendition, str(path.relative_to(work)), digest, len(data), 0, 0, frames
            )
        )
    audios = []
    for track in plan.audio:
        path = work / "audio" / f"{track.name}.mp4"
        _encode_audio(path, track, frames / rate)
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        audios.append(EncodedAudio(track, str(path.relative_to(work)), digest, len(data), 1024))
    return plan, videos, audios


def picture(width: int, height: int, index: int, frames: int) -> np.ndarray:
    """A gradient that moves, with noise that stays: something to compress, cheap to make."""
    across = np.linspace(0, 255, width)[None, :] + 3 * index
    down = np.linspace(0, 128, height)[:, None]
    noise = np.random.default_rng(7).integers(0, 24, (height, width))
    red = (across + down + noise) % 256
    green = np.broadcast_to((down * 2 + index) % 256, (height, width))
    blue = np.full((height, width), 255 * index // max(1, frames))
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


def _encode_video(path: Path, rendition: Rendition, grid: Grid, crf: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    gop = grid.gop_frames
    with av.open(str(path), "w", format="mp4", options={"movflags": MOVFLAGS}) as out:
        stream = out.add_stream("libx264", rate=grid.frame_rate)
        stream.width, stream.height, stream.pix_fmt = rendition.width, rendition.height, "yuv420p"
        stream.codec_context.time_base = 1 / grid.frame_rate
        stream.options = {
            "crf": str(crf),
            "preset": "veryfast",
            "threads": "1",
            "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0",
        }
        for index in range(grid.frames):
            pixels = picture(rendition.width, rendition.height, index, grid.frames)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, 1 / grid.frame_rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _encode_audio(path: Path, track: AudioRendition, seconds: Fraction) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = track.sample_rate
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=rate, layout="stereo")
        stream.bit_rate = track.bitrate
        for start in range(0, len(tone), 1024):
            part = tone[start : start + 1024].astype(np.float32)
            both = np.ascontiguousarray(np.stack([part, part]))
            frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
