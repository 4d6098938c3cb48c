"""Run by test_jobs.py in a process of its own: a tiny flow that can be killed in a chosen step.

argv: home, job id, the step to stall in ("" for none), the step to fail in ("" for none).
Each step appends its name to ``log``; a stalled step prints its name and waits to be killed.
"""

import json
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

from framegate import database
from framegate.errors import AlreadyRunning, DiskFull
from framegate.jobs import Answer, Jobs, Leases, Steps

home, job, stall, fail = Path(sys.argv[1]), *sys.argv[2:5]


def work(name: str) -> Callable[[], Answer]:
    def run() -> Answer:
        with (home / "log").open("a") as log:
            log.write(f"{name}\n")
        if name == stall:
            print(f"in {name}", flush=True)
            threading.Event().wait()
        if name == fail:
            raise DiskFull("no space for a test")
        return {"name": name}

    return run


def flow(steps: Steps, request: Answer) -> Answer:
    first = steps.run("first", work("first"))
    parts = steps.parallel("part", [work(f"part{n}") for n in range(3)], at_once=2)
    last = steps.run("last", work("last"))
    return {"request": request, "names": [first["name"], *(p["name"] for p in parts), last["name"]]}


def sockets() -> int:
    """How many internet sockets this process has open."""
    mine = {str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()}
    inet = [
        f"socket:[{line.split()[9]}]"
        for table in ("tcp", "tcp6", "udp", "udp6")
        for line in Path("/proc/self/net", table).read_text().splitlines()[1:]
    ]
    return len(mine.intersection(inet))


home.mkdir(exist_ok=True)
executor = uuid.uuid4().hex
jobs = Jobs(database.connect(home), {"tiny": flow}, executor=executor)
leases = Leases(home / "leases", holder={"pid": 1, "since": "today"})
try:
    with leases.hold("asset"):
        before = jobs.state(job).value
        result = jobs.run("tiny", job, {"n": 1})
        print(json.dumps({"before": before, "result": result, "sockets": sockets()}), flush=True)
except (AlreadyRunning, DiskFull) as error:
    print(error.line(), flush=True)
    jobs.close()
    sys.exit(error.exit_code)
jobs.close()
