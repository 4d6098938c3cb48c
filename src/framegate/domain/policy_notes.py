"""What is right in a policy and may yet surprise who wrote it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from framegate.domain.labels import CHILD_SAFETY, covers
from framegate.domain.policy import Action, Policy, Rule
from framegate.domain.policy_format import label_problem
from framegate.domain.taxonomy import shipped


def notes(policy: Policy) -> tuple[tuple[str, str], ...]:
    """Rule and words, in the order of the rules."""
    return tuple((rule.id, words) for rule in policy.rules for words in _notes(rule))


def _notes(rule: Rule) -> Iterable[str]:
    listed = [label for label in rule.labels if _on_lists(label)]
    for label in rule.labels:
        if problem := label_problem(label):
            yield f"{problem} (only a hash list of your own could make it fire)"
    for one in (*rule.needs, *rule.any):
        if one.threshold == 0 and not _on_lists(one.label):
            yield f'every finding of "{one.label}" meets a threshold of 0, whatever its score'
    if rule.blur:
        yield from _of_blur(rule)
    if rule.action is not Action.BLOCK:
        return
    if not rule.require_calibration:
        yield "it blocks on scores that are not calibrated, too"
    elif len(listed) < len(rule.labels):
        yield "without a calibration a model's score makes it a review, not a block"


def _on_lists(label: str) -> bool:
    known = shipped().get(label)
    return known is None or "list" in known.seen_in


def _of_blur(rule: Rule) -> Iterable[str]:
    """What is seen in pictures alone can be blurred in them."""
    yield "pictures are blurred; what is found in sound or captions waits for a person"
    for label in rule.labels:
        known = shipped().get(label)
        if covers(CHILD_SAFETY, label) or _on_lists(label):
            yield f'a match on a list or under "{label}" is not blurred: a person decides'
        elif known is not None and not {"picture", "text"} & set(known.seen_in):
            yield f'"{label}" is not seen in pictures: a person decides'
