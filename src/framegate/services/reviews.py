"""Cases that wait for a person, and the person's word."""

from __future__ import annotations

from dataclasses import dataclass, replace

from framegate.catalog.works import Work, WorkStatus
from framegate.domain.asset import Asset
from framegate.domain.options import ProcessOptions
from framegate.domain.policy import Action, Verdict
from framegate.domain.serial import load
from framegate.errors import CaseNotOpen
from framegate.flow.state import Outcome
from framegate.flow.workshop import Workshop
from framegate.services.runner import Runner
from framegate.services.wish import read_wish
from framegate.stages.base import Progress

ACTIONS = (Action.ALLOW, Action.BLOCK)


@dataclass(frozen=True, slots=True)
class Case:
    """An asset that waits, with what the policy said and where its report lies."""

    asset: Asset
    verdict: Verdict
    output: str


class Reviews:
    """Use case: review."""

    def __init__(self, workshop: Workshop, runner: Runner) -> None:
        self._workshop = workshop
        self._runner = runner

    def waiting(self, tenant: str = "") -> tuple[Case, ...]:
        """The tenant's open cases, last changed first."""
        return tuple(_case(work) for work in self._workshop.works.waiting(tenant))

    def resolve(
        self,
        asset_id: str,
        action: Action,
        *,
        reason: str,
        actor: str,
        progress: Progress,
        tenant: str = "",
    ) -> Outcome:
        """Record a person's decision and go on: allow publishes, block is final.

        ``asset_id`` may be a beginning that is unique among the tenant's. Raises `AssetUnknown`,
        `CaseNotOpen`, `AlreadyRunning`, and what publishing raises.
        """
        if action not in ACTIONS:
            raise ValueError(action)
        asset = self._workshop.assets.get(tenant, asset_id)
        work = self._open(asset.id)
        options = load(ProcessOptions, work.options)
        # the policy and lists have done their part: only the options are looked at from here on
        plain = replace(options, policy=None, hashlists=())
        wish = replace(read_wish(plain, self._workshop.default_policy), options=options)
        said = {"action": action.value, "reason": reason, "actor": actor}
        return self._runner.release(work, wish, said, progress)

    def _open(self, asset_id: str) -> Work:
        for work in self._workshop.works.of(asset_id):
            if work.status is WorkStatus.REVIEW:
                return work
        raise CaseNotOpen(f"asset {asset_id[:8]} is not waiting for a decision")


def _case(work: Work) -> Case:
    outcome = load(Outcome, work.outcome)
    return Case(outcome.asset, outcome.decision.verdict, work.output)
