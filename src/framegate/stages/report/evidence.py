"""Which pictures a report may hold, and what is done to them first.

A sample is *sensitive* when a finding of a sensitive label on it scores at least `BLUR_FROM` (or
has no usable score), when its shot holds one at or over `SHOT_FROM`, or when no detector looked:
only a look is evidence of absence. Sensitive pictures are averaged down to `BLUR_PX`, made grey
and scaled up again, so their detail does not exist in the page; the original is never embedded.

One child-safety match anywhere and the report holds no picture at all, not even a blurred one.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from framegate.domain.findings import EXACT_LEVEL, Finding, Status
from framegate.domain.frames import SampleInfo
from framegate.domain.labels import CHILD_SAFETY, covers
from framegate.domain.screening import Screening

SENSITIVE = ("sexual", "violence", "self-harm", "terrorism", "animal-cruelty")
BLUR_FROM = 0.30  # raw or calibrated; well under any default threshold: doubt is blurred
SHOT_FROM = 0.60  # neighbours in the shot look alike, whatever their own score

BLUR_PX = 12  # long side after averaging: colour fields, no shapes
THUMB_PX = 240  # long side in the page
THUMBS = 120  # most pictures in a contact sheet
SHEET_BYTES = 1_600_000  # most JPEG bytes in a contact sheet (a third more as base64)
JPEG_QUALITY = 68


@dataclass(frozen=True, slots=True)
class Thumb:
    """One picture of the contact sheet; ``uri`` is a data URI, "" when the file was not there."""

    sample: SampleInfo
    uri: str
    width: int
    height: int
    why: str  # why it is blurred, "" when it is not


@dataclass(frozen=True, slots=True)
class ContactSheet:
    """The pictures shown, how many were left out, and why there are none where there are none."""

    thumbs: tuple[Thumb, ...]
    omitted: int
    withheld: str = ""


def child_safety_match(screening: Screening) -> bool:
    """Whether any child-safety material was found, whatever the score."""
    return any(covers(CHILD_SAFETY, f.label) for f in screening.findings)


def sensitive_samples(screening: Screening) -> dict[int, str]:
    """Sample index to the reason for its blur; samples that may be shown are not in it."""
    lists = {run.analyser for run in screening.runs if run.level == EXACT_LEVEL}
    if not any(
        run.analyser not in lists
        and run.status is Status.OK
        and any(_is_sensitive(label) for label in run.labels)
        for run in screening.runs
    ):
        return {sample.index: "no detector looked" for sample in screening.samples}
    worst: dict[int, tuple[float, str]] = {}
    for finding in screening.findings:
        if finding.analyser not in lists and not _is_sensitive(finding.label):
            continue
        score = _score(finding)
        for index in _samples_of(finding, screening.samples):
            if score >= BLUR_FROM and score > worst.get(index, (-1.0, ""))[0]:
                worst[index] = (score, finding.label)
    shots = {
        sample.shot
        for sample in screening.samples
        if worst.get(sample.index, (0.0, ""))[0] >= SHOT_FROM
    }
    reasons = {index: label for index, (_, label) in worst.items()}
    for sample in screening.samples:
        if sample.shot in shots:
            reasons.setdefault(sample.index, "same shot as a sensitive picture")
    return reasons


def contact_sheet(screening: Screening, folder: Path | None) -> ContactSheet:
    """The pictures for a report, from the previews in ``folder`` (``NNNNNN.jpg``)."""
    total = len(screening.samples)
    if child_safety_match(screening):
        return ContactSheet((), total, "Pictures are withheld: the video matches a safety list.")
    if folder is None:
        return ContactSheet((), total, "The pictures of the samples were not kept.")
    reasons = sensitive_samples(screening)
    thumbs: list[Thumb] = []
    room = SHEET_BYTES
    for sample in spread(screening.samples, THUMBS):
        why = reasons.get(sample.index, "")
        jpeg, width, height = _picture(folder / f"{sample.index:06}.jpg", blur=bool(why))
        if len(jpeg) > room:
            continue
        room -= len(jpeg)
        uri = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""
        thumbs.append(Thumb(sample, uri, width, height, why))
    return ContactSheet(tuple(thumbs), total - len(thumbs))


def spread[T](items: Sequence[T], most: int) -> list[T]:
    """At most ``most`` of ``items``, evenly spread, first and last included."""
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    return [items[round(i * last / (most - 1))] for i in range(most)]


def blurred(picture: Image.Image) -> Image.Image:
    """Grey, and with no detail finer than the long side over `BLUR_PX`; same size."""
    scale = BLUR_PX / max(picture.size)
    small = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    tiny = picture.convert("L").resize(small, Image.Resampling.BOX)
    return tiny.resize(picture.size, Image.Resampling.BICUBIC)


def _picture(path: Path, *, blur: bool) -> tuple[bytes, int, int]:
    """JPEG bytes of the thumbnail, without any metadata, and its size; empty when unreadable."""
    try:
        with Image.open(path, formats=("JPEG",)) as source:
            picture = source.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return b"", THUMB_PX, THUMB_PX * 9 // 16
    if blur:
        picture = blurred(picture)
    picture.thumbnail((THUMB_PX, THUMB_PX), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return out.getvalue(), picture.width, picture.height


def _samples_of(finding: Finding, samples: Sequence[SampleInfo]) -> list[int]:
    """The samples that a finding is about: its own, else those in its span."""
    if finding.sample is not None:
        return [finding.sample]
    if finding.span is None:
        return [sample.index for sample in samples]
    span = finding.span
    return [sample.index for sample in samples if span.start <= sample.time <= span.end]


def _score(finding: Finding) -> float:
    """The higher of the scores; a finding that has none counts as certain."""
    numbers = [s for s in (finding.raw_score, finding.score) if s is not None and math.isfinite(s)]
    return max(numbers, default=1.0)


def _is_sensitive(label: str) -> bool:
    return any(covers(parent, label) for parent in (*SENSITIVE, CHILD_SAFETY))
