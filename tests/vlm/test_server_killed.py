"""What a client sees of a real server that dies while it answers (it comes back elsewhere)."""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from vlm.asking import body, following
from vlm.serving import Server

BROKEN = (OSError, http.client.HTTPException)


def test_killed_in_flight_breaks_the_connection(server: Server) -> None:
    # JSON of any length keeps it busy until it is killed
    endless = following({"type": "array", "items": {"type": "string"}, "minItems": 500}, 3000)
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(
            server.post, "/v1/chat/completions", body("Look.", [], "Write.", **endless)
        )
        busy = Event()
        for _ in range(100):
            if server.counted()["vllm:num_requests_running"] >= 1:
                busy.set()
                break
            busy.wait(0.05)
        assert busy.is_set()
        server.kill()
        with pytest.raises(BROKEN):
            under_way.result(30)
    with pytest.raises(ConnectionRefusedError):
        server.get("/health")
