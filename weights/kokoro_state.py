"""Kokoro's torch state from its ONNX export: which weight of the graph is which of the module.

Owns the mapping of names and layouts only; int8 is undone in `weights.onnx_tensors`.
"""

import io
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weights.onnx_tensors import OnnxWeights, Weight

State = dict[str, Weight]
# What may keep KModel's own value: identity affines of instance norms, and ALBERT's unused pooler.
UNFILLED = re.compile(r"(norm\d|adain\d\.\d)\.norm\.(weight|bias)$|^bert\.pooler\.")
if TYPE_CHECKING:
    import torch

REPO = "hexgrad/Kokoro-82M"


def state_from_onnx(path: Path, config: Path) -> "dict[str, dict[str, torch.Tensor]]":
    """{submodule: {name: float32 tensor}}, as `kokoro.KModel` loads it.

    Raises ValueError naming the tensors that the export does not fill or fills in another shape.
    """
    weights, wanted = OnnxWeights(path), _empty_state(config)
    filled = _by_name(weights, wanted)
    for node in weights.nodes:
        filled |= _by_node(weights, node, wanted)
    wrong = [name for name, tensor in filled.items() if tensor.shape != wanted[name].shape]
    missing = [name for name in wanted if name not in filled and not UNFILLED.search(name)]
    if wrong or missing:
        raise ValueError(f"not Kokoro-82M v1.0: wrong shapes {wrong}, missing {missing}")
    return _by_submodule(wanted | filled)


def _empty_state(config: Path) -> State:
    import torch
    from kokoro import KModel

    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    model: Any = KModel(repo_id=REPO, config=str(config), model=nothing)  # pyright: ignore[reportArgumentType]
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def _by_submodule(state: State) -> "dict[str, dict[str, torch.Tensor]]":
    import torch

    found: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    for name, weight in state.items():
        submodule, _, rest = name.partition(".")
        pooler = rest.startswith("pooler.")  # initialised at random, never used
        kept = np.zeros_like(weight) if pooler else weight
        found[submodule][rest] = torch.tensor(kept)
    return dict(found)


def module_path(name: str) -> str:
    """Dotted path in KModel of a node or tensor of the export."""
    name = name.strip("/").replace("/", ".")
    name = re.sub(r"^encoder\.(bert|bert_encoder|text_encoder|predictor)(\.|$)", r"\1\2", name)
    name = re.sub(r"^encoder\.(shared|F0|N|F0_proj|N_proj)(\.|$)", r"predictor.\1\2", name)
    name = re.sub(r"^decoder\.decoder\.", "decoder.", name)
    name = re.sub(r"\b(cnn\.\d)\.\1\.", r"\1.", name)  # the exporter repeats a container's name
    return re.sub(r"\basr_res\.asr_res\.", "asr_res.", name)


def _by_name(weights: OnnxWeights, wanted: State) -> State:
    """Weights that kept their name, some of them transposed."""
    found: State = {}
    for name, tensor in weights.tensors.items():
        target = wanted.get(path := module_path(name))
        if target is None:
            continue
        if target.shape == tensor.shape:
            found[path] = tensor
        elif target.ndim == 2 and target.shape == tensor.T.shape:
            found[path] = tensor.T
    return found


def _by_node(weights: OnnxWeights, node: Any, wanted: State) -> State:
    """Weights known by the node that uses them."""
    if "/" not in node.name:
        return {}
    path = module_path(re.sub(r"_quant$", "", node.name).rpartition("/")[0])
    if node.op_type in ("LSTM", "DynamicQuantizeLSTM"):
        return lstm_state(weights, node, path)
    if node.op_type in ("Conv", "ConvTranspose", "ConvInteger"):
        return convolution_state(weights.tensor(node.input[1]), path, wanted)
    if node.op_type in ("MatMul", "MatMulInteger") and f"{path}.weight" in wanted:
        matrix = weights.tensor(node.input[1])
        return {} if matrix is None else {f"{path}.weight": matrix.T}
    return {}


def convolution_state(weight: Weight | None, path: str, wanted: State) -> State:
    """Weight norm was folded into the export: v = w and g = |w| give w back exactly. A row of
    zeros (rounded to int8) needs any v but zero, or 0/0 makes the audio NaN."""
    if weight is None:
        return {}
    if f"{path}.weight_v" not in wanted:
        return {f"{path}.weight": weight} if f"{path}.weight" in wanted else {}
    norm = np.linalg.norm(weight.reshape(len(weight), -1), axis=1)
    safe = np.where((norm == 0).reshape(-1, 1, 1), np.float32(1), weight)
    shape = wanted[f"{path}.weight_g"].shape
    return {f"{path}.weight_v": safe, f"{path}.weight_g": norm.reshape(shape)}


def lstm_state(weights: OnnxWeights, node: Any, path: str) -> State:
    """A bidirectional LSTM; its biases are [input, recurrent] in one row per direction."""
    inputs, recurrent, biases = (weights.tensors[_base(name)] for name in node.input[1:4])
    if node.op_type != "LSTM":
        inputs, recurrent = inputs.swapaxes(1, 2), recurrent.swapaxes(1, 2)
    hidden = biases.shape[1] // 8
    found: State = {}
    for direction, suffix in enumerate(("l0", "l0_reverse")):
        bias = biases[direction]
        found[f"{path}.weight_ih_{suffix}"] = _gates(inputs[direction])
        found[f"{path}.weight_hh_{suffix}"] = _gates(recurrent[direction])
        found[f"{path}.bias_ih_{suffix}"] = _gates(bias[: 4 * hidden])
        found[f"{path}.bias_hh_{suffix}"] = _gates(bias[4 * hidden :])
    return found


def _base(name: str) -> str:
    return name.removesuffix("_quantized")


def _gates(rows: Weight) -> Weight:
    """ONNX orders the gates input, output, forget, cell; torch input, forget, cell, output."""
    gate_in, gate_out, forget, cell = np.split(rows, 4)
    return np.concatenate([gate_in, forget, cell, gate_out])
