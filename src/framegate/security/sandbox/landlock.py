"""Landlock: no file system, no TCP, no signals or abstract sockets to the outside.

Kernel interface: ``Documentation/userspace-api/landlock.rst``. What an older kernel cannot
handle is left out of the rule set, and the ABI that was applied is told to the host.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from framegate.security.sandbox import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
TRUNCATE = 1 << 14
# index: ABI; value: number of file system rights that it knows
_FS_RIGHTS = (0, 13, 14, 15, 15, 16)
_NET_RIGHTS = 0b11  # bind and connect of TCP, from ABI 4
_NET_SINCE = 4
_SCOPES = 0b11  # abstract Unix sockets and signals, from ABI 6
_SCOPES_SINCE = 6
_FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | 1 << 15

READ = READ_FILE | READ_DIR
RUN = READ | EXECUTE
# everything but execute and devices: make, remove, rename, truncate
WRITE = READ | WRITE_FILE | TRUNCATE | 0b11_1111_1111_0000 & ~(1 << 6) & ~(1 << 11)


def abi() -> int:
    """The kernel's Landlock version, 0 when there is none."""
    try:
        return kernel.syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def restrict(allowed: Iterable[tuple[str, int]] = ()) -> int:
    """Shut the file system except ``allowed`` (path, rights), for this thread and its children.

    Returns the ABI applied (0: the kernel has none). Needs no_new_privs. A path in ``allowed``
    that is not there is skipped. Raises OSError.
    """
    version = abi()
    if version == 0:
        return 0
    handled = (1 << _FS_RIGHTS[min(version, len(_FS_RIGHTS) - 1)]) - 1
    attributes = struct.pack("<Q", handled)
    if version >= _NET_SINCE:
        attributes += struct.pack("<Q", _NET_RIGHTS)
    if version >= _SCOPES_SINCE:
        attributes += struct.pack("<Q", _SCOPES)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    ruleset = kernel.syscall(_CREATE_RULESET, buffer, len(attributes), 0)
    try:
        for path, rights in allowed:
            _allow(ruleset, path, rights & handled)
        kernel.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _FILE_RIGHTS
        rule = struct.pack("<Qi", rights, fd)
        buffer = ctypes.create_string_buffer(rule, len(rule))
        kernel.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, buffer, 0)
    finally:
        os.close(fd)
