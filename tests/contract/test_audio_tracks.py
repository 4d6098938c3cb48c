"""Every sound track that is published was listened to; players learn what each one is for."""

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.stream import Disposition

import encoded
import footage
from framegate import settings, wiring
from framegate.domain.findings import Finding, Status
from framegate.domain.ladder import EncodeOptions
from framegate.domain.layout import MASTER, MPD
from framegate.domain.sound import AudioCodec, AudioPurpose
from framegate.domain.span import Span
from framegate.flow.state import Ending
from framegate.media.audio_samples import to_mono
from framegate.stages.encode.manifests import DASH, Variant, parse_master, read_xml
from framegate.stages.screen.protocol import Looked, Panel, Sound
from framegate.testing.progress import Silent
from framegate.testing.sandbox import InProcessSandbox
from looking import Ear, look_at
from soundtracks import Track, film

ENGLISH = Track("ac3", "5.1", "eng", hertz=300)
GERMAN = Track(language="deu", purpose=Disposition.default, hertz=400)
COMMENT = Track(language="eng", purpose=Disposition.comment, hertz=500)
DESCRIBED = Track(layout="mono", language="eng", purpose=Disposition.visual_impaired, hertz=600)
BROKEN = Track(language="fra", broken=True)
UNKNOWN = Track("wavpack", language="ita")
FOUR = (ENGLISH, GERMAN, COMMENT, DESCRIBED)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> encoded.Encoded:
    folder = tmp_path_factory.mktemp("tracks")
    source = film(folder / "film.mkv", FOUR)
    options = EncodeOptions(preset="ultrafast", audio_codec=AudioCodec.OPUS)
    return encoded.encode(InProcessSandbox(), source, folder / "work", options, proof=False)


def media(package: encoded.Encoded) -> list[Variant]:
    found = parse_master((package.out / MASTER).read_text("utf-8"))
    return [variant for variant in found if variant.tag == "MEDIA"]


def test_each_group_of_hls_has_every_track_under_the_same_name(package: encoded.Encoded) -> None:
    groups: dict[str, list[dict[str, Any]]] = {}
    for variant in media(package):
        groups.setdefault(variant.attributes["GROUP-ID"], []).append(dict(variant.attributes))
    assert list(groups) == ["audio", "surround"]
    names = ["German", "English", "English (commentary)", "English (audio description)"]
    for group in groups.values():
        assert [track["NAME"] for track in group] == names
        assert [track["DEFAULT"] for track in group] == ["YES", "NO", "NO", "NO"]
        assert [track["LANGUAGE"] for track in group] == ["de", "en", "en", "en"]
        assert group[2].get("AUTOSELECT", "NO") == "NO"
        assert group[3]["CHARACTERISTICS"] == "public.accessibility.describes-video"
    assert [track["CHANNELS"] for track in groups["audio"]] == ["2", "2", "2", "2"]
    assert [track["CHANNELS"] for track in groups["surround"]] == ["2", "6", "2", "2"]
    master = parse_master((package.out / MASTER).read_text("utf-8"))
    streams = [variant for variant in master if variant.tag == "STREAM-INF"]
    assert {stream.attributes["AUDIO"] for stream in streams} == set(groups)
    assert all("opus" in stream.attributes["CODECS"] for stream in streams)


def test_dash_says_what_each_track_is_for(package: encoded.Encoded) -> None:
    root = read_xml((package.out / MPD).read_text("utf-8"))
    found = []
    for each in root.iter(f"{DASH}AdaptationSet"):
        if each.get("contentType") == "audio":
            label, role, access = (
                each.find(f"{DASH}{name}") for name in ("Label", "Role", "Accessibility")
            )
            assert label is not None
            assert role is not None
            found.append(
                (
                    label.text,
                    role.get("value"),
                    None if access is None else access.get("value"),
                    each.get("selectionPriority"),
                )
            )
    assert found == [
        ("German", "main", None, "2"),
        ("English", "alternate", None, None),
        ("English (commentary)", "commentary", None, None),
        ("English (audio description)", "description", "1", None),
        ("English 5.1", "alternate", None, None),
    ]


class Listener(Ear):
    """Finds something in every track, after its first block."""

    def __init__(self) -> None:
        super().__init__()
        self.tracks = 0

    def listen(self, start: Fraction, sound: Sound) -> Looked:
        super().listen(start, sound)
        hit = Finding("ear", "1", "speech.toxicity", Status.OK, 0.5, span=Span(start, start))
        return Looked(findings=(hit,))

    def finish(self) -> Looked:
        self.tracks += 1
        return Looked(reason=f"call {self.tracks}")


