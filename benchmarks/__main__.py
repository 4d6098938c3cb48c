"""All benchmarks: ``python -m benchmarks [NAME…] [--runs N] [--quick] [--clip TITLE…]``.

Prints target, measured value and whether it passed, and writes ``benchmarks/out/<name>.json``.
Ends with 1 when a target was missed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from benchmarks import measure
from benchmarks.answers import Answer
from benchmarks.sources import OUT

NAMES = ("screen", "models", "opencv", "encode", "pertitle", "flow", "memory", "vlm", "vlm_server")
RUNS = {
    "screen": 7,
    "models": 15,
    "opencv": 5,
    "encode": 3,
    "pertitle": 1,
    "flow": 3,
    "memory": 1,
    "vlm": 1,
    "vlm_server": 15,
}


def main() -> int:
    """Run what was asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*NAMES, "all")))
    parser.add_argument("--runs", type=int, default=0, help="interleaved runs of each contender")
    parser.add_argument(
        "--quick", action="store_true", help="small sources, few runs: a smoke test"
    )
    parser.add_argument(
        "--clip", action="append", default=[], help="of pertitle: this one, of the others as before"
    )
    asked = parser.parse_args()
    names = asked.names or ["all"]
    if asked.clip and names != ["pertitle"]:
        parser.error("--clip goes with pertitle alone")
    unknown = set(names) - {*NAMES, "all"}
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    chosen = NAMES if "all" in names else [name for name in NAMES if name in names]
    table = Table("benchmark", "what", "target", "measured", "", title=measure.machine())
    missed = 0
    for name in chosen:
        bench = importlib.import_module(f"benchmarks.{name}").bench
        began, load = time.perf_counter(), os.getloadavg()[0]
        limited = {"clips": asked.clip} if asked.clip else {}
        answer: Answer = bench(
            runs=asked.runs or (2 if asked.quick else RUNS[name]), quick=asked.quick, **limited
        )
        _write(answer, wall_s=time.perf_counter() - began, load=load, quick=asked.quick)
        for row in answer.rows:
            said = {None: "", True: "pass", False: "[red]miss"}[row.passed]
            table.add_row(name, row.what, row.target, f"{row.measured:.3f}{row.unit}", said)
            missed += row.passed is False
    Console(width=max(110, Console().width)).print(table)
    return 1 if missed else 0


def _write(answer: Answer, *, wall_s: float, load: float, quick: bool) -> None:
    OUT.mkdir(exist_ok=True)
    rows = [asdict(row) | {"target": row.target, "passed": row.passed} for row in answer.rows]
    said = {
        "name": answer.name,
        "machine": measure.machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_s": round(wall_s),
        "load_before": round(load, 2),
        "quick": quick,
        "rows": rows,
        "details": answer.details,
    }
    (OUT / f"{answer.name}.json").write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
