"""Tensors out of a PyTorch state dict of the old (not zipped) format, without PyTorch.

Such a file is five pickles (magic, protocol, system, the dictionary, storage keys) and then the
storages: a 64-bit element count and raw little-endian numbers each. The unpickler knows four
names and makes plain tuples of them; any other name is refused, so that the file cannot run code
even before its hash is known to be right. Format: torch/serialization.py, ``_legacy_load``.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from framegate.errors import ModelMismatch

_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: str  # key
    kind: str
    offset: int  # elements
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # elements


def _rebuild(storage: Any, offset: int, shape: Any, strides: Any, *_rest: Any) -> _Tensor:  # noqa: ANN401 - pickled shapes
    _tag, kind, key, _device, _count, _view = storage
    return _Tensor(key, kind, offset, tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    """Knows what a state dict needs, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - fixed by pickle
        known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("torch", "FloatStorage"): "FloatStorage",
            ("torch", "LongStorage"): "LongStorage",
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a state dict")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Any:  # noqa: ANN401 - fixed by pickle
        return pid


def _storages(file: BinaryIO, kinds: dict[str, str], order: list[str]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for key in order:
        count = int.from_bytes(file.read(8), "little")
        dtype = _STORAGES[kinds[key]]
        found[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return found


def read(path: Path) -> dict[str, NDArray[Any]]:
    """Name → array of a state dict; raises `ModelMismatch` for any other content."""
    try:
        with path.open("rb") as file:
            if _Unpickler(file).load() != _MAGIC:
                raise ModelMismatch(f"model file {path.name}", "it is not a PyTorch state dict")
            _protocol, _system = _Unpickler(file).load(), _Unpickler(file).load()
            tensors: dict[str, _Tensor] = _Unpickler(file).load()
            order: list[str] = _Unpickler(file).load()
            kinds = {tensor.storage: tensor.kind for tensor in tensors.values()}
            storages = _storages(file, kinds, order)
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, TypeError) as error:
        raise ModelMismatch(f"model file {path.name}", f"it cannot be read ({error})") from error
    arrays: dict[str, NDArray[Any]] = {}
    for name, tensor in tensors.items():
        flat = storages[tensor.storage][tensor.offset :]
        strides = [stride * flat.itemsize for stride in tensor.strides]
        view = np.lib.stride_tricks.as_strided(flat, tensor.shape, strides, writeable=False)
        arrays[name] = np.ascontiguousarray(view)
    return arrays
