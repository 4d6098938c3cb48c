"""Statements of reasons: for the creator of a video, and for the DSA Transparency Database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from framegate.domain.asset import Asset
from framegate.domain.policy import Decision, Policy
from framegate.domain.statement import grounds_of, record_of
from framegate.domain.statement_text import text_of, warnings
from framegate.errors import AssetUnknown, PolicyUnknown, ScreeningGone
from framegate.flow.workshop import Workshop
from framegate.services.policies import Policies


@dataclass(frozen=True, slots=True)
class Statement:
    """``record`` is what the database takes, None where nothing is restricted in the EEA."""

    asset: Asset
    decision: Decision
    text: str
    record: dict[str, Any] | None
    warnings: tuple[str, ...]


class Statements:
    """Use case: give reasons for a decision."""

    def __init__(self, workshop: Workshop, policies: Policies) -> None:
        self._workshop = workshop
        self._policies = policies

    def of(
        self,
        asset_id: str,
        tenant: str = "",
        *,
        decision_id: str = "",
        category: str = "",
        explanation: str = "",
        policy: Policy | None = None,
    ) -> Statement:
        """The statement of an asset's last decision, or of the one whose ID begins so.

        Raises `AssetUnknown`, `NothingToState`, and `UsageInvalid` where no category is known or a
        word would name a person.
        """
        asset = self._workshop.assets.get(tenant, asset_id)
        decision = self._decision(asset, decision_id)
        known = policy or self._policy(decision)
        grounds = grounds_of(decision, known, explanation)
        try:
            screening = self._policies.find(asset.id, tenant).screening
        except (ScreeningGone, AssetUnknown):
            screening = None  # then nothing is said of where
        return Statement(
            asset=asset,
            decision=decision,
            text=text_of(asset, decision, grounds, known, screening),
            record=record_of(asset, decision, grounds, known, category),
            warnings=tuple(warnings(grounds, known)),
        )

    def _decision(self, asset: Asset, decision_id: str) -> Decision:
        found = [
            one for one in self._workshop.decisions.of(asset.id) if one.id.startswith(decision_id)
        ]
        if not found:
            raise AssetUnknown(
                f"no decision {decision_id} on {asset.id[:8]}".replace("  ", " "),
                "nothing of that ID was decided",
                "Leave --decision out for the last one",
            )
        return found[-1]

    def _policy(self, decision: Decision) -> Policy | None:
        try:
            return self._policies.policy_of(decision.verdict)
        except PolicyUnknown:
            return None  # told as a warning
