"""faster-whisper (extra ``speech``): voice activity, language and words of a piece of sound."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framegate.errors import ComponentMissing, DiskFull, Internal

RATE = 16_000  # Hz
_MIN_SILENCE_MS = 500  # a shorter pause does not end a stretch of speech
_PAD_MS = 200
_COPY_BYTES = 1 << 20
_MOST_REPETITIVE = 2.4  # gzip ratio; OpenAI's own mark of a loop ("hmmmmm…"), which is no words
_MOST_TOKENS = 224  # of one window of 30 s: twice what fast speech has; a loop ends there


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words between two times (s from the start of the piece)."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """``speech_s`` is voice activity; without it language is "" and nothing was transcribed."""

    speech_s: float
    language: str = ""
    language_probability: float = 0.0
    utterances: tuple[Utterance, ...] = ()


def _compose(files: Sequence[Path], folder: Path) -> None:
    """The model folder that CTranslate2 reads: small files linked, the weights' halves joined."""
    *small, first, second = files
    for path in small:
        folder.joinpath(path.name).symlink_to(path)
    with folder.joinpath("model.bin").open("wb") as whole:
        for half in (first, second):
            with half.open("rb") as part:
                shutil.copyfileobj(part, whole, _COPY_BYTES)


class Listener:
    """Whisper base in 8-bit integers, with Silero's voice activity before it.

    Whisper is loaded at the first speech: a video without any never pays for it.
    """

    def __init__(self, files: Sequence[Path], threads: int) -> None:
        """``files``: config, tokenizer, vocabulary, and the two halves of the weights.

        Raises `ComponentMissing` when the package is not installed.
        """
        self._files = tuple(files)
        self._threads = threads
        self._lock = Lock()
        self._model: Any = None
        try:
            self._vad: Any = importlib.import_module("faster_whisper.vad")
        except ImportError as error:
            raise ComponentMissing(
                "package faster-whisper",
                f"it cannot be imported ({error})",
                "Install it with `pip install 'framegate[speech]'`",
            ) from error

    def _whisper(self) -> Any:  # noqa: ANN401 - the vendor's object
        if self._model is None:
            # Given in memory instead, CTranslate2 keeps a copy of the file for as long as it lives.
            with TemporaryDirectory(prefix="framegate-whisper-") as folder:
                _compose(self._files, Path(folder))
                self._model = importlib.import_module("faster_whisper").WhisperModel(
                    folder,
                    device="cpu",
                    compute_type="int8",
                    cpu_threads=self._threads,
                    num_workers=1,
                    local_files_only=True,
                )
        return self._model

    def listen(self, sound: NDArray[np.float32]) -> Heard:
        """Mono sound at `RATE`, at most 30 s. Raises `Internal` when the vendor fails."""
        try:
            with self._lock:
                return self._listen(sound)
        except OSError as error:
            if error.errno == ENOSPC:
                raise DiskFull("temporary folder", "Whisper's weights need 145 MB there") from error
            raise Internal("model whisper-base", f"it failed ({error.strerror})") from error
        except Exception as error:  # ctranslate2 and onnxruntime raise bare exceptions
            raise Internal("model whisper-base", f"it failed ({type(error).__name__})") from error

    def _listen(self, sound: NDArray[np.float32]) -> Heard:
        options = self._vad.VadOptions(
            min_silence_duration_ms=_MIN_SILENCE_MS, speech_pad_ms=_PAD_MS
        )
        stretches = self._vad.get_speech_timestamps(sound, options, RATE)
        speech_s = sum(stretch["end"] - stretch["start"] for stretch in stretches) / RATE
        if not stretches:
            return Heard(0.0)
        segments, info = self._whisper().transcribe(
            sound,
            beam_size=1,  # greedy: a third of the time of five beams; words, not prose, are scored
            temperature=0.0,  # no second tries: a hummed tune took 30 s of them for 2 s of sound
            max_new_tokens=_MOST_TOKENS,
            condition_on_previous_text=False,  # else one invented line breeds more
            vad_filter=True,
            vad_parameters=options,
        )
        utterances = tuple(
            Utterance(float(part.start), float(part.end), str(part.text).strip())
            for part in segments
            if part.compression_ratio <= _MOST_REPETITIVE
        )
        return Heard(speech_s, str(info.language), float(info.language_probability), utterances)
