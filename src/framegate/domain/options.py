"""What a person may choose about the whole job."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from framegate.domain.asset import AssetDetails
from framegate.domain.ladder import EncodeOptions


class VmafMode(StrEnum):
    """Where VMAF is measured."""

    SAMPLED = "sampled"  # windows, joins included
    FULL = "full"
    OFF = "off"


class ScreenMode(StrEnum):
    """Whether frames that no other frame needs may stay undecoded."""

    AUTO = "auto"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """How closely to look."""

    max_gap_s: float = 1.0
    mode: ScreenMode = ScreenMode.AUTO
    speech: bool = True
    text: bool = True


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """``output`` is the folder that packages are put in; paths are as the person gave them.

    ``details`` are what the sender says of every file of this run; a sidecar of a file wins.
    """

    output: str
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    screen: ScreenOptions = field(default_factory=ScreenOptions)
    vmaf: VmafMode = VmafMode.SAMPLED
    policy: str | None = None  # None: the packaged default
    hashlists: tuple[str, ...] = ()
    details: AssetDetails = field(default_factory=AssetDetails)
