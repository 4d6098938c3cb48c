"""Enrolling creators with their consent, comparing with one of them, and forgetting them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from framegate.domain.asset import AssetDetails
from framegate.domain.creator import (
    Candidate,
    Consent,
    Enrolment,
    Outcome,
    Standing,
    Template,
    Verification,
    enrolled,
    of_video,
)
from framegate.domain.sidecar import problem_with
from framegate.errors import (
    ConsentInvalid,
    CreatorExists,
    CreatorUnknown,
    FramegateError,
    InputTooLarge,
    UsageInvalid,
)
from framegate.flow.claim import WHY, Claim
from framegate.flow.workshop import Workshop
from framegate.models import registry
from framegate.observability.logs import logger
from framegate.stages.base import Progress
from framegate.stages.enrol import read_photo
from framegate.stages.probe import probe
from framegate.stages.screen.analysers.creator import CreatorAnalyser, FaceCollector
from framegate.stages.screen.protocol import Analyser, Panel
from framegate.stages.screen.screen import screen
from framegate.storage.source import opened, reopened

MOST_PHOTOS = 20
LEAST_FRAMES = 3  # good ones of a video: one alone may be the odd one
ENROL_GAP_S = 0.5
ENROL_MAX_S = 600  # of a video that somebody is enrolled from: nobody poses for longer
VERIFY_GAP_S = 1.0


@dataclass(frozen=True, slots=True)
class Named:
    """Who is meant, and who asks."""

    name: str
    tenant: str = ""
    actor: str = ""

    def __post_init__(self) -> None:
        """Raises `UsageInvalid` for a name that no asset could have."""
        problem = problem_with({"creator": self.name, "tenant": self.tenant})
        if problem is None and not self.name.strip():
            problem = "the name is empty"
        if problem is not None:
            raise UsageInvalid("The creator cannot be named so", problem)


class CreatorCare:
    """Use cases: enrol, list, verify, revoke."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._claims = workshop.claims

    def enrol_photos(self, who: Named, paths: Sequence[Path], consent: Consent) -> Enrolment:
        """From photos, each of which must pass every gate.

        Raises `ConsentInvalid`, `CreatorExists`, the `FaceRefused` errors, `UsageInvalid`, and what
        reading a photo raises.
        """
        if not 1 <= len(paths) <= MOST_PHOTOS:
            raise UsageInvalid(
                f"{len(paths)} photos cannot be enrolled from", f"1 to {MOST_PHOTOS} are taken"
            )
        self._require_free(who, consent)
        at = self._workshop
        reader = at.models.face_reader()
        return self._enrol(
            who, consent, "photos", [read_photo(at.sandbox, path, reader) for path in paths]
        )

    def enrol_video(
        self, who: Named, path: Path, consent: Consent, progress: Progress
    ) -> Enrolment:
        """From the frames of a video that pass every gate; raises as `enrol_photos`, and what
        taking in and looking at a video raises.
        """
        self._require_free(who, consent)
        collector = FaceCollector(self._workshop.models.face_reader())
        self._look(path, collector, progress, gap_s=ENROL_GAP_S, longest_s=ENROL_MAX_S)
        found = of_video(collector.looks, least=LEAST_FRAMES)
        return self._enrol(who, consent, "video", found)

    def all(self, tenant: str = "") -> tuple[tuple[Enrolment, Standing], ...]:
        """The tenant's enrolments, ended ones too, oldest first."""
        self.sweep()
        now = self._workshop.clock()
        return tuple((each, each.standing(now)) for each in self._claims.creators.of(tenant))

    def verify(self, who: Named, path: Path, progress: Progress) -> tuple[Enrolment, Verification]:
        """Compare the named creator, and nobody else, with the faces of a video.

        Raises `CreatorUnknown`, `ConsentInvalid`, and what looking at a video raises.
        """
        self.sweep()
        enrolment, template = self._template(who)
        analyser = CreatorAnalyser(self._workshop.models.face_reader(), template)
        found = self._look(path, analyser, progress, gap_s=VERIFY_GAP_S)
        assert found is not None  # what the analyser finishes with
        return enrolment, found

    def revoke(self, who: Named, why: str) -> Enrolment:
        """Destroy the template first, then close the record. Raises `CreatorUnknown`.

        A comparison that is under way in another process ends with what it has in memory.
        """
        enrolment = self._claims.creators.last(who.tenant, who.name)
        if enrolment is None or enrolment.ended_at is not None:
            # a kill between the two steps, or a restored file: gone is gone
            if enrolment is not None:
                self._claims.templates.destroy(enrolment.id)
            raise CreatorUnknown(f"{who.name} is not enrolled", _since(enrolment))
        self._claims.templates.destroy(enrolment.id)
        return self._claims.creators.end(
            enrolment, at=self._workshop.clock(), by=who.actor, why=why
        )

    def sweep(self) -> None:
        """Destroy the templates that nobody may use any more: see `sweep_templates`."""
        sweep_templates(self._workshop)

    def _require_free(self, who: Named, consent: Consent) -> None:
        """Before anybody's photo is opened: the consent holds, and the name is free."""
        consent.require_valid(self._workshop.clock())
        self.sweep()
        before = self._claims.creators.last(who.tenant, who.name)
        if before is None or before.ended_at is not None:
            return
        if self._claims.templates.get(before.id) is not None:
            raise CreatorExists(
                f"{who.name} is enrolled already", f"since {before.enrolled_at:%Y-%m-%d}"
            )
        # of an expired consent, or of a kill while it was written: there is nothing to compare with
        self._claims.templates.destroy(before.id)
        now = self._workshop.clock()
        expired = before.standing(now) is Standing.EXPIRED
        why = "the consent expired" if expired else "its template was missing"
        self._claims.creators.end(before, at=now, by=who.actor, why=f"{why}; enrolled anew")

    def _enrol(
        self, who: Named, consent: Consent, source: str, candidates: Sequence[Candidate]
    ) -> Enrolment:
        """The record first: a template never lies where nobody knows of it."""
        template = enrolled(candidates)
        enrolment = Enrolment(
            id=uuid.uuid4().hex,
            tenant=who.tenant,
            name=who.name,
            consent=consent,
            enrolled_at=self._workshop.clock(),
            enrolled_by=who.actor,
            source=source,
            faces=len(candidates),
            model_sha256=registry.get("sface").sha256,
        )
        self._claims.creators.add(enrolment)
        try:
            self._claims.templates.put(enrolment.id, template)
        except FramegateError:
            self._claims.creators.end(
                enrolment,
                at=self._workshop.clock(),
                by=who.actor,
                why="the template could not be written",
            )
            raise
        return enrolment

    def _template(self, who: Named) -> tuple[Enrolment, Template]:
        enrolment, why = Claim(self._claims, who.tenant, who.name).standing()
        if enrolment is None or why is Outcome.REVOKED:
            raise CreatorUnknown(f"{who.name} is not enrolled", _since(enrolment))
        if why is Outcome.CONSENT_EXPIRED:
            raise ConsentInvalid(
                f"{who.name} cannot be compared",
                f"the consent ended on {enrolment.consent.expires:%Y-%m-%d}",
                "Enrol anew with a new consent",
            )
        template = self._claims.templates.get(enrolment.id) if why is None else None
        if template is None:
            raise CreatorUnknown(f"{who.name} cannot be compared", WHY[Outcome.NO_TEMPLATE])
        return enrolment, template

    def _look(
        self,
        path: Path,
        analyser: Analyser,
        progress: Progress,
        *,
        gap_s: float,
        longest_s: float | None = None,
    ) -> Verification | None:
        at = self._workshop
        taken = at.take_in(path, AssetDetails(), progress)
        with at.data.scratch() as work, opened(taken.source) as fd:
            context = at.context(work, progress)
            with reopened(fd) as again:
                size = taken.asset.size_bytes
                facts = probe(
                    context, again, name=taken.asset.name, size_bytes=size, limits=at.limits
                )
            seconds = facts.video.duration_measured
            if longest_s is not None and seconds > longest_s:
                raise InputTooLarge(
                    f"{taken.asset.name} is too long to enrol from",
                    f"{float(seconds):.0f} s, at most {longest_s:.0f} s are taken",
                    "Cut out a part in which the creator looks into the camera",
                )
            silent = replace(facts, audio=())  # nobody listens
            return screen(context, fd, silent, Panel((analyser,)), max_gap_s=gap_s).identity


def sweep_templates(workshop: Workshop) -> None:
    """Destroy templates whose consent has expired, or whose enrolment has ended: what a kill left
    between two steps, and what time has ended.
    """
    claims, now = workshop.claims, workshop.clock()
    usable = {each.id for each in claims.creators.open() if each.standing(now) is Standing.VALID}
    for enrolment_id in claims.templates.ids():
        if enrolment_id not in usable and claims.templates.destroy(enrolment_id):
            logger("creators").info("template destroyed", enrolment=enrolment_id)


def _since(enrolment: Enrolment | None) -> str:
    if enrolment is None or enrolment.ended_at is None:
        return ""
    return f"ended on {enrolment.ended_at:%Y-%m-%d}: {enrolment.ended_why}"
