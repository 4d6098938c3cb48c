"""Creators with real faces: enrolled, compared, forgotten; through the real sandbox and models."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from enrolling import QUICK, consent, holders
from faces import ANN, BOB, CAY, Plan, beside, orl, photo, video
from framegate import settings, wiring
from framegate.domain.asset import AssetDetails
from framegate.domain.creator import (
    UNSEEN,
    Enrolment,
    Outcome,
    Standing,
    Verification,
)
from framegate.domain.findings import Status
from framegate.domain.policy import Action
from framegate.errors import (
    ConsentInvalid,
    CreatorExists,
    CreatorUnknown,
    EmptyInput,
    FaceBlurred,
    FacesDiffer,
    FaceTooSmall,
    FaceTurned,
    FramegateError,
    InputVanished,
    NoFace,
    NotAPhoto,
    SeveralFaces,
    Undecodable,
    UsageInvalid,
)
from framegate.flow.state import Ending
from framegate.flow.state import Outcome as Ended
from framegate.services.creators import Named
from framegate.services.processing import ProcessResult
from framegate.services.single import ScreenResult
from framegate.stages.enrol import decode_photo
from framegate.testing.faces import read_photo
from framegate.testing.progress import Silent

ASKS = """
schema_version = 1
name = "who-is-it"
version = "1"
required = ["creator.sface"]
[[rules]]
id = "not-the-creator"
label = "creator.mismatch"
threshold = 0.8
action = "review"
reason = "The video shows other people than its creator."
[[rules]]
id = "creator-not-seen"
label = "creator.unverified"
threshold = 1
action = "review"
reason = "The creator was not seen."
"""


# --- Enrolling -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[wiring.Application]:
    home = tmp_path_factory.mktemp("creators") / "home"
    with wiring.opened(settings.load(paths={"home": home}, **QUICK)) as opened:
        yield opened


@pytest.fixture(scope="module")
def ann(app: wiring.Application, tmp_path_factory: pytest.TempPathFactory) -> Enrolment:
    folder = tmp_path_factory.mktemp("ann")
    paths = [
        photo(folder / f"{n}.{kind}", ANN, n) for n, kind in ((1, "jpg"), (2, "png"), (3, "webp"))
    ]
    return app.creators.enrol_photos(Named("ann", actor="desk"), paths, consent())


def test_who_is_enrolled_is_listed_without_a_face(app: wiring.Application, ann: Enrolment) -> None:
    assert (ann.faces, ann.source, ann.enrolled_by) == (3, "photos", "desk")
    listed = dict(app.creators.all())
    assert listed[ann] is Standing.VALID
    with pytest.raises(CreatorExists, match="enrolled already"):
        app.creators.enrol_photos(Named("ann"), [Path("never opened")], consent())


def test_a_photo_is_shown_upright_whatever_its_camera_says(
    app: wiring.Application, tmp_path: Path
) -> None:
    upright = Image.fromarray(read_photo(orl(), ANN, 1))
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    sandbox = app.creators._workshop.sandbox
    for orientation, how in undo.items():
        stored = upright.transpose(how) if how is not None else upright
        exif = Image.Exif()
        exif[0x0112] = orientation
        for kind in ("jpg", "png", "webp"):
            path = tmp_path / f"{orientation}.{kind}"
            stored.save(path, exif=exif)
            shown = decode_photo(sandbox, path)
            assert shown.shape == np.asarray(upright).shape
            off = np.abs(shown.astype(int) - np.asarray(upright).astype(int)).mean()
            assert off < 3, (orientation, kind, off)


def test_large_photos_are_scaled_down_and_alpha_shows_black(
    app: wiring.Application, tmp_path: Path
) -> None:
    sandbox = app.creators._workshop.sandbox
    Image.new("RGB", (3000, 1500), (200, 30, 30)).save(tmp_path / "wide.jpg")
    assert decode_photo(sandbox, tmp_path / "wide.jpg").shape == (512, 1024, 3)
    Image.new("RGBA", (64, 48), (255, 255, 255, 0)).save(tmp_path / "clear.png")
    assert decode_photo(sandbox, tmp_path / "clear.png").max() < 8


def _blurred(path: Path) -> Path:
    assert cv2.imwrite(str(path), cv2.GaussianBlur(read_photo(orl(), ANN, 4, scale=3), (0, 0), 8))
    return path


def _two(path: Path) -> Path:
    assert cv2.imwrite(str(path), beside((ANN, 1), (BOB, 1)))
    return path


def _flat(path: Path) -> Path:
    assert cv2.imwrite(str(path), np.full((300, 300, 3), 128, np.uint8))
    return path


def _bomb(path: Path) -> Path:
    Image.new("1", (20_000, 20_000)).save(path)
    return path


TURNED = (26, 5)  # a person of the set, and the photo that looks furthest to the side
REFUSED: list[tuple[str, Callable[[Path], object], type[FramegateError], str]] = [
    ("two.jpg", _two, SeveralFaces, r"in two\.jpg: 2, one"),
    ("none.jpg", _flat, NoFace, r"in none\.jpg"),
    ("small.jpg", lambda at: photo(at, ANN, 1, scale=0.8), FaceTooSmall, r"\d+ px wide, .* 80 px"),
    ("blur.jpg", _blurred, FaceBlurred, r"sharpness 0\.0\d\d, at least 0\.030"),
    ("away.jpg", lambda at: photo(at, *TURNED), FaceTurned, r"turned by 0\.[23]\d, at most 0\.25"),
    ("bob.jpg", lambda at: photo(at, BOB, 1), FacesDiffer, r"bob\.jpg .*likeness"),
    (
        "words.jpg",
        lambda at: at.write_text("no photo " * 9),
        NotAPhoto,
        r"words\.jpg is not a photo",
    ),
    ("empty.jpg", lambda at: at.touch(), EmptyInput, r"empty\.jpg"),
    (
        "cut.jpg",
        lambda at: at.write_bytes(b"\xff\xd8\xff\xe0" + bytes(40)),
        Undecodable,
        r"^cut\.jpg cannot",
    ),
    ("bomb.png", _bomb, Undecodable, "more than 108 million pixels"),
    ("gone.jpg", lambda at: at, InputVanished, r"gone\.jpg"),
]


@pytest.mark.parametrize("case", REFUSED, ids=[each[0] for each in REFUSED])
def test_what_nobody_can_be_enrolled_from_says_why(
    app: wiring.Application,
    tmp_path: Path,
    case: tuple[str, Callable[[Path], object], type[FramegateError], str],
) -> None:
    name, make, error, said = case
    good = [photo(tmp_path / f"good{n}.jpg", ANN, n) for n in (1, 2, 3)]
    make(tmp_path / name)
    with pytest.raises(error, match=said):
        app.creators.enrol_photos(Named("new"), [*good, tmp_path / name], consent())
    assert "new" not in {each.name for each, _ in app.creators.all()}


def test_hostile_photos_are_refused_and_nothing_else_happens(
    app: wiring.Application, tmp_path: Path
) -> None:
    """Damaged photos: an error of ours, or a picture; the sandbox holds either way."""
    random = np.random.default_rng(5)
    whole = {
        kind: photo(tmp_path / f"whole.{kind}", ANN, 1, scale=1).read_bytes()
        for kind in ("jpg", "png", "webp")
    }
    shown = refused = 0
    for number in range(24):
        kind = ("jpg", "png", "webp")[number % 3]
        data = bytearray(whole[kind])
        for at in random.integers(12, len(data), 1 + number):
            data[at] = random.integers(256)
        path = tmp_path / f"{number}.{kind}"
        path.write_bytes(data[: len(data) - number * 20])
        try:
            shown += decode_photo(app.creators._workshop.sandbox, path).shape[2] == 3
        except (Undecodable, NotAPhoto):
            refused += 1
    assert shown + refused == 24
    assert refused, "not one was damaged enough"


def test_enrolling_from_a_video(app: wiring.Application, tmp_path: Path) -> None:
    alone = [(((BOB, n),), 0.6) for n in (1, 2, 4, 5)]
    bob = Named("bob")
    both = video(tmp_path / "both.mp4", [*alone, (((BOB, 1), (CAY, 1)), 1)])
    with pytest.raises(SeveralFaces, match=r"in \d+ of \d+ frames"):
        app.creators.enrol_video(bob, both, consent(), Silent())
    nobody = video(tmp_path / "none.mp4", [((), 2)])
    with pytest.raises(NoFace, match="frames were looked at"):
        app.creators.enrol_video(bob, nobody, consent(), Silent())
    swapped = video(tmp_path / "swap.mp4", [*alone, (((CAY, 1),), 0.6)])
    with pytest.raises(FacesDiffer, match="unlike the others"):
        app.creators.enrol_video(bob, swapped, consent(), Silent())
    done = app.creators.enrol_video(bob, video(tmp_path / "bob.mp4", alone), consent(), Silent())
    assert done.source == "video"
    assert done.faces >= 3
    other = video(tmp_path / "other.mp4", [(((BOB, 8),), 1), (((BOB, 9),), 1)])
    assert app.creators.verify(bob, other, Silent())[1].outcome is Outcome.MATCH
    app.creators.revoke(bob, "test over")


def test_a_consent_must_be_whole_before_a_photo_is_opened(app: wiring.Application) -> None:
    day = consent(days=-1).expires - timedelta(microseconds=1)
    with pytest.raises(ConsentInvalid, match=f"has expired: its last day was {day:%Y-%m-%d}"):
        app.creators.enrol_photos(Named("new"), [Path("never opened")], consent(days=-1))
    for name in ("", "  ", "a\x00b", "x" * 200):
        with pytest.raises(UsageInvalid):
            Named(name)


# --- Comparing -----------------------------------------------------------------------------------

ALONE = [(((ANN, 7),), 2.0), (((ANN, 8),), 2.0)]
SOMEONE = [(((CAY, 1),), 2.0), (((BOB, 2),), 2.0)]
BESIDE = [(((ANN, 7), (CAY, 1)), 2.0), (((CAY, 2),), 2.0)]


def test_one_creator_is_compared_with_the_faces_of_a_video(
    app: wiring.Application, ann: Enrolment, tmp_path: Path
) -> None:
    def verify(name: str, plan: Plan, scale: float = 2) -> Verification:
        path = video(tmp_path / name, plan, scale=scale)
        enrolment, found = app.creators.verify(Named("ann"), path, Silent())
        assert enrolment.id == ann.id
        return found

    alone = verify("alone.mp4", ALONE)
    assert alone.outcome is Outcome.MATCH
    assert alone.matched_share == 1
    assert alone.others_most == 0
    assert alone.median is not None
    assert alone.median > alone.threshold

    someone = verify("someone.mp4", SOMEONE)
    assert someone.outcome is Outcome.SOMEONE_ELSE
    assert someone.matched_share == 0
    assert someone.best is not None
    assert someone.best < someone.threshold

    both = verify("beside.mp4", BESIDE)
    assert both.outcome is Outcome.MATCH
    assert both.matched_share == pytest.approx(0.5, abs=0.2)
    assert both.others_most == 1
    assert both.others_looks == both.looks

    assert verify("nobody.mp4", [((), 2.0)]).outcome is Outcome.NO_FACE
    small = verify("small.mp4", [(((ANN, 7),), 2.0)], scale=0.4)
    assert small.outcome is Outcome.TOO_SMALL
    assert small.looks_with_faces
    assert small.matched_share is None


def test_a_real_clip_shows_somebody_else_and_is_too_small_to_enrol_from(
    app: wiring.Application, ann: Enrolment, clips: Path
) -> None:
    carphone = clips / "carphone_pristine.mp4"  # a man in a car, who moves and turns
    enrolment, found = app.creators.verify(Named("ann"), carphone, Silent())
    assert enrolment == ann
    assert found.outcome is Outcome.SOMEONE_ELSE
    assert found.looks_compared
    with pytest.raises(FaceTooSmall, match=r"0 of \d+ frames are good enough"):
        app.creators.enrol_video(Named("driver"), carphone, consent(), Silent())
    nobody = app.creators.verify(Named("ann"), clips / "cityCC0.mpg", Silent())[1]
    assert nobody.outcome in UNSEEN, "a street"


def test_nobody_is_compared_who_is_not_enrolled(app: wiring.Application, tmp_path: Path) -> None:
    with pytest.raises(CreatorUnknown, match="eve is not enrolled"):
        app.creators.verify(Named("eve"), tmp_path / "never opened.mp4", Silent())
    with pytest.raises(CreatorUnknown, match="ann is not enrolled"):
        app.creators.verify(Named("ann", tenant="u"), tmp_path / "never opened.mp4", Silent())
    with pytest.raises(CreatorUnknown):
        app.creators.revoke(Named("eve"), "")


# --- In the main job -----------------------------------------------------------------------------


def _policy(tmp_path: Path) -> Path:
    path = tmp_path / "asks.toml"
    path.write_text(ASKS)
    return path


def test_screening_tells_every_outcome_apart(
    app: wiring.Application, ann: Enrolment, tmp_path: Path
) -> None:
    policy = _policy(tmp_path)
    clip = video(tmp_path / "clip.mp4", [(((ANN, 7),), 2.0)])

    def look(name: str, path: Path = clip, *, report: bool = False) -> ScreenResult:
        options = wiring.process_options(
            app.settings,
            output=tmp_path / "out",
            policy=policy,
            details=AssetDetails(creator=name),
        )
        return app.single.screen(path, options, Silent(), report=report)

    match = look("ann", report=True)
    assert match.screening.identity is not None
    assert match.screening.identity.outcome is Outcome.MATCH
    assert match.verdict.action is Action.ALLOW
    assert ("identity", match.screening.coverage.frames_sampled) in {
        (level.level, level.frames) for level in match.screening.coverage.levels
    }
    assert match.output is not None
    page = (match.output / "report.html").read_text()
    assert "“ann” is in the video" in page
    assert "no proof of liveness" in page
    told = json.loads((match.output / "report.json").read_text())["screening"]["identity"]
    assert told["outcome"] == "match"
    assert told["matched_share"] == 1
    secret = (app.settings.home / "templates" / ann.id).read_bytes()
    assert holders(match.output, secret) == set()
    written = "".join(path.read_text() for path in match.output.glob("*.json"))
    numbers = np.frombuffer(secret, "<f4")
    assert not any(f"{value:.4f}" in written for value in numbers), "not as digits either"

    someone = look("ann", video(tmp_path / "cay.mp4", [(((CAY, 1),), 2.0)]), report=True)
    assert someone.verdict.action is Action.REVIEW
    assert [reason.rule for reason in someone.verdict.reasons] == ["not-the-creator"]
    assert someone.output is not None
    assert "no face matches “ann”" in (someone.output / "report.html").read_text()

    nobody = look("ann", video(tmp_path / "none.mp4", [((), 2.0)]))
    assert [reason.rule for reason in nobody.verdict.reasons] == ["creator-not-seen"]
    assert nobody.screening.identity is not None
    assert nobody.screening.identity.outcome is Outcome.NO_FACE

    eve = look("eve")
    assert eve.screening.identity is not None
    assert eve.screening.identity.outcome is Outcome.NOT_ENROLLED
    (run,) = (each for each in eve.screening.runs if each.analyser == "creator.sface")
    assert (run.status, run.reason) == (Status.UNAVAILABLE, "the named creator is not enrolled")
    assert "creator.unverified.not-enrolled" in {each.label for each in eve.screening.findings}
    assert {reason.rule for reason in eve.verdict.reasons} == {
        "creator-not-seen",
        "framegate.required.creator.sface",
    }

    unnamed = look("")
    assert unnamed.screening.identity is None
    (run,) = (each for each in unnamed.screening.runs if each.analyser == "creator.sface")
    assert (run.status, run.reason) == (Status.NOT_RUN, "no creator was named")
    assert unnamed.verdict.action is Action.REVIEW, "the policy requires the comparison"


def test_where_nobody_is_enrolled_a_creator_is_only_a_word(tmp_path: Path) -> None:
    found = settings.load(paths={"home": tmp_path / "home"}, **QUICK)
    clip = video(tmp_path / "clip.mp4", [(((ANN, 7),), 1.0)])
    with wiring.opened(found) as app:
        options = wiring.process_options(found, details=AssetDetails(creator="ann"))
        looked = app.single.screen(clip, options, Silent(), report=False)
    assert looked.screening.identity is None
    assert "creator.sface" not in {run.analyser for run in looked.screening.runs}
    assert not (tmp_path / "home" / "templates").exists()


def test_process_compares_publishes_and_looks_anew_when_the_enrolment_ends(
    tmp_path: Path,
) -> None:
    found = settings.load(paths={"home": tmp_path / "home"}, **QUICK)
    clip = video(tmp_path / "clip.mp4", [(((ANN, 7),), 1.0), (((ANN, 8),), 1.0)])
    with wiring.opened(found) as app:
        paths = [photo(tmp_path / f"{n}.jpg", ANN, n) for n in (1, 2)]
        app.creators.enrol_photos(Named("ann"), paths, consent())

        def process(title: str = "") -> tuple[ProcessResult, Ended]:
            options = wiring.process_options(
                found,
                output=tmp_path / "out",
                policy=_policy(tmp_path),
                max_short_side=180,
                details=AssetDetails(creator="ann", title=title),
            )
            (result,) = app.processing.process(
                [clip], options, lambda *_: Silent(), lambda _result: None
            )
            assert result.error is None, result.error
            assert result.outcome is not None
            return result, result.outcome

        first, outcome = process()
        assert outcome.status is Ending.PUBLISHED
        report = json.loads((Path(outcome.output) / "report.json").read_text())
        assert report["screening"]["identity"]["outcome"] == "match"
        again, _ = process(title="another title")
        assert again.renewed, "what is said of the video needs no other look"
        app.creators.revoke(Named("ann"), "asked to")
        after, outcome = process(title="another title")
        assert not after.already_done, "a look holds for one enrolment"
        assert outcome.status is Ending.REVIEW
        report = json.loads((Path(outcome.output) / "report.json").read_text())
        assert report["screening"]["identity"]["outcome"] == "revoked"
        assert not first.already_done
