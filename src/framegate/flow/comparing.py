"""Published = screened: every frame that the chunks decoded beside the frames that were looked at,
and a second look where one of them is unlike all of those.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from framegate.domain.counted import counted
from framegate.domain.encoding import ChunkReceipt, SourceRead
from framegate.domain.gist import gist_of
from framegate.domain.imprint import Imprints
from framegate.domain.layout import IMPRINTS, SAMPLES, SUPPLEMENT
from framegate.domain.media import MediaFacts
from framegate.domain.screening import Screening, Supplement, awaited, extended
from framegate.domain.serial import dump, load
from framegate.domain.unseen import find_unseen
from framegate.flow.looking import revisit_source
from framegate.flow.state import Compared, Receipts, Run, Screened, Step
from framegate.models.store import Models
from framegate.storage.atomic import sync_tree, writing
from framegate.storage.local import read_hashed, write_hashed


def compare_pictures(run: Run, screened: Screened, receipts: Receipts) -> Compared:
    """Whether the chunks decoded anything that nobody looked at. Raises `WorkLost`."""
    read = SourceRead(
        frames=sum(receipt.done.source_frames for receipt in receipts),
        corrupt_packets=sum(receipt.done.corrupt_packets for receipt in receipts),
    )
    progress = run.context.progress
    progress.start(Step.COMPARE, float(read.frames), "frames")
    known = Imprints.unpack(read_hashed(run.context.work / IMPRINTS, screened.imprints_sha256))
    pictures = find_unseen(known, _parts(run, receipts))
    progress.end(
        Step.COMPARE,
        f"{counted(pictures.frames, 'frame')}, "
        + (f"{pictures.unlike} unlike what was looked at" if pictures.unlike else "none unseen"),
    )
    return Compared(read, pictures)


def look_again(
    run: Run,
    facts: MediaFacts,
    models: Models,
    screened: Screened,
    *,
    compared: Compared,
    receipts: Receipts,
) -> Screened:
    """Show what nobody saw to the analysers; the answer names both, screening and supplement."""
    pictures = compared.pictures
    screening = read_screening(run, screened)
    encoded = _of(_parts(run, receipts), {look.pts for look in pictures.looks})
    found = revisit_source(run, facts, models, screening, pictures=pictures, encoded=encoded)
    with writing(SAMPLES):
        sync_tree(run.context.work / SAMPLES)
    content = json.dumps(dump(found), separators=(",", ":")).encode()
    whole = extended(screening, found)
    return replace(
        screened,
        samples=len(whole.samples),
        coverage=whole.coverage,
        quality=whole.quality,
        supplement_sha256=write_hashed(run.context.work / SUPPLEMENT, content),
        awaited=awaited(whole),
        gist=gist_of(whole),
    )


def read_screening(run: Run, screened: Screened) -> Screening:
    """All that was found, with what a second look added. Raises `WorkLost`."""
    return stored_screening(run.context.work, screened)


def stored_screening(folder: Path, screened: Screened) -> Screening:
    """As `read_screening`, of the work area ``folder`` of a work that may long have ended."""
    content = read_hashed(folder / screened.file, screened.sha256)
    screening = load(Screening, json.loads(content))
    if not screened.supplement_sha256:
        return screening
    more = read_hashed(folder / SUPPLEMENT, screened.supplement_sha256)
    return extended(screening, load(Supplement, json.loads(more)))


def _parts(run: Run, receipts: Receipts) -> list[Callable[[], Imprints]]:
    def part(receipt: ChunkReceipt) -> Callable[[], Imprints]:
        file = receipt.imprints
        return lambda: Imprints.unpack(read_hashed(run.context.work / file.path, file.sha256))

    return [part(receipt) for receipt in sorted(receipts, key=lambda each: each.index)]


def _of(parts: Sequence[Callable[[], Imprints]], wanted: set[int]) -> Imprints:
    """The imprints of some frames."""
    pts, codes = [], []
    for part in parts:
        frames = part()
        at = np.isin(frames.pts, list(wanted))
        pts.append(frames.pts[at])
        codes.append(frames.codes[at])
    return Imprints(np.concatenate(pts), np.concatenate(codes))
