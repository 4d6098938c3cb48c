"""What is kept of creators and what is left of them once revoked: stores, files, the command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from enrolling import DAY, QUICK, consent, holders, template
from faces import ANN, BOB, CAY, photo, video
from framegate import database, settings, wiring
from framegate.catalog.creators import Creators
from framegate.domain.creator import (
    Enrolment,
    Standing,
    Templates,
)
from framegate.errors import (
    ConsentInvalid,
    CreatorExists,
    CreatorUnknown,
)
from framegate.services.creators import Named
from framegate.storage.templates import TemplateFiles
from framegate.testing.progress import Silent

# --- The stores ----------------------------------------------------------------------------------

STORES: list[Callable[[Path], Templates]] = [TemplateFiles]


@pytest.mark.parametrize("make", STORES)
def test_templates_are_kept_and_destroyed_one_by_one(
    make: Callable[[Path], Templates], tmp_path: Path
) -> None:
    store = make(tmp_path)
    one, two = "a" * 32, "b" * 32
    assert list(store.ids()) == []
    assert store.get(one) is None
    assert store.destroy(one) is False
    store.put(one, template(1))
    store.put(two, template(2))
    assert list(make(tmp_path).ids()) == [one, two]
    kept = make(tmp_path).get(one)
    assert kept is not None
    assert kept.to_bytes() == template(1).to_bytes()
    assert store.destroy(one) is True
    assert store.get(one) is None
    assert list(store.ids()) == [two]
    for name in ("", "../" + one, one[:-1], one.upper()):
        with pytest.raises(ValueError, match=f"^{re.escape(name)}$"):
            store.put(name, template())


def test_a_template_is_overwritten_where_it_lay_and_private(tmp_path: Path) -> None:
    store = TemplateFiles(tmp_path)
    store.put("a" * 32, template())
    path = tmp_path / "templates" / ("a" * 32)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path], "no second copy on the way"
    with path.open("rb") as held:  # the same blocks, after the name is gone
        os.link(path, tmp_path / "second name")
        store.destroy("a" * 32)
        assert held.read() == b""
    assert (tmp_path / "second name").read_bytes() == b""
    path.write_bytes(template().to_bytes()[:100])  # a kill while it was written
    assert store.get("a" * 32) is None


def test_of_one_name_one_enrolment_is_open_and_the_tombstone_stays(tmp_path: Path) -> None:
    engine = database.connect(tmp_path)
    creators = Creators(engine)
    now = datetime(2026, 5, 4, tzinfo=UTC)
    one = Enrolment("1" * 32, "t", "ann", consent(), now, "me", "photos", 3, "0" * 64)
    assert not creators.any("t")
    creators.add(one)
    with pytest.raises(CreatorExists):
        creators.add(replace(one, id="2" * 32))
    creators.add(replace(one, id="3" * 32, tenant="u"))  # another tenant's ann is another person
    assert creators.last("t", "ann") == one
    assert creators.last("u", "ann") != one
    assert creators.last("v", "ann") is None
    assert creators.any("t")
    assert not creators.any("v")
    ended = creators.end(one, at=now + DAY, by="you", why="left")
    assert creators.last("t", "ann") == ended
    creators.end(one, at=now + 2 * DAY, by="they", why="again")
    assert creators.last("t", "ann") == ended, "what has ended stays as it ended"
    again = replace(one, id="4" * 32, enrolled_at=now + 3 * DAY)
    creators.add(again)
    assert creators.of("t") == (ended, again)
    assert creators.last("t", "ann") == again
    engine.dispose()


# --- Forgetting ----------------------------------------------------------------------------------


def test_revoking_leaves_no_byte_of_the_template_anywhere(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with wiring.opened(settings.load(paths={"home": home}, **QUICK)) as app:
        paths = [photo(tmp_path / f"{n}.jpg", CAY, n) for n in (1, 2)]
        done = app.creators.enrol_photos(Named("cay", actor="desk"), paths, consent())
        secret = (home / "templates" / done.id).read_bytes()
        assert len(secret) == 512
        # the database and its journals have the record and not one byte of the face
        assert holders(home, secret) == {f"templates/{done.id}"}
        assert holders(home, done.id.encode()), "the record can be found so"
        ended = app.creators.revoke(Named("cay", actor="desk"), "asked to")
        assert holders(home, secret) == set()
        assert app.creators.all() == ((ended, Standing.REVOKED),)
        with pytest.raises(CreatorUnknown, match="asked to"):
            app.creators.verify(Named("cay"), paths[0], Silent())
        with pytest.raises(CreatorUnknown, match="asked to"):
            app.creators.revoke(Named("cay"), "once more")
        again = app.creators.enrol_photos(Named("cay"), paths, consent())
        assert [each.id for each, _ in app.creators.all()] == [done.id, again.id]
    assert holders(home, secret) == {f"templates/{again.id}"}, "the same photos, enrolled anew"


def test_a_kill_in_the_middle_of_revoking_leaves_nothing_to_compare(tmp_path: Path) -> None:
    found = settings.load(paths={"home": tmp_path / "home"}, **QUICK)
    path = photo(tmp_path / "1.jpg", BOB, 1)
    with wiring.opened(found) as app:
        bob = Named("bob")
        done = app.creators.enrol_photos(bob, [path], consent())
        assert TemplateFiles(found.home).destroy(done.id)  # and killed before the record is closed
        with pytest.raises(CreatorUnknown, match="must be enrolled again"):
            app.creators.verify(bob, path, Silent())
        assert app.creators.revoke(bob, "once more").ended_why == "once more"
        second = app.creators.enrol_photos(bob, [path], consent())
        assert TemplateFiles(found.home).destroy(second.id)
        third = app.creators.enrol_photos(bob, [path], consent())
        ended = {each.id: each.ended_why for each, _ in app.creators.all()}
        assert ended[second.id] == "its template was missing; enrolled anew"
        assert ended[third.id] == ""


def test_an_expired_consent_ends_comparing_and_destroys_the_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = settings.load(paths={"home": tmp_path / "home"}, **QUICK)
    path = photo(tmp_path / "1.jpg", BOB, 1)
    with wiring.opened(found) as app:
        done = app.creators.enrol_photos(Named("bob"), [path], consent(days=2))
    later = datetime.now(UTC) + 3 * DAY
    monkeypatch.setattr(wiring, "now", lambda: later)
    kept = tmp_path / "home" / "templates" / done.id
    secret = kept.read_bytes()
    with wiring.opened(found) as app:
        with pytest.raises(ConsentInvalid, match="bob cannot be compared"):
            app.creators.verify(Named("bob"), path, Silent())
        assert not kept.exists()
        assert holders(tmp_path / "home", secret) == set()
        assert dict(app.creators.all()) == {done: Standing.EXPIRED}
        fresh = replace(consent(), at=later - DAY, expires=later + DAY)
        again = app.creators.enrol_photos(Named("bob"), [path], fresh)
        assert {each.name: standing for each, standing in app.creators.all()} == {
            "bob": Standing.VALID
        }
        assert app.creators.all()[0][0].ended_why == "the consent expired; enrolled anew"
        # what a kill left behind goes at the next occasion
        (kept.parent / ("f" * 32)).write_bytes(secret)
        app.creators.sweep()
        assert {each.name for each in kept.parent.iterdir()} == {again.id}


# --- The command ---------------------------------------------------------------------------------


def test_the_command_enrols_verifies_lists_and_revokes(tmp_path: Path) -> None:
    env = {**os.environ, "FRAMEGATE_HOME": str(tmp_path / "home")}

    def run(*words: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "framegate", "creators", *words],
            env=env,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        return done.returncode, done.stdout, done.stderr

    photos = [str(photo(tmp_path / f"{n}.jpg", ANN, n)) for n in (1, 2, 3)]
    agreed = ("--consent", "form 12", "--purpose", "uploads", "--expires", "2099-12-31")
    code, _, error = run("enrol", "ann", *photos)
    assert code == 2
    assert "--consent" in error
    code, out, _ = run("enrol", "ann", *photos, *agreed, "--json")
    assert code == 0
    enrolment = json.loads(out)["enrolment"]
    assert enrolment["consent"]["expires"].startswith("2100-01-01")
    clip = video(tmp_path / "clip.mp4", [(((ANN, 7),), 1.5)])
    other = video(tmp_path / "other.mp4", [(((BOB, 7),), 1.5)])
    code, out, _ = run("verify", "ann", str(clip), "--json", "--progress", "none")
    assert code == 0
    assert json.loads(out)["verification"]["outcome"] == "match"
    code, out, _ = run("verify", "ann", str(other), "--progress", "none")
    assert code == 5
    assert "no face matches “ann”" in out
    code, out, _ = run("list", "--json")
    listed = json.loads(out)["creators"]
    assert [(each["name"], each["standing"]) for each in listed] == [("ann", "valid")]
    secret = (tmp_path / "home" / "templates" / enrolment["id"]).read_bytes()
    assert f"{np.frombuffer(secret, '<f4')[0]:.4f}" not in out
    code, out, _ = run("revoke", "ann", "--reason", "asked to")
    assert code == 0
    assert "destroyed" in out
    code, _, error = run("verify", "ann", str(clip))
    assert code == 66
    assert "error[creator.unknown]" in error
    assert "asked to" in error
    assert holders(tmp_path, secret) == set()
    assert "revoked" in run("list")[1]
