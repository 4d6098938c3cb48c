"""What every `MediaSandbox` does: the fork server, and the stand-in that tests use."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from framegate.errors import FramegateError, Internal, MediaLimit, NotAVideo
from framegate.security.sandbox import Limits, RingSpec
from framegate.security.sandbox.host import ForkServer, MediaSandbox
from framegate.testing.sandbox import InProcessSandbox

TASKS = "framegate.testing.tasks"


@pytest.fixture(scope="module", params=["fork-server", "in-process"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[MediaSandbox]:
    if request.param == "in-process":
        yield InProcessSandbox()
        return
    with ForkServer([TASKS]) as server:
        yield server


def test_request_and_answer_cross_unchanged(sandbox: MediaSandbox) -> None:
    request = {"text": "ü\n\x00😀", "list": [1, 2.5, None, True], "big": 2**70, "in": {"er": []}}
    answer = sandbox.run(f"{TASKS}:echo", request, fds={}, limits=Limits())
    assert answer == {"request": request}


def test_what_is_not_text_crosses_as_a_question_mark(sandbox: MediaSandbox) -> None:
    answer = sandbox.run(f"{TASKS}:echo", {"name": "a\udcffb"}, fds={}, limits=Limits())
    assert answer == {"request": {"name": "a?b"}}


def test_a_request_of_megabytes_crosses(sandbox: MediaSandbox) -> None:
    request = {"pts": list(range(400_000))}
    answer = sandbox.run(f"{TASKS}:echo", request, fds={}, limits=Limits())
    assert answer["request"] == request


def test_a_hundred_thousand_time_stamps_come_back(sandbox: MediaSandbox) -> None:
    answer = sandbox.run(f"{TASKS}:large_answer", {"count": 100_000}, fds={}, limits=Limits())
    assert answer["pts"][-1] == 99_999 * 1001
    assert len(answer["pts"]) == 100_000


def test_the_caller_keeps_its_descriptors(sandbox: MediaSandbox, tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_text("bytes")
    with path.open("rb") as source:
        answer = sandbox.run(
            f"{TASKS}:read_all", {}, fds={"source": source.fileno()}, limits=Limits()
        )
        assert os.fstat(source.fileno()).st_size == 5
    assert answer == {"text": "bytes"}


def test_a_missing_descriptor_is_the_tasks_fault(sandbox: MediaSandbox) -> None:
    with pytest.raises(Internal, match="KeyError"):
        sandbox.run(f"{TASKS}:read_all", {}, fds={}, limits=Limits())


def test_messages_arrive_in_order_on_the_calling_thread(sandbox: MediaSandbox) -> None:
    heard: list[tuple[int, int]] = []
    sandbox.run(
        f"{TASKS}:tell",
        {"count": 500},
        fds={},
        limits=Limits(),
        on_message=lambda message: heard.append((message["number"], threading.get_ident())),
    )
    assert heard == [(number, threading.get_ident()) for number in range(500)]


@pytest.mark.parametrize("slots", [1, 3])
def test_frames_arrive_in_order_as_copies_before_later_messages(
    sandbox: MediaSandbox, slots: int
) -> None:
    kept: list[tuple[int, np.ndarray]] = []
    after: list[int] = []
    sandbox.run(
        f"{TASKS}:frames",
        {"count": 40, "height": 36, "width": 50},
        fds={},
        limits=Limits(),
        ring=RingSpec(slots, 36 * 50 * 3),
        on_frame=lambda header, pixels: kept.append((header.meta["number"], pixels)),
        on_message=lambda _: after.append(len(kept)),
    )
    assert [number for number, _ in kept] == list(range(40))
    assert after == [40]
    for number, pixels in kept:
        assert pixels.shape == (36, 50, 3)
        assert (pixels == number).all()


def test_a_frame_larger_than_its_slot_is_refused(sandbox: MediaSandbox) -> None:
    with pytest.raises(Internal, match="ValueError"):
        sandbox.run(
            f"{TASKS}:frames",
            {"count": 1, "height": 10, "width": 10},
            fds={},
            limits=Limits(),
            ring=RingSpec(2, 299),
        )


def test_the_tasks_own_error_passes(sandbox: MediaSandbox) -> None:
    with pytest.raises(NotAVideo) as caught:
        sandbox.run(f"{TASKS}:refuse", {"name": "x.mp4"}, fds={}, limits=Limits())
    assert (caught.value.what, caught.value.why) == ("x.mp4", "it is text")
    assert caught.value.todo == NotAVideo.default_todo


def test_another_exception_is_internal_and_names_its_type(sandbox: MediaSandbox) -> None:
    with pytest.raises(Internal, match="KeyError"):
        sandbox.run(f"{TASKS}:fail", {}, fds={}, limits=Limits())


def test_an_unknown_task_is_internal(sandbox: MediaSandbox) -> None:
    with pytest.raises(Internal, match="not_there"):
        sandbox.run(f"{TASKS}:not_there", {}, fds={}, limits=Limits())


def test_an_error_in_a_callback_ends_the_call(sandbox: MediaSandbox) -> None:
    class Enough(FramegateError):
        code = "test.enough"

    def stop(_: object) -> None:
        raise Enough("enough")

    with pytest.raises(Enough):
        sandbox.run(f"{TASKS}:tell", {"count": 3}, fds={}, limits=Limits(), on_message=stop)


def test_calls_run_side_by_side(sandbox: MediaSandbox) -> None:
    answers: dict[int, dict[str, object]] = {}

    def call(number: int) -> None:
        answers[number] = sandbox.run(f"{TASKS}:echo", {"number": number}, fds={}, limits=Limits())

    callers = [threading.Thread(target=call, args=(number,)) for number in range(12)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert answers == {number: {"request": {"number": number}} for number in range(12)}


PROGRAM_LIMITS = Limits(file_bytes=1 << 20, wall_s=60)


def test_a_program_reads_writes_and_says(sandbox: MediaSandbox, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    (source / "a").write_text("content")
    script = f"read line < {source}/a; echo $line > {target}/b; echo done; echo odd >&2"
    said = sandbox.execute(
        ["/bin/sh", "-c", script], readable=[source], writable=[target], limits=PROGRAM_LIMITS
    )
    assert said.splitlines() == ["done", "odd"]
    assert (target / "b").read_text() == "content\n"


def test_a_program_that_fails_is_internal_with_its_last_words(sandbox: MediaSandbox) -> None:
    with pytest.raises(Internal, match="exit code 3: bad news"):
        sandbox.execute(
            ["/bin/sh", "-c", "echo bad news; exit 3"],
            readable=[],
            writable=[],
            limits=PROGRAM_LIMITS,
        )


def test_only_the_end_of_the_output_is_kept(sandbox: MediaSandbox) -> None:
    script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"
    said = sandbox.execute(
        ["/bin/sh", "-c", script], readable=[], writable=[], limits=PROGRAM_LIMITS
    )
    assert len(said) <= 64 << 10
    assert said.strip().endswith("line 19999")


def test_a_program_that_takes_too_long_is_stopped(sandbox: MediaSandbox) -> None:
    with pytest.raises(MediaLimit, match=r"0\.2 s"):
        sandbox.execute(
            ["/bin/sh", "-c", "while :; do :; done"],
            readable=[],
            writable=[],
            limits=Limits(wall_s=0.2),
        )
