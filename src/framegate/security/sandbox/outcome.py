"""From what a child said, or how it died, to one of `framegate.errors`."""

from __future__ import annotations

import errno
import resource
import signal
import unicodedata
from typing import Any

from framegate.errors import (
    CallerLimit,
    DiskFull,
    FramegateError,
    Internal,
    MediaCrash,
    MediaLimit,
    leaves,
)
from framegate.security import ulimits
from framegate.security.sandbox.limits import Limits

# what a task may say of its input and its surroundings; a child has no say about the rest
_PASSING = ("input.", "resource.", "component.", "internal")
_WORDS = 400
_BIG = 1 << 20
_NEAR = 0.7


def clean(text: object, most: int = _WORDS) -> str:
    """Words from a child, fit to show: no control characters, of bounded length."""
    words = str(text)[: 4 * most].encode("utf-8", "replace").decode()
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in words)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def size(count: int) -> str:
    """Bytes in words."""
    return f"{count / _BIG:,.0f} MiB" if count >= _BIG else f"{count:,} bytes"


def _memory(name: str, limits: Limits) -> FramegateError:
    for kind, option in ((resource.RLIMIT_AS, "-v"), (resource.RLIMIT_DATA, "-d")):
        if ulimits.in_the_way(kind, limits.memory_bytes):
            return CallerLimit(f"{name} ran out of memory", f"ulimit {option} allows it no more")
    return MediaLimit(
        f"{name} was stopped", f"it asked for more than {size(limits.memory_bytes)} of memory"
    )


def _file(name: str, limits: Limits) -> FramegateError:
    if ulimits.in_the_way(resource.RLIMIT_FSIZE, limits.file_bytes):
        return ulimits.file_too_large(f"What {name} makes")
    return MediaLimit(
        f"{name} was stopped", f"it wrote more than {size(limits.file_bytes)} to one file"
    )


def from_report(name: str, report: dict[str, Any], limits: Limits) -> FramegateError:
    """The error that a child described."""
    code, words = report.get("code"), report.get("words")
    if isinstance(code, str) and isinstance(words, list) and code.startswith(_PASSING):
        kind = leaves().get(code)
        what, why, todo = (clean(word) for word in [*words, "", "", ""][:3])
        if kind is not None:
            return kind(what, why, todo)
    number = report.get("errno")
    if report.get("memory") is True or number == errno.ENOMEM:
        return _memory(name, limits)
    if report.get("threads") is True:
        return MediaLimit(f"{name} was stopped", f"it asked for more than {limits.threads} threads")
    if number in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"{name} could not write", "no space left")
    if number == errno.EFBIG:
        return _file(name, limits)
    error = Internal(f"{name} failed", clean(report.get("type", "unknown"), 80))
    trace = report.get("trace")
    if isinstance(trace, str):
        error.add_note("\n".join(clean(line, 300) for line in trace.splitlines()[-60:]))
    return error


def refused(name: str, said: object) -> FramegateError:
    """The fork server could not make the child; ``said`` is its exception in words."""
    what, words = f"{name} could not start", clean(said)
    if f"[Errno {errno.EAGAIN}]" in words:
        return CallerLimit(
            what, "no more processes may be made (ulimit -u, or a cgroup's pids.max)"
        )
    if f"[Errno {errno.ENOMEM}]" in words:
        return MediaLimit(what, "this machine has no memory left for another process")
    return Internal(what, words)


def from_exit(
    name: str, code: int, limits: Limits, *, cpu_s: float, peak_bytes: int
) -> FramegateError:
    """The error for a child that ended without an answer; ``code`` is negative for a signal."""
    if code >= 0:
        return MediaCrash(f"{name} ended without an answer", f"exit code {code}")
    number = -code
    title = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    if number == signal.SIGXCPU or (number == signal.SIGKILL and cpu_s >= limits.cpu_s):
        return MediaLimit(f"{name} was stopped", f"it used more than {limits.cpu_s} s of CPU time")
    if number == signal.SIGXFSZ:
        return _file(name, limits)
    if number == signal.SIGKILL:
        return MediaLimit(
            f"{name} was killed by the system",
            f"this machine ran out of memory, most likely (it held {size(peak_bytes)})",
        )
    if peak_bytes > _NEAR * limits.memory_bytes:
        # native code seldom survives a refused allocation
        title += f", near its memory limit of {size(limits.memory_bytes)}"
    return MediaCrash(f"{name} crashed", title)


def wall(name: str, limits: Limits) -> MediaLimit:
    """It took too long."""
    return MediaLimit(f"{name} was stopped", f"it ran for more than {limits.wall_s:g} s")


def silence(name: str, limits: Limits) -> MediaLimit:
    """It said nothing."""
    return MediaLimit(
        f"{name} was stopped", f"it reported nothing for more than {limits.silence_s:g} s"
    )


def garbled(name: str, why: object) -> MediaCrash:
    """It broke the protocol: the child is not what it was started as."""
    return MediaCrash(f"{name} was stopped", f"it sent what no task sends ({clean(why, 80)})")
