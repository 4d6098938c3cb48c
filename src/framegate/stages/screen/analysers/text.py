"""Text in the picture, once for each shot, and how abusive its English words are."""

from __future__ import annotations

from collections.abc import Sequence

from framegate.domain.counted import counted
from framegate.domain.findings import Finding
from framegate.domain.frames import Sample
from framegate.models import registry
from framegate.models.ocr import Line, TextReader
from framegate.models.profanity import Profanity
from framegate.stages.screen.analysers.scores import Scores, region_of
from framegate.stages.screen.protocol import Every, Looked

_MODEL = "pp-ocr-v6-small"
_OVERLAY = "text.overlay"
_TOXICITY = "text.toxicity"
_MIN_LINE = 0.6  # reading score; below it lines are mostly textures
_MIN_SIGNS = 3  # letters and digits in the picture; fewer are wheels and windows read as O and I
_LATIN_SHARE = 0.5  # of the letters; the word model knows English only


class TextAnalyser:
    """RapidOCR on the first sample of each shot."""

    name = "text.rapidocr"
    version = "1+rapidocr-3.10.0"
    level = "text"
    batch = 1
    every = Every.SHOT
    model: str | None = _MODEL

    def __init__(self, reader: TextReader, profanity: Profanity | None) -> None:
        """Without ``profanity`` the words are read but not judged, and `finish` says so."""
        self.model_sha256: str | None = registry.get(_MODEL).sha256
        self.labels = (_OVERLAY, _TOXICITY) if profanity else (_OVERLAY,)
        self._reader = reader
        self._profanity = profanity
        self._scores = Scores(self.name, self.version)
        self._unjudged = 0

    def analyse(self, samples: Sequence[Sample]) -> Looked:
        """One finding for each picture with text: the surest line's score, the words."""
        findings: list[Finding] = []
        for sample in samples:
            lines = [line for line in self._reader.read(sample.pixels) if line.score >= _MIN_LINE]
            if sum(char.isalnum() for line in lines for char in line.text) >= _MIN_SIGNS:
                findings.extend(self._judge(sample, lines))
        return Looked(findings=tuple(findings))

    def _judge(self, sample: Sample, lines: Sequence[Line]) -> list[Finding]:
        left = min(line.x for line in lines)
        top = min(line.y for line in lines)
        right = max(line.x + line.width for line in lines)
        bottom = max(line.y + line.height for line in lines)
        region = region_of(left, top, right - left, bottom - top, sample)
        words = " ".join(line.text for line in lines)
        surest = max(line.score for line in lines)
        findings = list(self._scores.see(_OVERLAY, surest, sample, region, words))
        letters = [char for char in words if char.isalpha()]
        latin = sum(char.isascii() for char in letters)
        if self._profanity is None or latin < _LATIN_SHARE * len(letters):
            self._unjudged += bool(letters)
        elif letters:
            score = self._profanity.score(words)
            findings.extend(self._scores.see(_TOXICITY, score, sample, region, words))
        return findings

    def finish(self) -> Looked:
        """Says how much text nobody judged."""
        samples = counted(self._unjudged, "sample")
        reason = f"text of {samples} was read, not judged" if self._unjudged else ""
        return Looked(findings=self._scores.peaks(), reason=reason)
