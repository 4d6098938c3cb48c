"""The claim that an asset makes by naming its creator, and whether it can be checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from framegate.catalog.creators import Creators
from framegate.domain.asset import Asset
from framegate.domain.creator import (
    ANALYSER,
    LABELS,
    LEVEL,
    Enrolment,
    Outcome,
    Standing,
    Templates,
    Verification,
)
from framegate.domain.labels import covers
from framegate.domain.policy import Policy
from framegate.models import registry
from framegate.models.store import Models
from framegate.stages.base import Clock
from framegate.stages.screen.analysers.creator import CreatorAnalyser
from framegate.stages.screen.protocol import Panel, Unavailable

NOT_NAMED = "no creator was named"
WHY = {
    Outcome.NOT_ENROLLED: "the named creator is not enrolled",
    Outcome.CONSENT_EXPIRED: "the creator's consent has expired",
    Outcome.REVOKED: "the creator's enrolment was revoked",
    Outcome.NO_TEMPLATE: "the creator must be enrolled again: there is no template of this model",
}
_STANDS = {Standing.EXPIRED: Outcome.CONSENT_EXPIRED, Standing.REVOKED: Outcome.REVOKED}


@dataclass(frozen=True, slots=True)
class Claims:
    """Who is enrolled, with which consent, and where their templates lie."""

    creators: Creators
    templates: Templates
    clock: Clock

    def of(self, asset: Asset, policy: Policy) -> Claim | None:
        """None where nobody asks: the tenant has never enrolled anybody, and the policy has no
        word about creators. Their name is then only a word.
        """
        details = asset.details
        if not _is_asked(policy) and not self.creators.any(details.tenant):
            return None
        return Claim(self, details.tenant, details.creator)


@dataclass(frozen=True, slots=True)
class Claim:
    """One asset's. Looked up when it is asked: an enrolment may end while a work waits."""

    _of: Claims
    tenant: str
    name: str  # "" when no creator was named

    def standing(self) -> tuple[Enrolment | None, Outcome | None]:
        """The enrolment, and why it may not be used; (one, None) when it may."""
        enrolment = self._of.creators.last(self.tenant, self.name)
        if enrolment is None:
            return None, Outcome.NOT_ENROLLED
        standing = enrolment.standing(self._of.clock())
        if standing is not Standing.VALID:
            return enrolment, _STANDS[standing]
        if enrolment.model_sha256 != registry.get("sface").sha256:
            return enrolment, Outcome.NO_TEMPLATE
        return enrolment, None

    def key(self, options_key: str) -> str:
        """The options' key, made another one by whom there is to compare with: a look at a video
        holds for one enrolment and its standing.
        """
        if not self.name:
            return options_key
        enrolment, why = self.standing()
        said = f"{options_key}/{enrolment.id if enrolment else self.name}/{why or ''}"
        return hashlib.sha256(said.encode()).hexdigest()[: len(options_key)]

    def join(self, panel: Panel, models: Models) -> Panel:
        """The panel with the analyser of this creator, or with the reason why it is missing.

        Raises `ModelMismatch`, `ComponentMissing`.
        """
        if not self.name:
            off = Unavailable(ANALYSER, NOT_NAMED, LEVEL, LABELS, off=True)
            return replace(panel, unavailable=(*panel.unavailable, off))
        enrolment, why = self.standing()
        template = self._of.templates.get(enrolment.id) if enrolment and not why else None
        if template is not None:
            analyser = CreatorAnalyser(models.face_reader(), template)
            return replace(panel, stills=(*panel.stills, analyser))
        why = why or Outcome.NO_TEMPLATE
        missing = Unavailable(ANALYSER, WHY[why], LEVEL, LABELS)
        return replace(
            panel, unavailable=(*panel.unavailable, missing), unchecked=Verification(why)
        )


def _is_asked(policy: Policy) -> bool:
    return ANALYSER in policy.required or any(
        covers(asked, label) or covers(label, asked)
        for rule in policy.rules
        for asked in rule.labels
        for label in LABELS
    )
