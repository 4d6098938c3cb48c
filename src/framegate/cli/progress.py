"""How far a command is: bars for people, JSON lines for programs, nothing on request.

All of it goes to stderr, so that stdout holds nothing but the answer.
"""

from __future__ import annotations

import json
import sys
import threading
from enum import StrEnum
from types import TracebackType
from typing import Self, TextIO, override

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from framegate.domain.counted import counted
from framegate.errors import printable


class ProgressMode(StrEnum):
    """``auto`` is bars on a terminal, and one line a stage elsewhere."""

    AUTO = "auto"
    JSON = "json"
    NONE = "none"


class Display:
    """Says nothing; the base of those that do. Conforms to `framegate.stages.base.Progress`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the terminal back."""

    def file(self, name: str, number: int, total: int) -> None:
        """From now on stages belong to this file, ``number`` of ``total``."""

    def start(self, stage: str, total: float | None, unit: str) -> None:
        """See `framegate.stages.base.Progress.start`."""

    def advance(self, stage: str, done: float) -> None:
        """See `framegate.stages.base.Progress.advance`."""

    def end(self, stage: str, note: str = "") -> None:
        """See `framegate.stages.base.Progress.end`."""

    def failed(self) -> None:
        """The current file ended with an error: its stages stand still."""

    def say(self, line: str) -> None:
        """A line of its own, between the progress."""
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


class _Rate(ProgressColumn):
    """Done, total and speed in the stage's own unit."""

    def render(self, task: Task) -> Text:
        unit = str(task.fields.get("unit", ""))
        note = str(task.fields.get("note", ""))
        if note:
            return Text(note, style="dim")
        if unit == "bytes":
            done, speed = f"{task.completed / 1e6:.1f} MB", f"{(task.speed or 0) / 1e6:.0f} MB/s"
        elif unit == "s":
            total = f"/{task.total:.0f}" if task.total else ""
            done, speed = f"{task.completed:.0f}{total} s", f"{task.speed or 0:.1f}x"
        else:
            total = f"/{task.total:.0f}" if task.total else ""
            done, speed = f"{task.completed:.0f}{total} {unit}", f"{task.speed or 0:.0f}/s"
        return Text(f"{done}  {speed}", style="cyan")


class Bars(Display):
    """Rich bars, one a stage, with rate and time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=28),
            _Rate(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
            transient=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    @override
    def __enter__(self) -> Self:
        self._progress.start()
        return self

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    @override
    def file(self, name: str, number: int, total: int) -> None:
        with self._lock:
            for task in self._tasks.values():
                self._progress.stop_task(task)
            if total > 1:
                for task in self._tasks.values():
                    self._progress.remove_task(task)
                heading = Text(f"[{number}/{total}] ", style="bold")
                self._progress.console.print(heading + Text(printable(name)))
            self._tasks.clear()

    @override
    def start(self, stage: str, total: float | None, unit: str) -> None:
        with self._lock:
            if stage not in self._tasks:
                self._tasks[stage] = self._progress.add_task(stage, total=total, unit=unit)

    @override
    def advance(self, stage: str, done: float) -> None:
        with self._lock:
            task = self._tasks.get(stage)
        if task is not None:
            self._progress.update(task, completed=done)

    @override
    def end(self, stage: str, note: str = "") -> None:
        with self._lock:
            task = self._tasks.get(stage)
        if task is not None:
            total = self._progress.tasks[self._progress.task_ids.index(task)].total or 1
            self._progress.update(task, total=total, completed=total, note=note)

    @override
    def failed(self) -> None:
        with self._lock:
            for task in self._tasks.values():
                self._progress.stop_task(task)

    @override
    def say(self, line: str) -> None:
        self._progress.console.print(Text(line))


class Lines(Display):
    """One plain line when a stage begins and ends: for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._prefix = ""

    @override
    def file(self, name: str, number: int, total: int) -> None:
        self._prefix = f"[{number}/{total}] {printable(name)}: " if total > 1 else ""

    @override
    def start(self, stage: str, total: float | None, unit: str) -> None:
        size = "" if total is None or unit == "bytes" else f" ({_amount(total, unit)})"
        self._stream.write(f"{self._prefix}{stage}{size} ...\n")
        self._stream.flush()

    @override
    def end(self, stage: str, note: str = "") -> None:
        self._stream.write(f"{self._prefix}{stage}: {note or 'done'}\n")
        self._stream.flush()


def _amount(total: float, unit: str) -> str:
    """In the unit of a stage: ``72 frames``, ``1 frame``, ``5 s``."""
    whole, one = round(total), unit.removesuffix("s")
    return counted(whole, one) if one else f"{whole} {unit}"


class Events(Display):
    """JSON lines: ``{"event": "advance", "stage": "encode", "done": 120.0, ...}``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._file = ""
        self._lock = threading.Lock()

    def _send(self, event: str, **fields: object) -> None:
        line = json.dumps({"event": event, "file": self._file, **fields}, ensure_ascii=True)
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()

    @override
    def file(self, name: str, number: int, total: int) -> None:
        self._file = name
        self._send("file", number=number, total=total)

    @override
    def start(self, stage: str, total: float | None, unit: str) -> None:
        self._send("start", stage=stage, total=total, unit=unit)

    @override
    def advance(self, stage: str, done: float) -> None:
        self._send("advance", stage=stage, done=done)

    @override
    def end(self, stage: str, note: str = "") -> None:
        self._send("end", stage=stage, note=note)


def display(mode: ProgressMode) -> Display:
    """The display for this mode and this stderr."""
    if mode is ProgressMode.NONE:
        return Display()
    if mode is ProgressMode.JSON:
        return Events(sys.stderr)
    if sys.stderr.isatty():
        return Bars(Console(stderr=True))
    return Lines(sys.stderr)
