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

from framegate.domain.policy import Action, Audience, Condition, Terms
from framegate.domain.policy_file import BLUR_MARGIN_S, load_policy, policy_schemas
from framegate.errors import PolicyInvalid

SHIPPED = files("framegate") / "policies"
HEAD = 'schema_version = 1\nname = "p"\nversion = "1"\n'
TWO = HEAD.replace("= 1\n", "= 2\n")
SCHEMA = json.loads(policy_schemas()["policy.schema.json"])
RULE = '[[rules]]\nid = "a"\nlabel = "hate"\nthreshold = 0.5\naction = "review"\nreason = "Why."\n'


def test_the_default_policy_reads_and_follows_its_schema() -> None:
    data = (SHIPPED / "default.toml").read_bytes()
    policy = load_policy(data, "default.toml")
    assert policy.sha256 == hashlib.sha256(data).hexdigest()
    jsonschema.validate(tomllib.loads(data.decode()), SCHEMA)
    blocking = {rule.label for rule in policy.rules if rule.action is Action.BLOCK}
    assert blocking == {"child-safety", "terrorism", "hash-list", "known"}  # exact matches alone
    assert all(rule.require_calibration for rule in policy.rules)
    assert all(rule.reason and rule.dsa_category for rule in policy.rules)
    models_may_say = [rule for rule in policy.rules if rule.label in {"child-safety", "terrorism"}]
    assert all(rule.threshold >= 0.5 for rule in models_may_say), "0.01 of a model is no match"


def test_the_checked_in_schemas_are_current() -> None:
    for name, schema in policy_schemas().items():
        stored = (SHIPPED / name).read_text("utf-8")
        assert stored == schema, f"write policy_file.policy_schemas()[{name!r}] to policies/{name}"


def test_version_1_is_still_read() -> None:
    text = HEAD + RULE.replace("review", "restrict") + 'audience = "members"\n'
    (rule,) = load_policy(text.encode()).rules
    assert (rule.action, rule.audience, rule.needs) == (
        Action.RESTRICT,
        "members",
        (Condition("hate", 0.5),),
    )
    old = json.loads((SHIPPED / "policy-1.schema.json").read_text("utf-8"))
    jsonschema.validate(tomllib.loads(text), old)
    own = HEAD + RULE.replace('"hate"', '"our-list"')
    assert load_policy(own.encode()).rules[0].label == "our-list", "as it was"


def test_version_2_reads_all_its_keys() -> None:
    text = """
        schema_version = 2
        name = "p"
        version = "1"
        [statement]
        service = "Site"
        terms_url = "https://site.example/terms"
        appeal = "Write to us."
        countries = ["DE", "FR"]
        [[audiences]]
        id = "all"
        [[audiences]]
        id = "germany"
        regions = ["DE"]
        [[rules]]
        id = "both"
        all = [{ label = "weapons", threshold = 0.5 }]
        any = [
            { label = "hate", threshold = 0.4, min_samples = 2, min_duration_s = 1.5 },
            { label = "terrorism", threshold = 0.3 },
        ]
        action = "block"
        audiences = ["germany"]
        reason = "R."
        clause = "4.1"
        law = "§ 86a"
        [[rules]]
        id = "old-enough"
        label = "known.partner"
        threshold = 0.5
        min_duration_s = 3
        action = "age-restrict"
        min_age = 16
        reason = "R."
        [[rules]]
        id = "unseen"
        label = "disturbing"
        threshold = 0.5
        action = "blur"
        reason = "R."
    """
    jsonschema.validate(tomllib.loads(text), SCHEMA)
    policy = load_policy(text.encode())
    assert policy.terms == Terms("Site", "https://site.example/terms", "Write to us.", ("DE", "FR"))
    assert policy.audiences == (Audience("all"), Audience("germany", 0, ("DE",)))
    both, old, blur = policy.rules
    assert (both.action, both.hidden_from, both.clause, both.law) == (
        Action.RESTRICT,
        ("germany",),
        "4.1",
        "§ 86a",
    )
    assert both.needs == (Condition("weapons", 0.5),)
    assert both.any == (Condition("hate", 0.4, 2, 1, 1.5), Condition("terrorism", 0.3))
    assert (old.audience, old.min_duration_s) == ("16+", 3.0)
    assert (blur.action, blur.blur, blur.blur_margin_s) == (Action.ALLOW, True, BLUR_MARGIN_S)


def test_every_key_is_documented(reference: str) -> None:
    kinds = (SCHEMA, *SCHEMA["$defs"].values())
    keys = {key for kind in kinds for key in kind.get("properties", ())}
    assert not [key for key in sorted(keys) if f"`{key}`" not in reference]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name = x", "line 1, column 8"),
        (
            HEAD + RULE + RULE.replace('"hate"', '"Hate!"').replace('"a"', '"b"'),
            "rule 2: label (line 12)",
        ),
        (HEAD + RULE.replace("0.5", "1.5"), "rule 1: threshold (line 7)"),
        (HEAD + RULE.replace("0.5", "nan"), "threshold"),
        (HEAD + RULE.replace("0.5", "true"), "threshold"),
        (HEAD + RULE + "min_samples = true\n", "min_samples"),
        (HEAD + RULE.replace("review", "shoot"), "action"),
        (HEAD + RULE.replace("review", "restrict"), "audience"),
        (HEAD + RULE + 'audience = "18+"\n', "audience"),
        (HEAD + RULE + RULE, 'two rules have the id "a"'),
        (HEAD + RULE + "extra = 1\n", "rule 1: extra (line 10)"),
        (HEAD.replace("= 1\n", "= 3\n"), "schema_version (line 1)"),
        (HEAD + 'required = ["A B"]\n', "required.0 (line 4)"),
        ('name = "p"\nversion = "1"\n', "schema_version"),
        ("schema_version = " + "9" * 5000, "too many digits"),
        (TWO + RULE.replace("hate", "hats"), 'no label "hats"; did you mean "hate"?'),
        (TWO + RULE.replace("hate", "violence.weapon"), 'did you mean "weapons"?'),
        (TWO + RULE.replace("review", "restrict"), "action"),
        (TWO + RULE.replace("review", "age-restrict"), "min_age"),
        (TWO + RULE + 'audiences = ["teen"]\n', "audiences"),
        (TWO + RULE.replace("review", "block") + 'audiences = ["teen"]\n', '"teen", unknown here'),
        (TWO + RULE + 'all = [{ label = "hate", threshold = 1 }]\n', "exclude each other"),
        (TWO + RULE.replace('label = "hate"\nthreshold = 0.5\n', ""), 'needs a "label"'),
        (TWO + RULE.replace("threshold = 0.5\n", ""), 'needs a "threshold"'),
        (
            TWO + RULE.replace('label = "hate"\n', 'any = [{ label = "hat", threshold = 1 }]\n'),
            "any.0.label (line 6)",
        ),
        (TWO + '[[audiences]]\nid = "a"\nmin_age = 3\nregions = ["DE"]\n', "not by both"),
        (TWO + '[[audiences]]\nid = "a"\n[[audiences]]\nid = "b"\n', "begin at the same age"),
        (TWO + '[statement]\nterms_url = "ftp://x"\n', "statement.terms_url (line 5)"),
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
