"""What a person may choose about the whole job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum

from framegate.domain.asset import AssetDetails
from framegate.domain.captions import CaptionsMode
from framegate.domain.ladder import EncodeOptions


class VmafMode(StrEnum):
    """Where VMAF is measured."""

    SAMPLED = "sampled"  # windows, joins included
    FULL = "full"
    OFF = "off"


class ScreenMode(StrEnum):
    """Whether frames that no other frame needs may stay undecoded."""

    AUTO = "auto"  # they may, unless a vision model is asked
    REFERENCE_FRAMES = "reference-frames"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """How closely to look."""

    max_gap_s: float = 1.0
    mode: ScreenMode = ScreenMode.AUTO
    speech: bool = True
    text: bool = True
    vlm: str = ""  # the vision model's profile and its fingerprint; empty: none is asked


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """``output`` is the folder that packages are put in; paths are as the person gave them.

    ``details`` are what the sender says of every file of this run; a sidecar of a file wins.
    """

    output: str
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    screen: ScreenOptions = field(default_factory=ScreenOptions)
    vmaf: VmafMode = VmafMode.SAMPLED
    captions: CaptionsMode = CaptionsMode.KEEP
    policy: str | None = None  # None: the packaged default
    hashlists: tuple[str, ...] = ()
    details: AssetDetails = field(default_factory=AssetDetails)


def differences(before: ProcessOptions, after: ProcessOptions) -> tuple[tuple[str, str], ...]:
    """Each option that makes another package and differs: its name, and what it was before."""
    was, now = dict(_choices(before)), dict(_choices(after))
    return tuple((name, was[name]) for name in was if was[name] != now[name])


def _choices(options: ProcessOptions) -> Iterator[tuple[str, str]]:
    groups = (("encode.", options.encode), ("screen.", options.screen), ("", options))
    for prefix, group in groups:
        for each in fields(group):
            value = getattr(group, each.name)
            if is_dataclass(value) or each.name == "output":
                continue
            words = ", ".join(value) or "none" if isinstance(value, tuple) else value
            yield prefix + each.name, "default" if words is None else str(words)
