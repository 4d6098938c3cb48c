"""The few kernel calls that Python has no name for, through the C library.

Everything is looked up at import: after the jail is shut nothing can be loaded any more.
"""

from __future__ import annotations

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2

CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
_LIBC.prctl.restype = ctypes.c_int
_LIBC.syscall.restype = ctypes.c_long
_LIBC.unshare.argtypes = [ctypes.c_int]

_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522


def machine() -> str:
    """The architecture as the kernel names it."""
    return os.uname().machine


def raise_errno(what: str) -> None:
    """Turn the C library's errno into an `OSError`."""
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")


def prctl(option: int, argument: int = 0, pointer: int = 0) -> None:
    """``prctl(2)``; raises OSError."""
    if _LIBC.prctl(option, argument, pointer, 0, 0) != 0:
        raise_errno("prctl")


def unshare(flags: int) -> None:
    """``unshare(2)``; raises OSError."""
    if _LIBC.unshare(flags) != 0:
        raise_errno("unshare")


def syscall(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """A raw system call; raises OSError."""
    passed = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = int(_LIBC.syscall(ctypes.c_long(number), *passed))
    if result < 0:
        raise_errno(f"syscall {number}")
    return result


def drop_capabilities() -> None:
    """Empty all capability sets of this thread; raises OSError."""
    header = ctypes.create_string_buffer(_CAPABILITY_VERSION_3.to_bytes(4, "little"), 8)
    syscall(_CAPSET[machine()], header, ctypes.create_string_buffer(24))


def set_thread_stack(size_bytes: int) -> None:
    """Stack size of threads made from now on, by any library; OSError."""
    attributes = ctypes.create_string_buffer(128)  # pthread_attr_t has 56 or 64 bytes
    for result in (
        _LIBC.pthread_attr_init(attributes),
        _LIBC.pthread_attr_setstacksize(attributes, ctypes.c_size_t(size_bytes)),
        _LIBC.pthread_setattr_default_np(attributes),
    ):
        if result != 0:
            raise OSError(result, "thread stack size")


def die_with_parent(parent: int, signal_number: int) -> None:
    """Ask for a signal when the thread that made this process ends; exit if it already has.

    Must come after every change of credentials (``unshare``), which clears the request.
    """
    prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os._exit(1)
