"""One real vLLM for the whole suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vlm.serving import Server, checkpoint


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it belongs to `make slow` and `make vlm`: the model is trained and served first."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def only_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(checkpoint(), tmp_path_factory.mktemp("vllm"))
    yield server
    server.kill()


@pytest.fixture
def server(only_server: Server, request: pytest.FixtureRequest) -> Iterator[Server]:
    """The served model, running; whoever kills it leaves the next test to start it anew."""
    if only_server.process is None or only_server.process.poll() is not None:
        only_server.restart()
    yield only_server
    if request.session.testsfailed:
        request.node.add_report_section("call", "vllm", only_server.said())
