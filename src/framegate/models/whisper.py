"""faster-whisper (extra ``speech``): voice activity, language and words of a piece of sound."""

from __future__ import annotations

import importlib
import mmap
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framegate.errors import ComponentMissing, Internal

RATE = 16_000  # Hz
_MIN_SILENCE_MS = 500  # a shorter pause does not end a stretch of speech
_PAD_MS = 200


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


def _join(parts: Sequence[Path]) -> bytes:
    """The model's two halves as one, copied once (they are mapped, not read)."""
    with ExitStack() as stack:
        maps = [
            stack.enter_context(
                mmap.mmap(stack.enter_context(part.open("rb")).fileno(), 0, access=mmap.ACCESS_READ)
            )
            for part in parts
        ]
        return b"".join(maps)


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
            config, tokenizer, vocabulary, *halves = self._files
            self._model = importlib.import_module("faster_whisper").WhisperModel(
                "whisper-base",
                device="cpu",
                compute_type="int8",
                cpu_threads=self._threads,
                num_workers=1,
                files={
                    "config.json": config.read_bytes(),
                    "tokenizer.json": tokenizer.read_bytes(),
                    "vocabulary.txt": vocabulary.read_bytes(),
                    "model.bin": _join(halves),
                },
            )
        return self._model

    def listen(self, sound: NDArray[np.float32]) -> Heard:
        """Mono sound at `RATE`, at most 30 s. Raises `Internal` when the vendor fails."""
        try:
            with self._lock:
                return self._listen(sound)
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
            condition_on_previous_text=False,  # else one invented line breeds more
            vad_filter=True,
            vad_parameters=options,
        )
        utterances = tuple(
            Utterance(float(part.start), float(part.end), str(part.text).strip())
            for part in segments
        )
        return Heard(speech_s, str(info.language), float(info.language_probability), utterances)
