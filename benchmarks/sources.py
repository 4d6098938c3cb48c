"""The sources that are measured, made from the real clips in ``.clips/``: same clips, same bytes.

`film` is 1080p with sound: bigbuckbunny (animation), bikes (six shots of sport) and cityCC0 (a hand
camera, MPEG-2) in turn, scaled up to fill 1920x1080, until it is long enough. x264 with B-frames
and a keyframe every 5 s, AAC stereo: what people upload. `looped` repeats any file by packet copy,
so that 20 minutes cost no encoding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import cycle
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.frame import PictureType, VideoFrame

CLIPS = Path(__file__).parent.parent / ".clips"
OUT = Path(__file__).parent / "out"
REELS = ("bigbuckbunny.mp4", "bikes.mp4", "cityCC0.mpg")
RATE, SAMPLE_RATE, AAC_SAMPLES = 25, 48_000, 1024


def film(seconds: int = 60, *, b_frames: int = 3, lines: int = 1080) -> Path:
    """1080p25 (or other 16:9 ``lines``) with sound, made once and kept in ``out/``. Without
    B-frames (as most phones and all screen recorders encode) every frame is a reference.
    """
    size = lines * 16 // 9, lines
    path = OUT / f"film-{lines}p-{seconds}s{'' if b_frames else '-no-b'}.mp4"
    if path.is_file():
        return path
    OUT.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".part.mp4")
    options = {"preset": "veryfast", "crf": "19", "bf": str(b_frames), "threads": "1"}
    with av.open(str(unfinished), "w") as out:
        video = out.add_stream("libx264", rate=RATE, options=options)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.codec_context.gop_size = 5 * RATE
        audio = out.add_stream("aac", rate=SAMPLE_RATE)
        audio.layout, audio.format, audio.bit_rate = "stereo", "fltp", 128_000
        audio.time_base = Fraction(1, SAMPLE_RATE)
        heard, samples = _sound(), 0
        for number, picture in zip(range(seconds * RATE), _pictures(size), strict=False):
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            picture.pict_type = PictureType.NONE
            out.mux(video.encode(picture))
            while samples * RATE < (number + 1) * SAMPLE_RATE:
                sound = next(heard)
                sound.pts, sound.time_base = samples, Fraction(1, SAMPLE_RATE)
                samples += sound.samples
                out.mux(audio.encode(sound))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
    return unfinished.rename(path)


def looped(source: Path, to: Path, seconds: float, *, sound: bool = False) -> Path:
    """The picture (and the sound) of ``source`` again and again, by packet copy."""
    with av.open(str(source)) as clip:
        tracks = [clip.streams.video[0], *(clip.streams.audio[:1] if sound else ())]
        track = tracks[0]
        times = [(p.pts or 0, p.duration or 0) for p in clip.demux(track) if p.size]
        lasting = (max(p + d for p, d in times) - min(p for p, _ in times)) * track.time_base
    first = (Fraction(-1), Fraction(0))  # of the first turn, of all others
    unfinished = to.with_suffix(f".part{to.suffix}")
    with av.open(str(unfinished), "w") as out:
        streams: list[Any] = []
        for turn in range(math.ceil(seconds / lasting)):
            with av.open(str(source)) as clip:
                tracks = [clip.streams.video[0], *(clip.streams.audio[:1] if sound else ())]
                streams = streams or [out.add_stream_from_template(track) for track in tracks]
                by_index = {track.index: number for number, track in enumerate(tracks)}
                for packet in clip.demux(*tracks):
                    # sound has a packet before 0, which is the encoder's priming
                    if not packet.size or packet.pts is None or packet.dts is None:
                        continue
                    if first[turn > 0] <= packet.pts * packet.time_base < lasting:
                        shift = round(turn * lasting / packet.time_base)
                        packet.pts += shift
                        packet.dts += shift
                        packet.stream = streams[by_index[packet.stream_index]]
                        out.mux(packet)
    return unfinished.rename(to)


def scaled(source: Path, to: Path) -> Path:
    """The picture at 1080p with x264's own defaults for B-frames; no sound."""
    with av.open(str(source)) as clip, av.open(str(to), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "bf": "3"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for index, frame in enumerate(clip.decode(video=0)):
            large = frame.reformat(1920, 1080, "yuv420p")
            large.pts, large.time_base = index, Fraction(1, RATE)
            large.pict_type = PictureType.NONE
            out.mux(stream.encode(large))
        out.mux(stream.encode(None))
    return to


def _pictures(size: tuple[int, int]) -> Iterator[VideoFrame]:
    for name in cycle(REELS):
        with av.open(str(CLIPS / name)) as clip:
            for frame in clip.decode(video=0):
                yield frame.reformat(*size, "yuv420p", interpolation="LANCZOS")


def _sound() -> Iterator[AudioFrame]:
    for name in cycle(name for name in REELS if _has_sound(CLIPS / name)):
        resampler = AudioResampler("fltp", "stereo", SAMPLE_RATE, AAC_SAMPLES)
        with av.open(str(CLIPS / name)) as clip:
            for frame in clip.decode(audio=0):
                frame.pts = None
                yield from (f for f in resampler.resample(frame) if f.samples == AAC_SAMPLES)


def _has_sound(path: Path) -> bool:
    with av.open(str(path)) as clip:
        return bool(clip.streams.audio)
