"""Policy files: what ships is right, what is wrong is named with its place."""

from __future__ import annotations

import hashlib
import json
import tomllib
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framegate.domain.policy import Action
from framegate.domain.policy_file import load_policy, policy_schema
from framegate.errors import PolicyInvalid

SHIPPED = files("framegate") / "policies"
HEAD = 'schema_version = 1\nname = "p"\nversion = "1"\n'
RULE = '[[rules]]\nid = "a"\nlabel = "hate"\nthreshold = 0.5\naction = "review"\nreason = "Why."\n'


def test_the_default_policy_reads_and_follows_its_schema() -> None:
    data = (SHIPPED / "default.toml").read_bytes()
    policy = load_policy(data, "default.toml")
    assert policy.sha256 == hashlib.sha256(data).hexdigest()
    jsonschema.validate(tomllib.loads(data.decode()), json.loads(policy_schema()))
    blocking = {rule.label for rule in policy.rules if rule.action is Action.BLOCK}
    assert blocking == {"child-safety", "terrorism", "hash-list", "known"}  # exact matches alone
    assert all(rule.require_calibration for rule in policy.rules)
    assert all(rule.reason and rule.dsa_category for rule in policy.rules)


def test_the_checked_in_schema_is_current() -> None:
    stored = (SHIPPED / "policy.schema.json").read_text("utf-8")
    assert stored == policy_schema(), (
        "write framegate.domain.policy_file.policy_schema() to policies/policy.schema.json"
    )


def test_every_key_is_documented(reference: str) -> None:
    schema = json.loads(policy_schema())
    keys = {*schema["properties"], *schema["$defs"]["RuleEntry"]["properties"]}
    assert not [key for key in sorted(keys) if f"`{key}`" not in reference]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name = x", "line 1, column 8"),
        (HEAD + RULE + RULE.replace('"hate"', '"Hate!"').replace('"a"', '"b"'), "rule 2 (line 10)"),
        (HEAD + RULE.replace("0.5", "1.5"), "threshold"),
        (HEAD + RULE.replace("0.5", "nan"), "threshold"),
        (HEAD + RULE.replace("review", "shoot"), "action"),
        (HEAD + RULE.replace("review", "restrict"), "audience"),
        (HEAD + RULE + 'audience = "18+"\n', "audience"),
        (HEAD + RULE + RULE, 'two rules have the id "a"'),
        (HEAD + RULE + "extra = 1\n", "extra"),
        (HEAD.replace("= 1\n", "= 2\n"), "schema_version"),
        ('name = "p"\nversion = "1"\n', "schema_version"),
        ("schema_version = " + "9" * 5000, "too many digits"),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, place: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(text.encode(), "mine.toml")
    assert place in str(caught.value)
    assert "mine.toml" in str(caught.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_a_policy_or_a_policy_error(data: bytes) -> None:
    try:
        load_policy(data)
    except PolicyInvalid:
        return


@pytest.fixture
def reference() -> str:
    return (Path(__file__).parents[2] / "docs" / "reference" / "policy.md").read_text("utf-8")
