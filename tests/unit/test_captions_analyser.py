"""The words of captions are judged where they are English, and reported where they are not."""

from pathlib import Path

import pytest

import caption_tracks
from caption_tracks import cue
from framegate.domain.findings import Status
from framegate.models.store import Models
from framegate.stages.screen.analysers.captions import CaptionsAnalyser
from framegate.stages.screen.cascade import Reading, Seen

pytest.importorskip("profanity_check", reason="the word model is an extra")

ENGLISH = "Well, there you are. I know that you would like this, but they did not get the money."
GERMAN = "Ich habe heute morgen lange auf den Zug gewartet, und dann kam er nicht, so war das denn."


def read(tmp_path: Path, *tracks: tuple[str, str, str]) -> Seen:
    reading = Reading([CaptionsAnalyser(Models(1).profanity())])
    for number, (name, language, text) in enumerate(tracks):
        cues = [cue(0, 1, text), cue(2, 3, "I will kill you, you fucking idiot")]
        if number:
            cues = cues[:1]
        reading.read(caption_tracks.made(tmp_path, name, cues, language=language), cues)
    return reading.finish()


def test_abuse_is_found_in_its_track_at_its_time(tmp_path: Path) -> None:
    seen = read(tmp_path, ("en", "en", ENGLISH))
    worst = max(seen.findings, key=lambda one: one.raw_score or 0)
    assert worst.label == "text.toxicity"
    assert (worst.raw_score or 0) > 0.9
    assert worst.track == 2
    assert worst.span is not None
    assert (worst.span.start, worst.span.end) == (2, 3)
    assert worst.detail.startswith("en: I will kill")
    assert [run.status for run in seen.runs] == [Status.OK]


@pytest.mark.parametrize(
    ("language", "text"), [("de", GERMAN), ("en", GERMAN), ("und", GERMAN), ("fr", ENGLISH)]
)
def test_what_is_not_english_is_unavailable_not_clean(
    tmp_path: Path, language: str, text: str
) -> None:
    seen = read(tmp_path, ("en", "en", ENGLISH), ("other", language, text))
    assert [run.status for run in seen.runs] == [Status.UNAVAILABLE]
    assert "other (1 cue)" in seen.runs[0].reason


def test_english_is_known_without_a_tag(tmp_path: Path) -> None:
    assert [run.status for run in read(tmp_path, ("CC1", "und", ENGLISH)).runs] == [Status.OK]


@pytest.mark.parametrize(
    "hidden",
    ["f\u200ducking st\u200cupid b\u200ditch", "f\u00aducking st\u200eupid b\u2066itch\u2069",
     "\U0001d41fucking stu\u0301pid \uff42itch"],
    ids=["joiners", "formatting", "look-alikes"],
)  # fmt: skip
def test_what_a_reader_does_not_see_hides_no_word(hidden: str, tmp_path: Path) -> None:
    cues = [cue(0, 1, ENGLISH), cue(2, 3, f"I know that you are a {hidden}")]
    reading = Reading([CaptionsAnalyser(Models(1).profanity())])
    reading.read(caption_tracks.made(tmp_path, "en", cues, language="en"), cues)
    assert max(one.raw_score or 0 for one in reading.finish().findings) > 0.9


def test_english_under_another_languages_name_is_read_all_the_same(tmp_path: Path) -> None:
    seen = read(tmp_path, ("fr", "fr", ENGLISH))
    assert [run.status for run in seen.runs] == [Status.UNAVAILABLE]
    assert max(one.raw_score or 0 for one in seen.findings) > 0.9
    assert not read(tmp_path, ("de", "de", f"{GERMAN} {GERMAN} {GERMAN}")).findings
