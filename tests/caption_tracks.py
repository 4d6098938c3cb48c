"""Caption tracks as the captions step leaves them in the work folder."""

from fractions import Fraction
from pathlib import Path

from framegate.domain import webvtt
from framegate.domain.captions import CaptionTrack, Cue
from framegate.storage.local import write_hashed


def cue(start: float, end: float, text: str) -> Cue:
    return Cue(Fraction(str(start)), Fraction(str(end)), text)


def made(
    work: Path,
    name: str,
    cues: list[Cue],
    *,
    language: str = "und",
    label: str = "",
    default: bool = False,
    forced: bool = False,
    hearing_impaired: bool = False,
) -> CaptionTrack:
    path = work / "captions" / f"{name}.vtt"
    path.parent.mkdir(exist_ok=True)
    content = webvtt.render(webvtt.ordered(cues)).encode()
    return CaptionTrack(
        name=name,
        source="track 2",
        source_index=2,
        codec="subrip",
        language=language,
        label=label or name,
        cues=len(cues),
        path=f"captions/{name}.vtt",
        sha256=write_hashed(path, content),
        size_bytes=len(content),
        default=default,
        forced=forced,
        hearing_impaired=hearing_impaired,
    )
