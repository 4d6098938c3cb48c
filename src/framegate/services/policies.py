"""What a policy says, why it said it, and what another would have said: from what was stored.

No video is looked at: a verdict is a function of the stored screening and the policy's bytes, and
both are kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from framegate.catalog.works import Work
from framegate.domain.asset import Asset
from framegate.domain.blurring import covered_s
from framegate.domain.explaining import Explanation, explain
from framegate.domain.layout import VERDICT
from framegate.domain.policy import Decision, Policy, Verdict
from framegate.domain.policy_file import load_policy
from framegate.domain.screening import Screening
from framegate.domain.serial import load
from framegate.errors import AssetUnknown, PolicyUnknown, ScreeningGone
from framegate.flow.comparing import stored_screening
from framegate.flow.state import Outcome
from framegate.flow.workshop import Workshop
from framegate.stages.decide import decide
from framegate.storage.local import WorkLost

MOST_VERDICT_BYTES = 64 << 20
PROCESS_FIRST = "Process the video first, with this data folder"


@dataclass(frozen=True, slots=True)
class Stored:
    """A screening that was kept, with all that deciding on it anew takes.

    ``decided`` is what the policy said, ``outcome.decision`` what holds: a person may have come
    between.
    """

    asset: Asset
    outcome: Outcome
    screening: Screening
    decided: Decision

    def verdict(self, policy: Policy) -> Verdict:
        """What a policy says of it."""
        return decide(self.screening, self.outcome.facts, policy)


@dataclass(frozen=True, slots=True)
class Explained:
    """``reproduced``: decided anew, the recorded verdict came out to the last bit."""

    stored: Stored
    policy: Policy
    explanation: Explanation
    reproduced: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One stored screening under two policies."""

    asset: Asset
    output: str
    before: Verdict
    after: Verdict

    @property
    def differs(self) -> bool:
        """Whether something differs that somebody would notice."""
        return _noticed(self.before) != _noticed(self.after)

    @property
    def graver(self) -> bool:
        """Whether the new policy is stricter on it; with `differs` and not graver: milder."""
        return _gravity(self.after) > _gravity(self.before)


@dataclass(frozen=True, slots=True)
class Difference:
    """All stored screenings under two policies. ``gone``: those that are no longer kept."""

    old: Policy
    new: Policy
    compared: tuple[Change, ...]
    gone: int

    @property
    def changed(self) -> tuple[Change, ...]:
        """Those on which the policies differ."""
        return tuple(one for one in self.compared if one.differs)


class Policies:
    """Use case: policies and past verdicts."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def find(self, what: str, tenant: str = "") -> Stored:
        """The stored screening of an asset (its ID or a unique beginning), or of the output folder
        at a path. Of several works on one asset it is the last.

        Raises `AssetUnknown` and `ScreeningGone`.
        """
        folder = Path(what).expanduser()
        if folder.is_file():
            raise AssetUnknown(
                f"{what} is a file",
                "a verdict is found by the output folder or by the asset's ID",
                "Name the folder that `framegate process` wrote the report to",
            )
        if folder.is_dir():
            asset_id = _asset_of(folder)
            where = str(folder.absolute().resolve())
            works = [
                work
                for work in self._workshop.works.of(self._workshop.assets.get(tenant, asset_id).id)
                if str(Path(work.output).resolve()) == where
            ]
        else:
            asset_id = what
            works = list(self._workshop.works.of(self._workshop.assets.get(tenant, what).id))
        ended = [work for work in works if work.outcome is not None]
        if not ended:
            raise AssetUnknown(
                f"no finished work on {asset_id[:8]}", "nothing was decided yet", PROCESS_FIRST
            )
        try:
            return self._stored(ended[0])
        except WorkLost as error:
            raise ScreeningGone(
                f"what was found in {asset_id[:8]} is no longer kept", f"{error} is gone or changed"
            ) from error

    def policy_of(self, verdict: Verdict) -> Policy:
        """The policy that a verdict names, from its kept bytes. Raises `PolicyUnknown`."""
        try:
            content = self._workshop.data.policy(verdict.policy_sha256)
        except WorkLost as error:
            raise PolicyUnknown(
                f"the policy {verdict.policy} {verdict.policy_version} is not kept here",
                f"its SHA-256 is {verdict.policy_sha256[:12]}…",
            ) from error
        return load_policy(content, f"{verdict.policy} {verdict.policy_version}")

    def explain(self, what: str, tenant: str = "", policy: Policy | None = None) -> Explained:
        """Why the policy's verdict is what it is; with ``policy`` what that one would say, and why.

        Raises as `find` and `policy_of`.
        """
        stored = self.find(what, tenant)
        used = policy or self.policy_of(stored.decided.verdict)
        verdict = stored.verdict(used)
        return Explained(
            stored=stored,
            policy=used,
            explanation=explain(stored.screening, stored.outcome.facts, used, verdict),
            # as text: a score that is not a number equals nothing
            reproduced=repr(verdict) == repr(stored.decided.verdict),
        )

    def diff(
        self,
        old: Policy,
        new: Policy,
        tenant: str = "",
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> Difference:
        """Every stored screening of a tenant under both policies."""
        works = self._workshop.works.ended(tenant)
        changes: list[Change] = []
        gone = 0
        for number, work in enumerate(works, 1):
            progress(number, len(works))
            try:
                stored = self._stored(work)
            except WorkLost:
                gone += 1
                continue
            before, after = stored.verdict(old), stored.verdict(new)
            changes.append(Change(stored.asset, work.output, before, after))
        return Difference(old, new, tuple(changes), gone)

    def _stored(self, work: Work) -> Stored:
        outcome = load(Outcome, work.outcome)
        folder = self._workshop.data.kept(work.asset_id, work.options_key)
        return Stored(
            asset=outcome.asset,
            outcome=outcome,
            screening=stored_screening(folder, outcome.screened),
            decided=self._decided(outcome),
        )

    def _decided(self, outcome: Outcome) -> Decision:
        """The policy's last word before the one that holds."""
        if outcome.decision.actor == "policy":
            return outcome.decision
        said: Iterator[Decision] = (
            decision
            for decision in reversed(self._workshop.decisions.of(outcome.asset.id))
            if decision.actor == "policy"
            and decision.verdict.policy_sha256 == outcome.decision.verdict.policy_sha256
            and decision.at <= outcome.decision.at
        )
        return next(said, outcome.decision)


def _asset_of(folder: Path) -> str:
    """The asset whose verdict lies in an output folder. Raises `AssetUnknown`."""
    try:
        with (folder / VERDICT).open("rb") as stream:
            found = json.loads(stream.read(MOST_VERDICT_BYTES))
        return str(found["asset_id"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AssetUnknown(
            f"{folder} is not an output folder",
            f"it holds no {VERDICT} that can be read",
            PROCESS_FIRST,
        ) from error


def _noticed(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.action,
        verdict.audience,
        verdict.escalate,
        verdict.blur,
        tuple((one.id, one.may_see) for one in verdict.audiences),
    )


def _gravity(verdict: Verdict) -> tuple[int, int, Fraction]:
    order = ["allow", "restrict", "review", "block"]
    hidden = sum(not one.may_see for one in verdict.audiences)
    return (order.index(verdict.action), hidden, covered_s(verdict.blur))
