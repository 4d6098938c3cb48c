"""Captions: how abusive their English words are, cue by cue."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from framegate.domain.captions import CaptionTrack, Cue
from framegate.domain.counted import counted
from framegate.domain.languages import short_tag
from framegate.models import registry
from framegate.models.profanity import Profanity
from framegate.stages.screen.analysers.scores import Scores
from framegate.stages.screen.protocol import Looked

_MODEL = "profanity-en"
_TOXICITY = "text.toxicity"
_ENGLISH = "en"
_WORD = re.compile(r"[^\W\d_]+")

# Small words of English that are no words of its neighbours ("to" is Polish, "are" Romanian, "do"
# Portuguese, "have" Danish): three in ten of what people say.
_SMALL = frozenset(
    word
    for word in re.findall(
        r"\w+",
        "the and you that this what with your they there how when she his from know like get but "
        "why who it not would could because",
    )
)
_ENOUGH_WORDS = 12  # fewer say nothing about their language
_TAGGED, _UNTAGGED = 0.05, 0.10  # least share of small words


class CaptionsAnalyser:
    """The word model on every cue of every track that is in English."""

    name = "text.captions"
    version = "1+alt-profanity-check-1.9.1"
    level = "captions"
    labels = (_TOXICITY,)
    model: str | None = _MODEL

    def __init__(self, profanity: Profanity) -> None:
        self.model_sha256: str | None = registry.get(_MODEL).sha256
        self._profanity = profanity
        self._scores = Scores(self.name, self.version)
        self._unjudged: list[str] = []

    def read(self, track: CaptionTrack, cues: Sequence[Cue]) -> Looked:
        """One finding for each cue from the floor on; none for a language that is not judged.
        English under another language's name is read too, and still called not judged.
        """
        if not _is_english(track, cues):
            self._unjudged.append(f"{track.name} ({counted(len(cues), 'cue')})")
            if not _written_in_english(cues, _UNTAGGED):
                return Looked()
        found = []
        for cue in cues:
            text = " ".join(cue.text.split())
            if any(char.isalpha() for char in text):
                score = self._profanity.score(_unaccented(_visible(text)))
                words = f"{track.name}: {text}"
                seen = self._scores.hear(_TOXICITY, score, cue.start, cue.end, words)
                found += [replace(each, track=track.source_index) for each in seen]
        return Looked(findings=tuple(found))

    def finish(self) -> Looked:
        """Unavailable when any track could not be judged."""
        if not self._unjudged:
            return Looked(findings=self._scores.peaks())
        listed = ", ".join(self._unjudged)
        return Looked(
            findings=self._scores.peaks(),
            unavailable=True,
            reason=f"captions not judged (the word model knows English only): {listed}",
        )


def _visible(text: str) -> str:
    """Without what no reader sees, and one form of each letter."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(char for char in plain if unicodedata.category(char) != "Cf")


def _unaccented(text: str) -> str:
    split = unicodedata.normalize("NFKD", text)
    return "".join(char for char in split if unicodedata.category(char) != "Mn")


def _is_english(track: CaptionTrack, cues: Sequence[Cue]) -> bool:
    """By what is written; a tag alone is only what somebody says, and asks for less proof."""
    tag = short_tag(track.language).partition("-")[0]
    if tag not in ("", _ENGLISH):
        return False
    words = _words(cues)
    if len(words) < _ENOUGH_WORDS:
        return all(char.isascii() for word in words for char in word)
    return _written_in_english(cues, _TAGGED if tag == _ENGLISH else _UNTAGGED)


def _written_in_english(cues: Sequence[Cue], least: float) -> bool:
    words = _words(cues)
    found = sum(word in _SMALL for word in words)
    return len(words) >= _ENOUGH_WORDS and found >= least * len(words)


def _words(cues: Sequence[Cue]) -> list[str]:
    return [word for cue in cues for word in _WORD.findall(_visible(cue.text).lower())]
