"""RapidOCR (extra ``text``): text in a picture."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from threading import Lock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from framegate.errors import ComponentMissing, Internal
from framegate.models.onnx import Session

_DETECTION_SIDE = 640  # px: the previews' own size; the vendor's 736 would enlarge them


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, its box in pixels of the picture, and how sure the reader is (0..1)."""

    text: str
    score: float
    x: float
    y: float
    width: float
    height: float


class _Config(dict[str, Any]):
    """A part of the vendor's configuration, which is read by item and by attribute. Its own
    type refuses to hold a session.
    """

    __getattr__ = dict.get  # None where it says nothing, as there


class TextReader:
    """One loaded reader (detection and recognition; upright lines, no turning)."""

    def __init__(self, detection: Session, recognition: Session) -> None:
        """The vendor's steps around our sessions: its own ones spin between runs. Raises
        `ComponentMissing`.
        """
        self._lock = Lock()
        try:
            vendor = importlib.import_module("rapidocr")
            engine = vendor.RapidOCR(
                params={
                    "Global.log_level": "critical",
                    "Global.use_cls": False,  # upside-down lines are not worth a third model
                    "Det.limit_side_len": _DETECTION_SIDE,
                    "Det.limit_type": "max",
                }
            )
            detect = importlib.import_module("rapidocr.ch_ppocr_det").TextDetector
            recognise = importlib.import_module("rapidocr.ch_ppocr_rec").TextRecognizer
            engine.text_det = detect(_Config(engine.cfg.Det, session=detection.vendor))
            engine.text_rec = recognise(_Config(engine.cfg.Rec, session=recognition.vendor))
            self._engine: Any = engine
        except Exception as error:  # rapidocr raises bare exceptions of many kinds
            raise ComponentMissing(
                "package rapidocr",
                f"it cannot be loaded ({type(error).__name__})",
                "Install it with `pip install 'framegate[text]'`",
            ) from error

    def read(self, pixels: NDArray[np.uint8]) -> tuple[Line, ...]:
        """Lines in an RGB picture, as the reader orders them (top to bottom)."""
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        try:
            with self._lock:
                result = self._engine(bgr)
        except Exception as error:  # rapidocr raises bare exceptions of many kinds
            raise Internal(
                "model pp-ocr-v6-small", f"it failed ({type(error).__name__})"
            ) from error
        if result.boxes is None or result.txts is None or result.scores is None:
            return ()
        lines: list[Line] = []
        for box, text, score in zip(result.boxes, result.txts, result.scores, strict=True):
            left, top = np.min(box, axis=0)
            right, bottom = np.max(box, axis=0)
            lines.append(
                Line(
                    str(text),
                    float(score),
                    float(left),
                    float(top),
                    float(right - left),
                    float(bottom - top),
                )
            )
        return tuple(lines)
