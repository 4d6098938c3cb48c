"""Start the fork server process from a thread that lives as long as it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence

from framegate.errors import FramegateError, Internal
from framegate.security.sandbox import wire

_SERVER = "framegate.security.sandbox.server"
_START_S = 60.0


class Launched:
    """One fork server process and the thread that it dies with."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = list(modules)
        self._started = threading.Event()
        self._over = threading.Event()
        self._failure: FramegateError | None = None
        self.socket: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None
        # Permanent: the kernel kills the server when the thread that started it ends.
        threading.Thread(target=self._own, name="framegate-fork-server", daemon=True).start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    def _own(self) -> None:
        try:
            self.socket = self._start()
        except FramegateError as error:
            self._failure = error
        except OSError as error:
            self._failure = Internal("the sandbox could not start", error.strerror or "")
        finally:
            self._started.set()
        if self._failure is None:
            self._over.wait()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        if self.socket is not None:
            self.socket.close()

    def _start(self) -> socket.socket:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        facts = {"fd": far.fileno(), "host": os.getpid(), "modules": self._modules}
        # Nothing of the host's environment: a child must not find a secret in it.
        environment = {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "LC_ALL": "C.UTF-8",
            "MALLOC_ARENA_MAX": "4",  # arenas are reserved address space, 64 MiB each
            # else the C library raises it to the size of a freed picture, and keeps those of 4K in
            # heaps full of holes
            "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
            "OPENBLAS_NUM_THREADS": "1",  # fork needs a process of one thread
            "OMP_NUM_THREADS": "1",
        }
        with far, tempfile.TemporaryFile() as complaints:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", _SERVER, json.dumps(facts)],
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                pass_fds=[far.fileno()],
                start_new_session=True,
            )
            far.close()
            near.settimeout(_START_S)
            try:
                hello = json.loads(near.recv(wire.DATAGRAM_BYTES) or b"{}")
            except TimeoutError:
                hello = {"why": f"no word within {_START_S:g} s"}
            if hello.get("ready") is not True:
                complaints.seek(0)
                words = complaints.read().decode("utf-8", "replace").strip().splitlines()[-1:]
                error = Internal("the sandbox could not start", hello.get("why") or str(words))
                error.add_note(hello.get("trace", ""))
                raise error
        near.settimeout(None)
        return near

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process is not None and self.process.poll() is None

    def close(self) -> None:
        """End the process and, by that, all children. Safe within a signal handler."""
        self._over.set()
