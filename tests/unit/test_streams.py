"""Pipes whose readers leave."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from framegate.cli.streams import outlive_readers, outliving


def test_what_is_written_after_the_reader_left_goes_nowhere() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8", errors="backslashreplace") as pipe:
        stream = outliving(pipe)
        print("é first", file=stream, flush=True)
        assert os.read(reading, 100) == "é first\n".encode()
        os.close(reading)
        print("second", file=stream, flush=True)
        print("x" * 200_000, file=stream, flush=True)  # more than any buffer holds
        os.write(pipe.fileno(), b"what others write to the descriptor goes nowhere too")
        assert (stream.encoding, stream.errors) == ("utf-8", "backslashreplace")


def test_other_faults_of_a_stream_stay_faults() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        stream = outliving(full)
        with pytest.raises(OSError, match="No space left"):
            print("x", file=stream, flush=True)
        with pytest.raises(OSError, match="No space left"):
            stream.close()  # what is left in the buffer cannot be written either


def test_a_stream_without_a_descriptor_stays_as_it_is() -> None:
    for stream in (io.StringIO(), io.TextIOWrapper(io.BytesIO())):
        assert outliving(stream) is stream


def test_nothing_is_said_where_a_shell_closed_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    outlive_readers()
    assert sys.stdout is None
