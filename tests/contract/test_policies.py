"""Past verdicts from what was stored: made again, explained, and under another policy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from framegate import settings, wiring
from framegate.domain.explaining import State
from framegate.domain.policy import Action, Verdict
from framegate.domain.policy_file import load_policy
from framegate.errors import AssetUnknown, NothingToState, PolicyUnknown, ScreeningGone
from framegate.stages.report.document import to_document
from framegate.testing.progress import Silent

SCHEMA = json.loads((files("framegate") / "policies" / "dsa-statement.schema.json").read_text())
QUICK = {"screen": {"text": False, "speech": False}, "encode": {"vmaf": "off", "ladder": "fixed"}}
POLICY = """
schema_version = 2
name = "p"
version = "{version}"
audiences = [{{ id = "general" }}, {{ id = "adult", min_age = 18 }}]

[[rules]]
id = "skin"
label = "sexual.explicit"
threshold = {threshold}
action = "{action}"
{more}
reason = "It looks explicit."

[[rules]]
id = "never"
label = "gambling"
threshold = 0.5
action = "review"
reason = "It shows gambling."
"""


def policy_text(version: str, threshold: float, action: str, more: str = "") -> str:
    return POLICY.format(version=version, threshold=threshold, action=action, more=more)


RESTRICT = policy_text("1", 0.3, "age-restrict", "min_age = 18")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Iterator[wiring.Application]:
    """Two clips processed, and gone: the cartoon is restricted (its highest score is 0.46)."""
    root = tmp_path_factory.mktemp("policies")
    (root / "policy.toml").write_text(RESTRICT)
    with wiring.opened(settings.load(paths={"home": root / "home"}, **QUICK)) as app:
        options = wiring.process_options(
            app.settings, output=root / "out", policy=root / "policy.toml", max_short_side=144
        )
        (root / "in").mkdir()
        for name in ("bigbuckbunny.mp4", "carphone_pristine.mp4"):
            shutil.copy(clips / name, root / "in")
        results = app.processing.process(
            [root / "in"],
            options,
            lambda *_: Silent(),
            lambda _: None,
        )
        assert [one.outcome is not None for one in results] == [True, True]
        shutil.rmtree(root / "in")
        yield app


def asset_ids(app: wiring.Application) -> dict[str, str]:
    return {
        work.outcome["asset"]["name"]: work.asset_id
        for work in app.policies._workshop.works.ended("")
        if work.outcome
    }


def test_every_stored_verdict_comes_out_again_bit_for_bit(app: wiring.Application) -> None:
    for asset_id in asset_ids(app).values():
        stored = app.policies.find(asset_id)
        policy = app.policies.policy_of(stored.decided.verdict)
        assert policy == load_policy(RESTRICT.encode())
        verdict = stored.verdict(policy)
        assert verdict == stored.decided.verdict
        written = Path(stored.outcome.output, "verdict.json").read_bytes()
        document = {"schema": "framegate.verdict/1", "asset_id": asset_id, **to_document(verdict)}
        again = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        assert again.encode() == written


def test_a_verdict_is_explained_rule_by_rule(app: wiring.Application) -> None:
    told = app.policies.explain(asset_ids(app)["bigbuckbunny.mp4"][:8])
    assert told.reproduced
    skin, never = told.explanation.rules
    assert (skin.state, skin.got, skin.decisive) == (State.MET, Action.RESTRICT, True)
    (condition,) = skin.all
    assert condition.best is not None
    assert condition.best.number is not None
    assert condition.distance == pytest.approx(condition.best.number - 0.3)
    assert condition.turns_at == condition.best.number, "one sample suffices: the highest decides"
    assert (never.state, never.got, never.all[0].best) == (State.UNSEEN, None, None)
    # what it says would change it, changes it
    above = policy_text("2", condition.turns_at + 1e-9, "review")
    other = app.policies.explain(told.stored.outcome.output, policy=load_policy(above.encode()))
    assert other.explanation.verdict.action is Action.ALLOW
    assert other.stored.asset == told.stored.asset, "an output folder names its asset"
    exactly = policy_text("2", condition.turns_at, "review")
    other = app.policies.explain(told.stored.asset.id, policy=load_policy(exactly.encode()))
    assert other.explanation.verdict.action is Action.REVIEW


def test_another_tenant_has_none_of_it(app: wiring.Application) -> None:
    asset_id = asset_ids(app)["bigbuckbunny.mp4"]
    output = app.policies.find(asset_id).outcome.output
    for what in (asset_id, asset_id[:8], output):
        with pytest.raises(AssetUnknown):
            app.policies.find(what, "somebody-else")
        with pytest.raises(AssetUnknown):
            app.policies.explain(what, "somebody-else")
    policy = load_policy(RESTRICT.encode())
    other = app.policies.diff(policy, policy, "somebody-else")
    assert (other.compared, other.gone) == ((), 0)


def test_a_diff_tells_which_verdicts_would_change(app: wiring.Application) -> None:
    def diff(text: str) -> list[tuple[str, str, str, bool]]:
        found = app.policies.diff(load_policy(RESTRICT.encode()), load_policy(text.encode()))
        assert (len(found.compared), found.gone) == (2, 0)
        return [
            (one.asset.name, one.before.action, one.after.action, one.graver)
            for one in found.changed
        ]

    assert diff(RESTRICT) == []
    assert diff(policy_text("2", 0.3, "age-restrict", "min_age = 18")) == [], "a version alone"
    assert diff(policy_text("2", 0.9, "review")) == [
        ("bigbuckbunny.mp4", "restrict", "allow", False)
    ]
    assert sorted(diff(policy_text("2", 0.0, "review"))) == [
        ("bigbuckbunny.mp4", "restrict", "review", True),
        ("carphone_pristine.mp4", "allow", "review", True),
    ]
    hidden = diff(policy_text("2", 0.3, "block", 'audiences = ["adult"]'))
    assert hidden == [("bigbuckbunny.mp4", "restrict", "restrict", False)], "for others"


def test_a_restriction_has_its_statement(app: wiring.Application) -> None:
    stored = app.policies.find(asset_ids(app)["bigbuckbunny.mp4"])
    said = app.statements.of(stored.asset.id)
    assert said.decision == stored.decided
    assert said.record is not None
    jsonschema.Draft202012Validator(SCHEMA).validate(said.record)
    assert said.record["puid"] == stored.decided.id
    assert "It looks explicit. (rule “skin” of the policy p 1)" in said.text
    assert "Where in the video" in said.text
    assert any("how to object" in one for one in said.warnings)
    assert app.statements.of(stored.asset.id, decision_id=said.decision.id[:6]) == said
    with pytest.raises(AssetUnknown):
        app.statements.of(stored.asset.id, decision_id="ffffffffffff")
    with pytest.raises(NothingToState):
        app.statements.of(asset_ids(app)["carphone_pristine.mp4"])


def test_what_is_not_there_is_said(app: wiring.Application, tmp_path: Path) -> None:
    with pytest.raises(AssetUnknown):
        app.policies.find("ffff")
    with pytest.raises(AssetUnknown, match="not an output folder"):
        app.policies.find(str(tmp_path))
    video = tmp_path / "video.mp4"
    video.touch()
    with pytest.raises(AssetUnknown, match="is a file: a verdict is found by the output folder"):
        app.policies.find(str(video))
    with pytest.raises(AssetUnknown):
        app.policies.find(asset_ids(app)["bigbuckbunny.mp4"], tenant="another")
    unkept = Verdict(Action.ALLOW, "", (), "p", "1", "0" * 64, ())
    with pytest.raises(PolicyUnknown):
        app.policies.policy_of(unkept)


def test_a_screening_that_was_swept_is_counted(app: wiring.Application) -> None:
    asset_id = asset_ids(app)["carphone_pristine.mp4"]
    (work,) = app.policies._workshop.works.of(asset_id)
    path = app.policies._workshop.data.kept(asset_id, work.options_key) / "screening.json"
    content = path.read_bytes()
    path.unlink()
    try:
        same = load_policy(RESTRICT.encode())
        found = app.policies.diff(same, same)
        assert (len(found.compared), found.gone) == (1, 1)
        with pytest.raises(ScreeningGone):
            app.policies.find(asset_id)
    finally:
        path.write_bytes(content)