def test_every_track_is_heard_and_findings_say_which(tmp_path: Path) -> None:
    source = film(tmp_path / "film.mkv", (ENGLISH, GERMAN, BROKEN), seconds=2)
    ear = Listener()
    found = look_at(source, tmp_path / "work", Panel(audio=(ear,)))
    heard = {track.index: track for track in found.sound}
    assert [track.index for track in found.sound] == [2, 1, 3]  # the default one first
    assert (heard[1].screened, heard[2].screened, heard[3].screened) == (True, True, False)
    assert heard[3].why
    assert heard[1].heard_s == pytest.approx(2, abs=0.1)
    assert [finding.track for finding in found.findings] == [2, 1]
    assert [(run.track, run.reason) for run in found.runs] == [
        (2, "track 2: call 1"),
        (1, "track 1: call 2"),
    ]
    assert found.signals.loudness_lufs == heard[2].loudness_lufs


@pytest.mark.parametrize(
    "gains",
    [(1.0, -1.0), (0.0, 1.0), (0.0, 0.0, 0.0, 1.0, 0.0, 0.0)],
    ids=["opposite phases", "one side", "low-frequency channel"],
)
def test_no_channel_hides_from_the_ear(gains: tuple[float, ...], tmp_path: Path) -> None:
    """What a plain mix to mono would lose."""
    seconds = np.arange(2 * 48_000) / 48_000
    wave = 0.2 * np.sin(2 * np.pi * 440 * seconds)
    sound = np.outer(gains, wave).astype(np.float32)
    frames = [footage.grey(footage.numbered(n, 64, 64)) for n in range(50)]
    source = footage.write(tmp_path / "film.mkv", frames, sound=sound)
    ear = Ear()
    look_at(source, tmp_path / "work", Panel(audio=(ear,)))
    heard = np.concatenate([block for _, block in ear.blocks])
    assert np.abs(heard[1000:-1000]).max() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("channel", range(6))
def test_a_louder_channel_hides_no_other_one_from_the_ear(channel: int) -> None:
    """Of six, a mean has a sixth of each, and less than the loudest one alone."""
    seconds = np.arange(16_000) / 16_000
    sound = np.zeros((16_000, 6), np.float32)
    sound[:, (channel + 1) % 6] = 0.33 * np.sin(2 * np.pi * 440 * seconds)
    sound[:, channel] = 0.3 * np.sin(2 * np.pi * 1000 * seconds)
    spectrum = np.abs(np.fft.rfft(to_mono(sound))) * 2 / len(sound)
    assert spectrum[1000] > 0.2
    assert spectrum[440] > 0.2


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[wiring.Application]:
    home = tmp_path_factory.mktemp("desk")
    with wiring.opened(
        settings.load(
            paths={"home": home},
            screen={"text": False, "speech": False},
            encode={"vmaf": "off"},
        )
    ) as app:
        yield app


def test_what_was_not_heard_is_not_published_and_said_so(
    desk: wiring.Application, tmp_path: Path
) -> None:
    source = film(tmp_path / "film.mkv", (BROKEN, GERMAN, UNKNOWN), seconds=2)
    options = wiring.process_options(desk.settings, output=tmp_path / "out", preset="ultrafast")
    (result,) = desk.processing.process((source,), options, lambda *_: Silent(), lambda _: None)
    assert result.error is None
    assert result.outcome is not None
    assert result.outcome.status is Ending.PUBLISHED
    out = Path(result.outcome.output)
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert [track["label"] for track in report["plan"]["audio"]] == ["German"]
    assert not [path for path in out.rglob("*fra*") if path.name.startswith("audio")]
    page = re.sub(r"<[^>]+>|\s+", " ", (out / "report.html").read_text("utf-8"))
    page = re.sub(r"\s+", " ", page)
    assert re.search(r"Sound, track 1 \(French \(fra\)\) not screened: .+? left out", page)
    assert re.search(r"track 3: wavpack, no allowed decoder left out", page)
    assert re.search(r"Loudness, German -\d+\.\d LUFS.+?-23\.\d LUFS.+?gain [+-]\d", page)
    assert re.search(r"audio track 1 was not screened .+? and is not published", page)


def test_purposes_are_read_from_the_source(tmp_path: Path) -> None:
    facts = footage.facts_of(film(tmp_path / "film.mkv", FOUR, seconds=1))
    assert [track.purpose for track in facts.audio] == [
        AudioPurpose.MAIN,
        AudioPurpose.MAIN,
        AudioPurpose.COMMENTARY,
        AudioPurpose.DESCRIPTION,
    ]


def test_what_is_no_number_is_silence_to_the_ear() -> None:
    sound = np.array([[np.nan, np.inf], [3e38, 3e38], [0.5, 0.5]], np.float32)
    mono = to_mono(sound)
    assert np.isfinite(mono).all()
    assert 0.5 <= mono[2] <= 1
