"""Our score of one frame is libvmaf's own score of that frame within the whole video."""

import gc
import json
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import pytest
from av.filter import Graph

from framegate.media.vmaf import score

WIDTH, HEIGHT, FRAMES = 320, 136, 12


def whole(references: list[av.VideoFrame], shown: list[av.VideoFrame], log: Path) -> list[float]:
    """Per-frame scores from libvmaf's own log file."""
    graph = Graph()
    shape = f"video_size={WIDTH}x{HEIGHT}:pix_fmt=yuv420p:time_base=1/25"
    main, reference = graph.add("buffer", shape), graph.add("buffer", shape)
    vmaf = graph.add("libvmaf", f"n_threads=1:log_fmt=json:log_path={log}")
    sink = graph.add("buffersink")
    main.link_to(vmaf, 0, 0)
    reference.link_to(vmaf, 0, 1)
    vmaf.link_to(sink)
    graph.configure()
    for index, pair in enumerate(zip(shown, references, strict=True)):
        for node, frame in zip((main, reference), pair, strict=True):
            frame.pts, frame.time_base = index, Fraction(1, 25)
            node.push(frame)
    main.push(None)
    reference.push(None)
    for _ in references:
        sink.pull()
    del graph, main, reference, vmaf, sink, node
    gc.collect()
    return [frame["metrics"]["vmaf"] for frame in json.loads(log.read_text())["frames"]]


def test_one_frame_scores_as_in_the_whole_video(clips: Path, tmp_path: Path) -> None:
    with av.open(str(clips / "bikes.mp4")) as container:
        decoded = list(islice(container.decode(video=0), FRAMES))
    references = [frame.reformat(WIDTH, HEIGHT, "yuv420p") for frame in decoded]
    poor = [frame.reformat(WIDTH // 4, HEIGHT // 4) for frame in references]
    shown = [frame.reformat(WIDTH, HEIGHT) for frame in poor]
    wanted = whole(references, shown, tmp_path / "vmaf.json")
    assert len(wanted) == FRAMES
    for index, expected in enumerate(wanted):
        after = references[index + 1] if index + 1 < FRAMES else None
        found = score(references[max(0, index - 1)], references[index], after, shown[index])
        assert found == pytest.approx(expected, abs=0.01)
    assert max(wanted) - min(wanted) > 1
