"""Captions through the whole job: what they say is looked at before anything is published."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from framegate import settings, wiring
from framegate.domain.captions import CaptionsMode
from framegate.domain.policy import Action
from framegate.flow.state import Ending, Outcome
from framegate.testing import dtvcc, line21
from framegate.testing.clips import make_clip
from framegate.testing.subtitles import TextTrack, add_text

pytest.importorskip("profanity_check", reason="the word model is an extra")

QUICK = {"screen": {"speech": False}, "encode": {"vmaf": "off", "ladder": "fixed"}}
ABUSE = (1_000, 1_900, "I will kill you, you fucking idiot")


class Silent:
    def start(self, stage: str, total: float | None, unit: str) -> None: ...
    def advance(self, stage: str, done: float) -> None: ...
    def end(self, stage: str, note: str = "") -> None: ...


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[wiring.Application]:
    home = tmp_path_factory.mktemp("captions") / "home"
    with wiring.opened(settings.load(paths={"home": home}, **QUICK)) as opened:
        yield opened


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    clip = make_clip(folder / "clip.mkv")
    tracks = [
        TextTrack("srt", [(100, 900, "Good evening."), ABUSE], "eng"),
        TextTrack("ass", [(100, 900, "Guten Abend.")], "ger"),
    ]
    return add_text(clip, folder / "film.mkv", tracks)


def process(
    app: wiring.Application, film: Path, out: Path, mode: CaptionsMode = CaptionsMode.KEEP
) -> Outcome:
    options = wiring.process_options(app.settings, output=out, captions=mode)
    (result,) = app.processing.process(
        [film], options, lambda _path, _number, _total: Silent(), lambda _result: None
    )
    assert result.outcome is not None
    return result.outcome


def test_abusive_captions_wait_for_a_person_and_are_published_after(
    app: wiring.Application, film: Path, tmp_path: Path
) -> None:
    held = process(app, film, tmp_path / "out")
    assert held.status is Ending.REVIEW
    fired = {reason.rule: reason for reason in held.decision.verdict.reasons}
    (finding,) = fired["abusive-text-check"].findings
    assert (finding.analyser, finding.track) == ("text.captions", 1)
    assert finding.span is not None
    assert float(finding.span.start) == pytest.approx(1.0, abs=0.002)
    output = Path(held.output)
    assert not (output / "captions").exists()
    report = json.loads((output / "report.json").read_text())
    assert [track["name"] for track in report["captions"]["tracks"]] == ["en", "de"]
    (run,) = [r for r in report["screening"]["runs"] if r["analyser"] == "text.captions"]
    assert run["status"] == "unavailable"
    assert "de (1 cue)" in run["reason"]

    app.reviews.resolve(
        held.asset.id, Action.ALLOW, actor="someone", reason="a film", progress=Silent()
    )
    assert {path.name for path in (output / "captions").iterdir()} == {"en.vtt", "de.vtt"}
    assert "Good evening." in (output / "captions" / "en.vtt").read_text()
    master = (output / "hls" / "master.m3u8").read_text()
    assert master.count("TYPE=SUBTITLES") == 2
    assert "captions/de.vtt" in (output / "dash" / "manifest.mpd").read_text()
    page = (output / "report.html").read_text()
    assert "Captions, German" in page


def test_captions_that_nobody_wants_are_neither_read_nor_published(
    app: wiring.Application, film: Path, tmp_path: Path
) -> None:
    done = process(app, film, tmp_path / "out", CaptionsMode.DROP)
    assert done.status is Ending.PUBLISHED
    assert done.captions.tracks == ()
    assert len(done.captions.dropped) == 2
    output = Path(done.output)
    assert not (output / "captions").exists()
    assert "SUBTITLES" not in (output / "hls" / "master.m3u8").read_text()


@pytest.fixture(scope="module")
def broadcast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same words as CEA-608 and CEA-708 inside the pictures."""
    writer = dtvcc.Writer()
    services = dtvcc.together(
        dtvcc.ending_at(30, writer.say(1, dtvcc.pop_on(["Good evening, everyone."]))),
        {30: writer.say(1, dtvcc.display(0))},
    )
    pairs = line21.together(
        line21.ending_at(30, line21.pop_on(["GOOD EVENING, EVERYONE."])),
        line21.starting_at(30, line21.command(line21.END_OF_CAPTION)),
    )
    path = tmp_path_factory.mktemp("broadcast") / "broadcast.mp4"
    return line21.write(path, (pairs, {}), frames=60, services=services)


@pytest.mark.parametrize("mode", CaptionsMode)
def test_captions_in_the_picture_are_published_once_or_not_at_all(
    app: wiring.Application, broadcast: Path, tmp_path: Path, mode: CaptionsMode
) -> None:
    done = process(app, broadcast, tmp_path / "out", mode)
    assert done.status is Ending.PUBLISHED
    output = Path(done.output)
    names = [path.name for path in output.glob("captions/*")]
    page = (output / "report.html").read_text()
    if mode is CaptionsMode.KEEP:
        assert names == ["SERVICE1.vtt"]
        assert "Good evening, everyone." in (output / "captions/SERVICE1.vtt").read_text()
        assert "CEA-708 (track 0, SERVICE1)" in page
        assert "track 0, CC1: SERVICE1 says the same" in page
    else:
        assert names == []
        assert "captions inside the picture (eia_608): not wanted" in page
    assert "CLOSED-CAPTIONS=NONE" in (output / "hls" / "master.m3u8").read_text()
    segments = list(output.glob("media/*/*.m4s"))
    assert segments
    assert not any(b"GA94" in path.read_bytes() for path in segments)
