"""Seccomp filters, assembled here: an allow-list for tasks, a deny-list for vendor programs.

A task needs few system calls (descriptors it was given, memory, threads, clocks), so everything
else fails with an error it can survive: EACCES for paths and sockets, ENOSYS for calls newer than
this table and for ``clone3`` (the C library then uses ``clone``, whose flags can be checked), EPERM
for the rest. Another architecture's calls kill the process. What a vendor program needs is not
known, so there the dangerous calls are refused and the rest is left to Landlock.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from framegate.security.sandbox import kernel, syscalls

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000
_NEWEST_KNOWN = 450  # set_mempolicy_home_node, the last call of Linux 6.1

_LOAD, _JUMP_EQ, _JUMP_GE, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARGS = 0, 4, 16
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

_CLONE_THREAD = 0x00010000
_CLONE_NEW_ANY = 0x7E020080
_AT_EMPTY_PATH = 0x1000
_MADV_REMOVE = 9  # would punch holes into the ring
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1032, 1033, 1034)  # not F_SETOWN, F_SETSIG, F_NOTIFY
_IOCTL = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS FIONREAD FIONBIO FIONCLEX FIOCLEX
_PRCTL = (15, 16, 0x53564D41)  # PR_SET_NAME PR_GET_NAME PR_SET_VMA


def supported() -> bool:
    """Whether a filter can be written for this architecture and the kernel takes one."""
    if kernel.machine() not in _AUDIT_ARCH:
        return False
    try:
        # a null filter: EFAULT says that the mode is known
        kernel.prctl(kernel.PR_SET_SECCOMP, kernel.SECCOMP_MODE_FILTER)
    except OSError as error:
        return error.errno == errno.EFAULT
    return True


class _Filter:
    """Instructions of a classic BPF program over ``struct seccomp_data``."""

    def __init__(self, machine: str) -> None:
        self._code: list[tuple[int, int, int, int]] = []
        self._machine = machine
        self._add(_LOAD, _ARCH)
        self._add(_JUMP_EQ, _AUDIT_ARCH[machine], 1, 0)
        self._add(_RETURN, _KILL)
        self._add(_LOAD, _NR)
        if machine == "x86_64":
            self._add(_JUMP_GE, _X32_BIT, 0, 1)
            self._add(_RETURN, _ERRNO | errno.ENOSYS)

    def _add(self, code: int, k: int, if_true: int = 0, if_false: int = 0) -> None:
        self._code.append((code, if_true, if_false, k))

    def answer(self, group: str, action: int) -> None:
        """One action for every call of a group."""
        for number in syscalls.numbers(group, self._machine).values():
            self._add(_JUMP_EQ, number, 0, 1)
            self._add(_RETURN, action)

    def when(
        self, name: str, argument: int, test: int, values: tuple[int, ...], otherwise: int
    ) -> None:
        """Allow call ``name`` when the low word of an argument passes ``test`` for one of
        ``values``; else ``otherwise``.
        """
        number = syscalls.numbers(syscalls.FILTERED, self._machine)[name]
        body: list[tuple[int, int, int, int]] = [(_LOAD, 0, 0, _ARGS + 8 * argument)]
        for value in values:
            body += [(test, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
        body.append((_RETURN, 0, 0, otherwise))
        self._add(_JUMP_EQ, number, 0, len(body))
        self._code += body

    def never(self, name: str, argument: int, test: int, value: int) -> None:
        """Allow call ``name`` unless the low word of an argument passes ``test``."""
        number = syscalls.numbers(syscalls.FILTERED, self._machine)[name]
        self._add(_JUMP_EQ, number, 0, 4)
        self._add(_LOAD, _ARGS + 8 * argument)
        self._add(test, value, 0, 1)
        self._add(_RETURN, _ERRNO | errno.EPERM)
        self._add(_RETURN, _ALLOW)

    def threads_only(self) -> None:
        """``clone`` makes threads, never processes or namespaces; ``clone3`` hides its flags."""
        table = syscalls.numbers(syscalls.FILTERED, self._machine)
        self._add(_JUMP_EQ, table["clone3"], 0, 1)
        self._add(_RETURN, _ERRNO | errno.ENOSYS)
        self._add(_JUMP_EQ, table["clone"], 0, 5)
        self._add(_LOAD, _ARGS)
        self._add(_JUMP_SET, _CLONE_NEW_ANY, 2, 0)
        self._add(_JUMP_SET, _CLONE_THREAD, 0, 1)
        self._add(_RETURN, _ALLOW)
        self._add(_RETURN, _ERRNO | errno.EPERM)

    def finish(self, action: int, *, newer: int | None = None) -> bytes:
        """The program; ``newer`` answers calls younger than the table."""
        if newer is not None:
            self._add(_JUMP_GE, _NEWEST_KNOWN + 1, 0, 1)
            self._add(_RETURN, newer)
        self._add(_RETURN, action)
        return b"".join(struct.pack("<HBBI", *one) for one in self._code)


def for_task(machine: str, pid: int) -> bytes:
    """The allow-list that a task runs under."""
    program = _Filter(machine)
    for group in (syscalls.IO, syscalls.MEMORY, syscalls.PROCESS):
        program.answer(group, _ALLOW)
    program.threads_only()
    program.when("fcntl", 1, _JUMP_EQ, _FCNTL, _ERRNO | errno.EPERM)
    program.when("ioctl", 1, _JUMP_EQ, _IOCTL, _ERRNO | errno.ENOTTY)
    program.when("prctl", 0, _JUMP_EQ, _PRCTL, _ERRNO | errno.EPERM)
    program.when("newfstatat", 3, _JUMP_SET, (_AT_EMPTY_PATH,), _ERRNO | errno.EACCES)
    program.when("prlimit64", 2, _JUMP_EQ, (0,), _ERRNO | errno.EPERM)  # read, never set
    program.when("tgkill", 0, _JUMP_EQ, (pid,), _ERRNO | errno.EPERM)  # abort()
    program.never("madvise", 2, _JUMP_EQ, _MADV_REMOVE)
    program.answer(syscalls.PATHS, _ERRNO | errno.EACCES)
    program.answer(syscalls.SOCKETS, _ERRNO | errno.EACCES)
    return program.finish(_ERRNO | errno.EPERM, newer=_ERRNO | errno.ENOSYS)


def for_program(machine: str) -> bytes:
    """The deny-list that a vendor program runs under: one exec, no new processes, no sockets."""
    program = _Filter(machine)
    program.threads_only()
    program.answer(syscalls.SOCKETS, _ERRNO | errno.EACCES)
    # execve must still work once, for the program itself: Landlock says which files
    execve = [e for e in syscalls.DANGEROUS.split() if e.startswith("execve:")]
    rest = [e for e in syscalls.DANGEROUS.split() if e not in execve]
    program.answer(" ".join(rest), _ERRNO | errno.EPERM)
    return program.finish(_ALLOW)


def install(program: bytes) -> None:
    """Put the filter on this thread and all it makes, for good; needs no_new_privs."""
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    pointer = ctypes.create_string_buffer(header, len(header))
    kernel.prctl(kernel.PR_SET_SECCOMP, kernel.SECCOMP_MODE_FILTER, ctypes.addressof(pointer))
