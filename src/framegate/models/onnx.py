"""ONNX Runtime on the CPU: the only importer of onnxruntime.

All sessions share one memory arena that grows by what is asked for, without the planned patterns
that hold a block for each batch size: three classifiers at batch 4 then take 306 MB instead of
656 MB (own arenas, batch 8), at the same speed. Threads do not spin between runs: the decoder
needs the cores. Numbers: benchmarks/models.py.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from framegate.errors import ComponentMissing, Internal

type Tensor = NDArray[np.float32]

_FATAL_ONLY = 3  # ONNX Runtime's "error": unused initialisers in vendors' graphs are not our news
_ARENA_AS_REQUESTED = 1  # kSameAsRequested; 0 is kNextPowerOfTwo
_DEFAULT = -1


def physical_cores() -> int:
    """Cores this process may use, counting hyper-threads of one core once (Linux sysfs)."""
    usable = os.sched_getaffinity(0)
    siblings: set[str] = set()
    for cpu in usable:
        path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        siblings.add(path.read_text().strip() if path.is_file() else str(cpu))
    return max(1, len(siblings))


@cache
def _share_arena() -> None:
    """Once for each process: the allocator that every session uses."""
    ort.set_default_logger_severity(_FATAL_ONLY)
    memory = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    unlimited = 0
    ort.create_and_register_allocator(
        memory, ort.OrtArenaCfg(unlimited, _ARENA_AS_REQUESTED, _DEFAULT, _DEFAULT)
    )


class Session:
    """One loaded graph with one input; safe to call from several threads."""

    def __init__(
        self, graph: Path | bytes, *, name: str, threads: int, any_size: bool = False
    ) -> None:
        """``any_size``: pictures differ in size from run to run. Such a session gives its memory
        back after each run: the shared arena would keep the blocks of all sizes.

        Raises `ComponentMissing` when the graph cannot be loaded.
        """
        _share_arena()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.enable_mem_pattern = False
        options.log_severity_level = _FATAL_ONLY
        options.enable_cpu_mem_arena = not any_size
        options.add_session_config_entry("session.use_env_allocators", "0" if any_size else "1")
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.name = name
        try:
            self._session = ort.InferenceSession(
                graph if isinstance(graph, bytes) else str(graph),
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # onnxruntime's own exceptions share no other base
            raise ComponentMissing(
                f"model {name}", f"ONNX Runtime cannot load it ({type(error).__name__})"
            ) from error
        self._input = self._session.get_inputs()[0].name

    @property
    def vendor(self) -> ort.InferenceSession:
        """For packages that run a session which they are given."""
        return self._session

    def run(self, batch: Tensor) -> list[Tensor]:
        """All outputs for one batch (first axis); raises `Internal` when the runtime fails."""
        try:
            outputs: list[Tensor] = self._session.run(None, {self._input: batch})
        except Exception as error:  # onnxruntime's own exceptions share no other base
            raise Internal(
                f"model {self.name}", f"ONNX Runtime failed ({type(error).__name__})"
            ) from error
        return outputs
