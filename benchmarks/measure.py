"""Runs commands in turn and measures whole process trees: CPU time, wall time, memory.

CPU is user plus system time of the command and every descendant that was waited for. Memory is the
summed proportional set size (PSS) of the tree, sampled; shared pages are counted once.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Usage:
    """One run. ``peak_pss_bytes`` is 0 unless memory was asked for."""

    cpu_s: float
    wall_s: float
    peak_pss_bytes: int = 0


def _tree(root: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue  # it ended while we looked
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    tree, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in tree} - tree
        tree |= more
        grown = bool(more)
    return sorted(tree)


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line[:4] == "Pss:"), 0) << 10


def run(
    command: Sequence[str],
    *,
    memory: bool = False,
    env: Mapping[str, str] | None = None,
    accept: Sequence[int] = (0,),
) -> Usage:
    """Run to the end; an exit status outside ``accept`` is an error that shows the output."""
    began = perf_counter()
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(env or {})},
    )
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.1):
            peak = max(peak, sum(_pss(pid) for pid in _tree(child.pid)))

    watcher = threading.Thread(target=watch, daemon=True)
    if memory:
        watcher.start()
    assert child.stdout is not None
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = perf_counter() - began
    done.set()
    child.returncode = code = os.waitstatus_to_exitcode(status)
    if code not in accept:
        tail = output.decode(errors="replace")[-3000:]
        message = f"{' '.join(command)} ended with {code}:\n{tail}"
        raise RuntimeError(message)
    return Usage(usage.ru_utime + usage.ru_stime, wall, peak)


def interleave(
    contenders: Mapping[str, Callable[[], Usage]], *, runs: int, warmup: int = 1
) -> dict[str, list[Usage]]:
    """A B A B …: drift of the machine hits all alike. Warm-up runs are not kept."""
    results: dict[str, list[Usage]] = {name: [] for name in contenders}
    for turn in range(warmup + runs):
        for name, contender in contenders.items():
            usage = contender()
            if turn >= warmup:
                results[name].append(usage)
    return results


def cpu_ratio(results: Mapping[str, Sequence[Usage]], ours: str, peer: str) -> float:
    """Median of the ratios of paired runs."""
    pairs = zip(results[ours], results[peer], strict=True)
    return statistics.median(a.cpu_s / b.cpu_s for a, b in pairs)


def machine() -> str:
    """One line for RESULTS.md."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{os.cpu_count()} x {model}, {platform.system()} {platform.release().split('-')[0]}"
