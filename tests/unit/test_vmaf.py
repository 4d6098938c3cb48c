"""Our score of one frame is libvmaf's own score of that frame within the whole video."""

import gc
import json
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import pytest
from av.filter import Graph

from framegate.media import libvmaf

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
    order = (5, 0, FRAMES - 1, *range(FRAMES))  # any order, the first and the last too
    with libvmaf.Scorer(WIDTH, HEIGHT) as scorer:
        for index in order:
            before = references[max(0, index - 1)]
            after = references[index + 1] if index + 1 < FRAMES else before
            scorer.add(before, references[index], after, shown[index])
        found = scorer.scores()
    assert found == pytest.approx([wanted[index] for index in order], abs=1e-6)
    assert max(wanted) - min(wanted) > 1


def test_a_context_may_be_used_up_in_between(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with av.open(str(clips / "bikes.mp4")) as container:
        frames = [
            f.reformat(WIDTH, HEIGHT, "yuv420p") for f in islice(container.decode(video=0), 7)
        ]
    shown = frames[1].reformat(WIDTH // 4, HEIGHT // 4).reformat(WIDTH, HEIGHT)

    def scores() -> list[float]:
        with libvmaf.Scorer(WIDTH, HEIGHT) as scorer:
            for before, reference, after in zip(frames, frames[1:], frames[2:], strict=False):
                scorer.add(before, reference, after, shown)
            return scorer.scores()

    at_once = scores()
    monkeypatch.setattr(libvmaf, "_MOST", 2)
    assert scores() == at_once
    assert len(at_once) == 5
