"""An asset: one video and all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AssetDetails:
    """What the sender says about the video. Empty means not said."""

    tenant: str = ""
    creator: str = ""
    title: str = ""
    description: str = ""
    language: str = ""  # BCP 47
    region: str = ""  # ISO 3166-1 alpha-2


@dataclass(frozen=True, slots=True)
class Asset:
    """``id`` is the first 32 hex digits of SHA-256 over tenant, a NUL, and the source's SHA-256:
    the same bytes from the same tenant are the same asset.
    """

    id: str
    name: str  # file name as sent, for display only; never used to build a path
    sha256: str
    md5: str
    size_bytes: int
    media_type: str
    details: AssetDetails
    first_seen: datetime
    duplicate_of: str | None = None  # name under which the same bytes came first


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The file that was hashed, so that later steps can tell that they read the same one.

    ``path`` is absolute, as given (links are followed when it is opened).
    """

    path: str
    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    # of the inode: cannot be set back, but a rename or a link moves it too, so it only raises doubt
    changed_ns: int = field(default=0, compare=False)
