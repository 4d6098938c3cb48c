"""The flows: the whole job, its end after a person decided, its reports told anew, and a look by
who could not look the first time.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from framegate.domain.agreement import compare
from framegate.domain.audio_tracks import only_screened
from framegate.domain.captions import Captions
from framegate.domain.counted import counted
from framegate.domain.gist import gist_of
from framegate.domain.layout import IMPRINTS, PACKAGE, SAMPLES, SCREENING
from framegate.domain.media import MediaFacts
from framegate.domain.policy import Action, Decision, Reason, Verdict
from framegate.domain.poster import poster_time
from framegate.domain.screening import Screening, awaited
from framegate.domain.serial import dump, load
from framegate.flow.anew import look_anew
from framegate.flow.comparing import compare_pictures, look_again, read_screening
from framegate.flow.encoding import blur_again, encode_tracks, package_tracks
from framegate.flow.ending import AFTER, Known, finish
from framegate.flow.looking import probe_source, read_source_captions, screen_source
from framegate.flow.state import (
    Compared,
    Ending,
    Outcome,
    Receipts,
    Run,
    Screened,
    Step,
    Taken,
)
from framegate.flow.workshop import Workshop
from framegate.jobs import Answer, Flow, Steps
from framegate.stages.decide import decide
from framegate.stages.publish import take_back
from framegate.storage.atomic import sync_tree, writing
from framegate.storage.local import sha256_of, write_hashed

PROCESS, RELEASE, RENEW, ANEW = "process", "release", "renew", "anew"


class Flows:
    """The flows, and the runs that this process has in hand."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    @contextmanager
    def at(self, run: Run) -> Iterator[None]:
        """Make a run known to its flow for the length of a block."""
        with self._lock:
            self._runs[run.job_id] = run
        try:
            yield
        finally:
            with self._lock:
                del self._runs[run.job_id]

    def by_name(self) -> dict[str, Flow]:
        """Every flow, as the engine knows them."""
        return {PROCESS: self.process, RELEASE: self.release, RENEW: self.renew, ANEW: self.anew}

    def process(self, steps: Steps, request: Answer) -> Answer:
        """The whole job on one asset; the request names the job."""
        run = self._runs[request["job"]]
        facts = run.step(
            steps, Step.PROBE, MediaFacts, lambda: probe_source(run, self._workshop.limits)
        )
        captions = run.step(
            steps, Step.CAPTIONS, Captions, lambda: read_source_captions(run, facts)
        )
        screened = run.step(
            steps, Step.SCREEN, Screened, lambda: self._screen(run, facts, captions)
        )
        screening = read_screening(run, screened)
        decision = run.step(
            steps, Step.DECIDE, Decision, lambda: self._decide(run, screening, facts)
        )
        known = Known(facts, screened, screening, decision, captions)
        if decision.verdict.action is not Action.BLOCK:
            known = self._encode(run, steps, known)
        return dump(finish(self._workshop, run, steps, known))

    def _encode(self, run: Run, steps: Steps, known: Known) -> Known:
        """Encode; then look at what nobody saw before, and stop if it is not to be published."""
        screened_first = known.screening
        facts = only_screened(known.facts, known.screening.sound)
        encoders = self._workshop.encoders()
        blur = known.decision.verdict.blur
        tracks = encode_tracks(run, steps, facts, encoders, known.screening, blur=blur)
        receipts = tracks.receipts
        compared = run.step(
            steps, Step.COMPARE, Compared, lambda: compare_pictures(run, known.screened, receipts)
        )
        if compared.pictures.unlike:
            known = self._look_again(run, steps, known, compared, receipts)
        agreement = compare(
            known.screening.coverage,
            compared.read,
            compared.pictures,
            looked_again=known.looked_again,
        )
        encoded = None
        verdict = known.decision.verdict
        if verdict.action is not Action.BLOCK:
            tracks = blur_again(run, steps, facts, encoders, tracks, blur=verdict.blur)
            encoded = package_tracks(
                run,
                steps,
                facts,
                tracks,
                captions=known.captions.tracks,
                poster_at=poster_time(screened_first, verdict.blur),
            )
        return replace(known, encoded=encoded, agreement=agreement)

    def _look_again(
        self, run: Run, steps: Steps, known: Known, compared: Compared, receipts: Receipts
    ) -> Known:
        """Nothing is taken back: what was found is added, and decided on anew."""
        first, facts = known.screened, known.facts
        models, pictures = self._workshop.models, compared.pictures
        screened = run.step(
            steps,
            Step.LOOK,
            Screened,
            lambda: look_again(run, facts, models, first, compared=compared, receipts=receipts),
        )
        screening = read_screening(run, screened)
        looked = screened.samples - first.samples
        why = (
            f"Frames were found while encoding that were unlike what had been looked at "
            f"({pictures.unlike} of {pictures.frames}): {counted(looked, 'more look')} taken now."
        )
        decision = run.step(
            steps,
            Step.DECIDE_AGAIN,
            Decision,
            lambda: self._decide(run, screening, facts, again=why),
        )
        return replace(
            known,
            screened=screened,
            screening=screening,
            decision=decision,
            looked_again=looked,
        )

    def release(self, steps: Steps, request: Answer) -> Answer:
        """After a review: the person's decision, then the report again, and what it allows."""
        run = self._runs[request["job"]]
        held = load(Outcome, request["held"])
        decision = run.step(steps, Step.DECIDE, Decision, lambda: self._person(run, held, request))
        known = replace(_of(run, held), decision=decision)
        return dump(finish(self._workshop, run, steps, known))

    def renew(self, steps: Steps, request: Answer) -> Answer:
        """After the sender said something else about the video: the reports again, beside the
        package that lies at the output; nothing is looked at or encoded.
        """
        run = self._runs[request["job"]]
        held = load(Outcome, request["held"])
        run.timings.extend(each for each in held.timings if each.stage != Step.PUBLISH)
        return dump(finish(self._workshop, run, steps, _of(run, held), package=run.output))

    def anew(self, steps: Steps, request: Answer) -> Answer:
        """After analysers that had not been able to look are back: they look, all is decided anew,
        and the end is brought about that follows now. Nothing else is looked at or encoded; what
        lies at the output and may not lie there any more is taken back.
        """
        run = self._runs[request["job"]]
        held = load(Outcome, request["held"])
        before, names = _of(run, held), request["names"]
        run.timings.extend(each for each in held.timings if each.stage != Step.PUBLISH)
        screened = run.step(
            steps,
            Step.LOOK_ANEW,
            Screened,
            lambda: look_anew(run, held, before.screening, names, self._workshop.models),
        )
        screening = read_screening(run, screened)
        why = f"Could not look before, and looked now: {', '.join(names)}."
        decision = run.step(
            steps,
            Step.DECIDE_AGAIN,
            Decision,
            lambda: self._decide(run, screening, held.facts, again=why),
        )
        known = replace(before, screened=screened, screening=screening, decision=decision)
        package = run.output if held.status is Ending.PUBLISHED else None
        if package is not None and AFTER[decision.verdict.action] is Ending.REVIEW:
            kept = run.context.work / PACKAGE
            run.step(steps, Step.TAKE_BACK, Taken, lambda: Taken(take_back(run.output, kept)))
        return dump(finish(self._workshop, run, steps, known, package=package))

    def _screen(self, run: Run, facts: MediaFacts, captions: Captions) -> Screened:
        screening = screen_source(run, facts, self._workshop.models, captions)
        with writing(SAMPLES):
            sync_tree(run.context.work / SAMPLES)  # evidence, maybe looked at in weeks
        content = json.dumps(dump(screening), separators=(",", ":")).encode()
        return Screened(
            sha256=write_hashed(run.context.work / SCREENING, content),
            samples=len(screening.samples),
            coverage=screening.coverage,
            quality=screening.quality,
            imprints_sha256=sha256_of(run.context.work / IMPRINTS),
            awaited=awaited(screening),
            gist=gist_of(screening),
        )

    def _decide(
        self, run: Run, screening: Screening, facts: MediaFacts, *, again: str = ""
    ) -> Decision:
        """``again`` says why there is something to decide for the second time."""
        step = Step.DECIDE_AGAIN if again else Step.DECIDE
        run.context.progress.start(step, None, "rules")
        verdict = decide(screening, facts, run.policy)
        decision = Decision(
            id=run.identity(step),
            asset_id=run.asset.id,
            actor="policy",
            at=self._workshop.clock(),
            verdict=verdict,
            sampling_probability=run.policy.qa_sampling,
            note=again,
        )
        self._workshop.decisions.append(decision)
        run.context.progress.end(step, verdict.action.value)
        return decision

    def _person(self, run: Run, held: Outcome, request: Answer) -> Decision:
        action = Action(request["action"])
        reason = Reason(rule="person", action=action, words=request["reason"])
        decision = Decision(
            id=run.identity("decide"),
            asset_id=run.asset.id,
            actor=f"person:{request['actor']}",
            at=self._workshop.clock(),
            verdict=_overruled(held, reason),
            sampling_probability=0.0,
            note=request["reason"],
        )
        self._workshop.decisions.append(decision)
        return decision


def _of(run: Run, held: Outcome) -> Known:
    """What an earlier flow ended with. Raises `WorkLost`."""
    return Known(
        facts=held.facts,
        screened=held.screened,
        screening=read_screening(run, held.screened),
        decision=held.decision,
        captions=held.captions,
        encoded=held.encoded,
        agreement=held.agreement,
        held=held,
    )


def _overruled(held: Outcome, reason: Reason) -> Verdict:
    """The verdict after a person's word: their reason first, the rest kept as evidence. What they
    allow is what was encoded, blurred where that was.
    """
    verdict = held.decision.verdict
    return replace(
        verdict,
        action=reason.action,
        reasons=(reason, *verdict.reasons),
        blur=held.encoded.blurred if held.encoded else verdict.blur,
    )
