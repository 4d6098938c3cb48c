"""The taxonomy: whole, in plain words, and a help to who mistypes."""

from __future__ import annotations

import tomllib
from collections import Counter
from importlib.resources import files

import pytest

from framegate.domain.policy_file import load_policy
from framegate.domain.taxonomy import load_taxonomy, shipped
from framegate.errors import Internal
from framegate.stages.screen.analysers import catalogue

SHIPPED = files("framegate") / "policies"


def test_every_label_in_use_is_there() -> None:
    tables = (catalogue._STILLS, catalogue._AUDIO, catalogue._CAPTIONS)
    emitted = {label for table in tables for entry in table.values() for label in entry.labels}
    policy = load_policy((SHIPPED / "default.toml").read_bytes())
    used = emitted | {label for rule in policy.rules for label in rule.labels}
    assert {"sexual.explicit", "text.overlay", "person.face", "hash-list"} <= used
    assert not [label for label in sorted(used) if shipped().get(label) is None]


def test_it_covers_what_platforms_ask_for() -> None:
    top = {label.id for label in shipped().top()}
    assert top >= {
        "sexual", "violence", "weapons", "self-harm", "hate", "terrorism", "drugs", "tobacco",
        "alcohol", "gambling", "child-safety", "disturbing", "spam", "fraud", "harassment",
        "text", "speech", "known", "hash-list", "copyright", "animal-cruelty", "dangerous-acts",
    }  # fmt: skip
    # one letter each and "none": what one token can choose from, with 20 log-probabilities
    assert len([one for one in shipped().top("picture") if not one.informative]) < 20


def test_each_label_says_what_it_is_and_is_not() -> None:
    taxonomy = shipped()
    for label in taxonomy.labels:
        assert label.definition.endswith("."), label.id
        assert label.definition.count(".") == 1, f"{label.id}: one sentence"
        assert not set(label.meant) & set(label.not_meant), label.id
        assert bool(label.dsa) != label.informative, label.id
    twice = Counter(label.definition for label in taxonomy.labels)
    assert max(twice.values()) == 1


def test_children_take_what_their_parents_say() -> None:
    taxonomy = shipped()
    nudity = taxonomy.get("sexual.explicit.nudity")
    assert nudity is not None
    assert nudity.seen_in == ("picture",)
    assert nudity.dsa == "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"
    consent = taxonomy.get("sexual.non-consensual")
    assert consent is not None
    assert consent.dsa_keywords == ("KEYWORD_NON_CONSENSUAL_IMAGE_SHARING",)
    assert taxonomy.below("weapons.sale") == ()
    assert all(one.id.startswith("hate.") for one in taxonomy.below("hate"))


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("sexual.explict", "sexual.explicit"),
        ("nudity", "sexual.explicit.nudity"),
        ("violence.weapon", "weapons"),
        ("hate.symbol", "hate.symbols"),
        ("zzzzzzz", ""),
    ],
)
def test_a_mistyped_label_finds_the_one_that_was_meant(label: str, meant: str) -> None:
    assert shipped().get(label) is None
    assert shipped().nearest(label) == meant


def test_lists_bring_children_of_their_own_below_some_labels_only() -> None:
    taxonomy = shipped()
    known = taxonomy.get("known.partner")
    assert known is not None
    assert known.id == "known"
    assert taxonomy.get("child-safety.sexual-abuse.list-a") is None, "its parent takes none"
    assert taxonomy.get("sexual.partner") is None


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("schema_version = 1", "schema_version = 2", "schema_version"),
        ('id = "sexual.explicit"', 'id = "sexual.explicit.x"', "before its parent"),
        ('id = "weapons"', 'id = "violence"', "twice"),
        ("KEYWORD_NUDITY", "KEYWORD_NUDE", "dsa_keywords"),
        ('seen_in = ["creator"]', "", "seen_in"),
        ("not_meant", "isnt", "not_meant"),
    ],
)
def test_a_broken_taxonomy_is_refused(old: str, new: str, what: str) -> None:
    text = (SHIPPED / "taxonomy.toml").read_text("utf-8")
    head, found, rest = text.partition("\n[[labels]]")  # the comment at the top names keys too
    broken = head.replace(old, new) + found + rest.replace(old, new, 1)
    assert broken != text
    tomllib.loads(broken)
    with pytest.raises(Internal, match=what):
        load_taxonomy(broken.encode())
