"""Speech: where, in which language, which words, and how abusive English words are."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from framegate.domain.findings import Finding
from framegate.models import registry
from framegate.models.profanity import Profanity
from framegate.models.whisper import Heard, Listener
from framegate.stages.screen.analysers.scores import Scores
from framegate.stages.screen.protocol import Looked, Sound

_MODEL = "whisper-base"
_TOXICITY = "speech.toxicity"
_SUPPORTED = "en"
_MIN_LANGUAGE = 0.5  # probability; a guess below it is not a language
_MIN_SPEECH_S = 1.0  # of one block; shorter sounds have no language worth naming
_MILLISECONDS = 1000


class SpeechAnalyser:
    """Whisper base on blocks of at most 30 s; the English word model on what was said."""

    name = "speech.whisper"
    version = "1+faster-whisper-1.2.1"
    level = "speech"
    labels = (_TOXICITY,)
    model: str | None = _MODEL

    def __init__(self, listener: Listener, profanity: Profanity) -> None:
        self.model_sha256: str | None = registry.get(_MODEL).sha256
        self._listener = listener
        self._profanity = profanity
        self._begin()

    def _begin(self) -> None:
        self._scores = Scores(self.name, self.version)
        self._spoken: defaultdict[str, float] = defaultdict(float)  # language → s
        self._wordless_s = 0.0

    def listen(self, start: Fraction, sound: Sound) -> Looked:
        """Findings of one block; none for silence, none for a language that is not judged."""
        heard = self._listener.listen(sound)
        language = self._language(heard)
        if not heard.utterances:
            self._wordless_s += heard.speech_s
        if language:
            self._spoken[language] += heard.speech_s
        if language != _SUPPORTED:
            return Looked()
        findings: list[Finding] = []
        for said in heard.utterances:
            findings.extend(
                self._scores.hear(
                    _TOXICITY,
                    self._profanity.score(said.text),
                    start + Fraction(round(said.start_s * _MILLISECONDS), _MILLISECONDS),
                    start + Fraction(round(said.end_s * _MILLISECONDS), _MILLISECONDS),
                    said.text,
                )
            )
        return Looked(findings=tuple(findings))

    def _language(self, heard: Heard) -> str:
        """A BCP 47 code, "und" for speech of no certain language, "" for none."""
        if heard.speech_s < _MIN_SPEECH_S or not heard.utterances:
            # English words may still be judged: a short shout is most often the main language
            return _SUPPORTED if heard.language == _SUPPORTED and heard.utterances else ""
        return heard.language if heard.language_probability >= _MIN_LANGUAGE else "und"

    def finish(self) -> Looked:
        """The language spoken longest; unavailable when any speech could not be judged."""
        looked = self._told()
        self._begin()
        return looked

    def _told(self) -> Looked:
        limits = f"{self._wordless_s:.0f} s of voice without words" if self._wordless_s else ""
        if not self._spoken:
            return Looked(findings=self._scores.peaks(), reason=limits or "no speech found")
        main = max(self._spoken, key=lambda language: self._spoken[language])
        foreign = {name: s for name, s in self._spoken.items() if name != _SUPPORTED}
        if not foreign:
            return Looked(findings=self._scores.peaks(), spoken_language=main, reason=limits)
        listed = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in sorted(foreign.items()))
        return Looked(
            findings=self._scores.peaks(),
            spoken_language=main,
            unavailable=True,
            reason=f"speech not judged (the word model knows English only): {listed}",
        )
