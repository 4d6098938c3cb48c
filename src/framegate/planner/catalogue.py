"""The planner's data: architectures, cards, reserves, read from the file that ships."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from framegate.domain.serial import load
from framegate.domain.vision import Profile
from framegate.errors import SettingsInvalid
from framegate.planner.fit import Architecture, Card, Fit, Reserve, fit


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that is known."""

    architectures: Mapping[str, Architecture]
    cards: Mapping[str, Card]
    reserve: Reserve


@cache
def shipped() -> Catalogue:
    """The one that comes with framegate."""
    content = files("framegate").joinpath("planner", "catalogue.toml").read_text(encoding="utf-8")
    return load(Catalogue, tomllib.loads(content))


def fit_of(profile: Profile) -> Fit | None:
    """Whether a profile fits its cards; None where it names no architecture or card.

    Raises `SettingsInvalid` on a name that is not in the catalogue.
    """
    if not profile.architecture or not profile.gpu:
        return None
    known = shipped()
    architecture = known.architectures.get(profile.architecture)
    if architecture is None:
        raise SettingsInvalid(
            f"profile {profile.name}: no architecture is named {profile.architecture}",
            f"there are {', '.join(known.architectures)}",
        )
    card = known.cards.get(profile.gpu)
    if card is None:
        raise SettingsInvalid(
            f"profile {profile.name}: no card is named {profile.gpu}",
            f"there are {', '.join(known.cards)}",
        )
    return fit(profile, architecture, card, known.reserve)
