"""A real vLLM on this machine's CPU, started, stopped, killed and started again by the tests."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from conftest import missing
from vlm import drills

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
READY = ROOT / ".venv-vllm" / ".done"
CHECKPOINTS = ROOT / ".cache" / "vlm"
MAKERS = ("squares.py", "tiny_model.py", "train_tiny.py")
MODEL = "tiny-scout"
CONTEXT = 4096
PICTURES = 10
JSON_ANSWERS = json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})
# As a production profile serves Scout, but for what belongs to the machine.
FLAGS = (
    "--dtype=bfloat16",
    f"--max-model-len={CONTEXT}",
    "--max-num-seqs=16",
    "--enforce-eager",
    f"--limit-mm-per-prompt={json.dumps({'image': PICTURES})}",
    f"--mm-processor-kwargs={json.dumps({'max_patches': 1})}",
    "--logprobs-mode=processed_logprobs",
    f"--structured-outputs-config={JSON_ANSWERS}",
    "--enable-prompt-tokens-details",
    "--scheduling-policy=priority",
    "--disable-uvicorn-access-log",
)
START_S = 240
STOP_S = 30


def environment(folder: Path) -> dict[str, str]:
    """Give what the server's processes see: no way out of this machine, caches in `folder`."""
    kept = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "PYTHONPATH": str(HERE / "startup"),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(folder / "hf"),
        "VLLM_CACHE_ROOT": str(folder / "vllm"),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait leave the machine to others
    }


def checkpoint() -> Path:
    """Give the trained model's folder, made in about a minute where it is not there yet.

    Its name is a hash of all that it is made from, so a changed question trains it anew.
    """
    if not READY.exists():
        missing("the model server of the integration suite (run `make vllm`)")
    told = json.dumps({"drills": drills.drills()}, sort_keys=True)
    made_of = hashlib.sha256(told.encode())
    for name in MAKERS:
        made_of.update((HERE / name).read_bytes())
    made_of.update((ROOT / "requirements" / "vllm.lock").read_bytes())
    folder = CHECKPOINTS / made_of.hexdigest()[:16]
    if (folder / "training.json").exists():
        return folder
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    asked = folder.with_suffix(".json")
    asked.write_text(told)
    making = folder.with_suffix(f".{os.getpid()}")
    subprocess.run(
        [PYTHON, HERE / "train_tiny.py", asked, making], check=True, env=environment(CHECKPOINTS)
    )
    with contextlib.suppress(OSError):  # another run was first
        making.rename(folder)
    return folder


@dataclass(frozen=True)
class Reply:
    """What came back: HTTP status and the JSON body."""

    status: int
    body: Any


@dataclass
class Server:
    """One vLLM; `port` stays the same over restarts."""

    model: Path
    folder: Path
    flags: Sequence[str] = FLAGS
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    _log: IO[bytes] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """What `--vlm` takes."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def start(self, within_s: float = START_S) -> None:
        """Start it and wait until it is healthy."""
        self._log = self.log.open("ab")
        command = [
            PYTHON,
            "-m",
            "vllm.entrypoints.openai.api_server",
            f"--model={self.model}",
            "--host=127.0.0.1",
            f"--served-model-name={MODEL}",
            f"--port={self.port}",
            *self.flags,
        ]
        self.process = subprocess.Popen(
            command,
            env=environment(self.folder),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        waited = threading.Event()
        for _ in range(int(within_s / 0.25)):
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get("/health", timeout=5).status == 200:
                    return
            waited.wait(0.25)
        self.kill()
        raise AssertionError(f"vLLM did not start:\n{self.said()}")

    def stop(self) -> None:
        """End it as an orchestrator does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End every process of it at once, as a lost machine does."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start it again where it was, killed if need be."""
        self.kill()
        self.start()

    def said(self) -> str:
        """Give the end of its log."""
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    def get(self, path: str, timeout: float = 30) -> Reply:
        status, data = self._call("GET", path, None, timeout)
        return Reply(status, json.loads(data or b"null"))

    def post(self, path: str, body: Mapping[str, Any], timeout: float = 120) -> Reply:
        status, data = self._call("POST", path, json.dumps(body).encode(), timeout)
        return Reply(status, json.loads(data or b"null"))

    def counted(self) -> dict[str, float]:
        """Give its counters from /metrics, summed over their labels."""
        out: dict[str, float] = {}
        _, data = self._call("GET", "/metrics", None, 30)
        for line in data.decode().splitlines():
            if line.startswith("vllm:"):
                name, value = line.split("{")[0], float(line.rsplit(" ", 1)[1])
                out[name] = out.get(name, 0) + value
        return out

    def _call(
        self, method: str, path: str, data: bytes | None, timeout: float
    ) -> tuple[int, bytes]:
        door = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(door):
            door.request(method, path, data, {"Content-Type": "application/json"})
            reply = door.getresponse()
            return reply.status, reply.read()

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is not None:
            for each in (how, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, each)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_S)
                    break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # an engine that outlived its door
        if self._log is not None:
            self._log.close()
            self._log = None
