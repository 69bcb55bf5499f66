"""The weights inside an ONNX graph as float32 numpy arrays, dynamic int8 undone.

Knows how onnxruntime's dynamic quantisation names and shapes its scales and zero points; knows
nothing of the model.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

Weight = NDArray[np.float32]

QUANTISED = "_quantized"


class OnnxWeights:
    """`nodes` of the graph, and its float weights through `tensor(name)`."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(str(path)).graph
        self.nodes: list[Any] = list(graph.node)
        raw = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
        self._casts = {node.output[0]: node.input[0] for node in self.nodes if _is(node, "Cast")}
        self.tensors = _floats(raw) | _dequantised(raw, _zero_points(self.nodes))

    def tensor(self, name: str) -> Weight | None:
        """The weight behind a node's input, through casts; None when it is computed."""
        while name in self._casts:
            name = self._casts[name]
        return self.tensors.get(name.removesuffix(QUANTISED))


def _is(node: Any, *operators: str) -> bool:
    return node.op_type in operators


def _floats(raw: dict[str, Any]) -> dict[str, Weight]:
    return {
        name: array.astype(np.float32) for name, array in raw.items() if array.dtype.kind == "f"
    }


def _zero_points(nodes: list[Any]) -> dict[str, str]:
    """Name of a quantised weight → name of its zero point."""
    found: dict[str, str] = {}
    for node in nodes:
        if _is(node, "ConvInteger", "MatMulInteger"):
            found[node.input[1]] = node.input[3]
        elif _is(node, "DequantizeLinear"):
            found[node.input[1].removesuffix("_scale") + QUANTISED] = node.input[2]
        elif _is(node, "DynamicQuantizeLSTM"):
            found[node.input[1]], found[node.input[2]] = node.input[9], node.input[11]
    return found


def _dequantised(raw: dict[str, Any], zero_points: dict[str, str]) -> dict[str, Weight]:
    found: dict[str, Weight] = {}
    for name, array in raw.items():
        if name.endswith(QUANTISED):
            base = name.removesuffix(QUANTISED)
            zero = _spread(raw[zero_points[name]], array, base)
            scale = _spread(raw[f"{base}_scale"], array, base)
            found[base] = (array.astype(np.float32) - zero) * scale
    return found


def _spread(values: Any, weight: Any, name: str) -> Any:
    """Shape a scale or zero point so that it broadcasts over its weight: one for all, or per column
    (matrix), per gate row (LSTM), per output channel (convolution)."""
    values = values.astype(np.float32)
    if values.size == 1:
        return values.reshape(())
    if weight.ndim == 2:
        return values.reshape(1, -1)
    return values.reshape(weight.shape[0], 1, -1) if "LSTM" in name else values.reshape(-1, 1, 1)
