"""How a process gives its own rights away, step by step, and says which steps this kernel allows.

Order matters: namespaces first (they change credentials, which clears the parent-death signal),
the system call filter last (it forbids the other steps).
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterable
from pathlib import Path

from framegate.security.sandbox import kernel, landlock, seccomp
from framegate.security.sandbox.limits import Limits

USER_NAMESPACE = "user-namespace"
NETWORK_NAMESPACE = "network-namespace"
IPC_NAMESPACE = "ipc-namespace"
NO_NEW_PRIVILEGES = "no-new-privileges"
LANDLOCK = "landlock"
SECCOMP = "seccomp"
LIMITS = "limits"
THREAD_LIMIT = "thread-limit"
ALL = (
    USER_NAMESPACE,
    NETWORK_NAMESPACE,
    IPC_NAMESPACE,
    NO_NEW_PRIVILEGES,
    LANDLOCK,
    SECCOMP,
    LIMITS,
    THREAD_LIMIT,
)

# Address space that is reserved but not memory: malloc arenas (64 MiB each, 4 of them by
# MALLOC_ARENA_MAX) and guard pages. RLIMIT_DATA is the real memory limit; why, says
# docs/decisions/0003.
ADDRESS_SLACK = 512 << 20
_DESCRIPTORS = 256
_MOST_DESCRIPTORS = 1 << 20

type Steps = dict[str, str]
"""What happened to each step: "" when it was taken, else why not."""


def share_nothing(steps: Steps) -> None:
    """Leave the host's users, network and IPC objects; for the fork server, once."""
    user, group = os.getuid(), os.getgid()
    for name, flag in (
        (USER_NAMESPACE, kernel.CLONE_NEWUSER),
        (NETWORK_NAMESPACE, kernel.CLONE_NEWNET),
        (IPC_NAMESPACE, kernel.CLONE_NEWIPC),
    ):
        try:
            kernel.unshare(flag)
        except OSError as error:
            steps[name] = error.strerror or "refused"
        else:
            steps[name] = ""
    if steps[USER_NAMESPACE] == "":
        # without a map no child could make a namespace of its own, see `_limit_threads`
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def mapped_bytes() -> tuple[int, int]:
    """(address space, private writable memory) of this process now, bytes."""
    found = {"VmSize": 0, "VmData": 0}
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in found:
            found[name] = int(rest.split()[0]) << 10
    return found["VmSize"], found["VmData"]


def limit(limits: Limits, steps: Steps, *, root: bool, shared_bytes: int = 0) -> None:
    """Set the resource limits of this process, beyond what it has mapped already.

    ``shared_bytes`` is what the host asks it to map (the ring); ``root``: the host runs as root.
    """
    size, data = mapped_bytes()
    cpu = max(1, limits.cpu_s)
    for kind, soft, hard in (
        (resource.RLIMIT_DATA, data + limits.memory_bytes, 0),
        (resource.RLIMIT_AS, size + limits.memory_bytes + shared_bytes + ADDRESS_SLACK, 0),
        # SIGXCPU at the soft limit; a child that ignores it is killed 2 s later
        (resource.RLIMIT_CPU, cpu, cpu + 2),
        (resource.RLIMIT_FSIZE, limits.file_bytes, 0),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
    ):
        _set(kind, soft, hard or soft)
    steps[LIMITS] = ""
    steps[THREAD_LIMIT] = _limit_threads(limits.threads, root=root)


def _limit_threads(threads: int, *, root: bool) -> str:
    # RLIMIT_NPROC counts all processes of a user; in a user namespace of its own, only this one
    try:
        kernel.unshare(kernel.CLONE_NEWUSER)
    except OSError as error:
        return f"no user namespace for it: {error.strerror}"
    _set(resource.RLIMIT_NPROC, threads, threads)
    return "the kernel does not count root's threads; memory bounds them" if root else ""


def _set(kind: int, soft: int, hard: int) -> None:
    _, ceiling = resource.getrlimit(kind)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(kind, (soft, hard))


def shut(steps: Steps, *, program: bool = False, allowed: Iterable[tuple[str, int]] = ()) -> None:
    """Take the last rights: no new privileges, Landlock, capabilities, system calls."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    steps[NO_NEW_PRIVILEGES] = ""
    steps[LANDLOCK] = "" if landlock.restrict(allowed) else "this kernel has none"
    kernel.drop_capabilities()
    if seccomp.supported():
        machine = kernel.machine()
        seccomp.install(
            seccomp.for_program(machine) if program else seccomp.for_task(machine, os.getpid())
        )
        steps[SECCOMP] = ""
    else:
        steps[SECCOMP] = f"no filter for {kernel.machine()} on this kernel"


def become_child(keep: tuple[int, ...] = ()) -> None:
    """A session of its own, plain signals, no descriptor but 0-2 and ``keep``."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host decides what Ctrl-C stops
    # the file limit then shows as EFBIG, which a task or library can report
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, _MOST_DESCRIPTORS)
