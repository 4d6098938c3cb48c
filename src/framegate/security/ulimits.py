"""Limits that the caller's shell or service manager set (``ulimit``), told from framegate's own.

The kernel shows both as the same failure: memory that is refused, a file that may not grow. Without
this, a job under ``ulimit -v`` would blame the video.
"""

from __future__ import annotations

import resource

from framegate.errors import CallerLimit

# the host with all of its models, measured: 2.5 GiB is too little, 3 GiB does for short clips
_LEAST_ADDRESSES = 4 << 30
_LEAST_DATA = 4 << 30
_LEAST_FILE = 512 << 20  # a model's buffer; tracks of long videos need more, and say so then

_NEEDED = (
    (resource.RLIMIT_AS, "of address space", "-v", _LEAST_ADDRESSES),
    (resource.RLIMIT_DATA, "of memory", "-d", _LEAST_DATA),
    (resource.RLIMIT_FSIZE, "for one file", "-f", _LEAST_FILE),
)


def require_room() -> None:
    """Raise `CallerLimit` where the caller's limits cannot be enough for any video."""
    for kind, words, option, least in _NEEDED:
        allowed = ceiling(kind)
        if allowed is not None and allowed < least:
            raise CallerLimit(
                "framegate cannot work under the limits that were set for it",
                f"ulimit {option} allows {_mib(allowed)} {words}, {_mib(least)} are needed",
            )


def described() -> str:
    """What the caller's limits leave room for."""
    said = [
        f"ulimit {option} allows {_mib(allowed)} {words}"
        for kind, words, option, _ in _NEEDED
        if (allowed := ceiling(kind)) is not None
    ]
    return f"{', '.join(said)}: enough for short videos" if said else "none is set that matters"


def ceiling(kind: int) -> int | None:
    """The caller's own limit, bytes; None when there is none."""
    soft, _ = resource.getrlimit(kind)
    return None if soft == resource.RLIM_INFINITY else soft


def file_too_large(what: str) -> CallerLimit:
    """A file of framegate's own met the caller's limit (EFBIG)."""
    allowed = ceiling(resource.RLIMIT_FSIZE)
    why = "" if allowed is None else f"ulimit -f allows {_mib(allowed)} for one file"
    return CallerLimit(f"{what} cannot be written", why)


def in_the_way(kind: int, wanted: int) -> bool:
    """Whether the caller allows less than framegate would."""
    allowed = ceiling(kind)
    return allowed is not None and allowed < wanted


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.4g} MiB"
