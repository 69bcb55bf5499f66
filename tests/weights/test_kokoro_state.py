"""Undoing an ONNX export: against onnxruntime and torch themselves, on small random layers."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from weights.kokoro_state import convolution_state, lstm_state, module_path, state_from_onnx
from weights.onnx_tensors import OnnxWeights
from weights.quiet import quiet

FOLDER = Path(__file__).parent.parent.parent / ".weights" / "kokoro-82m"

RANDOM = np.random.default_rng(7)
HIDDEN, INPUTS, STEPS = 3, 4, 5


def saved(path: Path, nodes: list, weights: dict, inputs: list, outputs: list) -> Path:
    """Write a model; every weight is an initialiser."""
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "toy", inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def test_lstm_computes_what_onnxruntime_computes(tmp_path: Path) -> None:
    node = helper.make_node(
        "LSTM", ["x", "W", "R", "B"], ["y"], "/m/lstm/LSTM",
        direction="bidirectional", hidden_size=HIDDEN,
    )  # fmt: skip
    weights = {
        "W": floats(2, 4 * HIDDEN, INPUTS),
        "R": floats(2, 4 * HIDDEN, HIDDEN),
        "B": floats(2, 8 * HIDDEN),
    }
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [STEPS, 1, INPUTS])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [STEPS, 2, 1, HIDDEN])
    path = saved(tmp_path / "lstm.onnx", [node], weights, [given], [result])
    x = floats(STEPS, 1, INPUTS)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x})  # steps, directions, batch, hidden

    state = lstm_state(OnnxWeights(path), node, "lstm")
    lstm = torch.nn.LSTM(INPUTS, HIDDEN, bidirectional=True)
    lstm.load_state_dict({k.removeprefix("lstm."): torch.tensor(v) for k, v in state.items()})
    got = lstm(torch.from_numpy(x))[0].detach().numpy().reshape(STEPS, 1, 2, HIDDEN)
    np.testing.assert_allclose(got.swapaxes(1, 2), expected, atol=1e-6)


def test_folded_weight_norm_gives_the_weight_back_even_for_a_row_of_zeros() -> None:
    weight = floats(6, 4, 3)
    weight[2] = 0
    wanted = {"c.weight_v": weight, "c.weight_g": np.zeros((6, 1, 1), np.float32)}
    state = convolution_state(weight, "c", wanted)
    direction = state["c.weight_v"]
    length = np.linalg.norm(direction.reshape(6, -1), axis=1).reshape(6, 1, 1)
    np.testing.assert_allclose(state["c.weight_g"] * direction / length, weight, atol=1e-6)


@pytest.mark.parametrize("per_column", [False, True])
def test_int8_matrix_is_widened_as_onnxruntime_does(tmp_path: Path, per_column: bool) -> None:
    columns = 6 if per_column else 1
    quantised = RANDOM.integers(-128, 128, (4, 6), dtype=np.int8)
    scale = np.abs(floats(columns)) if per_column else np.abs(floats(1)).reshape(())
    zero = RANDOM.integers(-9, 9, columns, dtype=np.int8)
    zero = zero if per_column else zero.reshape(())
    names = ["w_quantized", "w_scale", "w_zero_point"]
    nodes = [
        helper.make_node("DequantizeLinear", names, ["w"], "/m/w", axis=1),
        helper.make_node("Identity", ["w"], ["y"], "/m/y"),
    ]
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 6])
    weights = dict(zip(names, (quantised, scale, zero), strict=True))
    path = saved(tmp_path / "int8.onnx", nodes, weights, [], [result])
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {})
    found = OnnxWeights(path).tensor("w_quantized")
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("exported", "path"),
    [
        ("/encoder/bert/encoder/layer", "bert.encoder.layer"),
        ("/encoder/F0.0/conv1", "predictor.F0.0.conv1"),
        ("encoder.text_encoder.cnn.0.0.weight", "text_encoder.cnn.0.0.weight"),
        ("/encoder/text_encoder/cnn.0/cnn.0.0", "text_encoder.cnn.0.0"),
        ("/decoder/decoder/asr_res/asr_res.0", "decoder.asr_res.0"),
    ],
)
def test_names_of_the_export(exported: str, path: str) -> None:
    assert module_path(exported) == path


@pytest.fixture(scope="module")
def prepared() -> dict[str, dict[str, torch.Tensor]]:
    return torch.load(FOLDER / "kokoro-v1_0.pth", weights_only=True)


def write_export(state: dict[str, np.ndarray], path: Path) -> None:
    """An export of a state as PyTorch's exporter leaves it: weight norm folded into nameless
    weights, LSTM gates in ONNX's order, the rest under its own name."""
    nodes, weights = [], {}
    for name, array in state.items():
        module, _, kind = name.rpartition(".")
        node = "/" + module.replace(".", "/")
        if kind == "weight_v":
            length = np.linalg.norm(array.reshape(len(array), -1), axis=1).reshape(-1, 1, 1)
            weights[f"onnx::{name}"] = state[f"{module}.weight_g"] * array / length
            nodes.append(helper.make_node("Conv", ["x", f"onnx::{name}"], [node], f"{node}/Conv"))
        elif kind == "weight_ih_l0":
            inputs = [f"onnx::{module}.{part}" for part in "WRB"]
            weights |= dict(zip(inputs, onnx_lstm(state, module), strict=True))
            nodes.append(helper.make_node("LSTM", ["x", *inputs], [node], f"{node}/LSTM"))
        elif kind != "weight_g" and "_l0" not in kind:
            weights[name] = array
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    onnx.save(helper.make_model(helper.make_graph(nodes, "export", [], [], tensors)), str(path))


def onnx_lstm(state: dict[str, np.ndarray], module: str) -> list[np.ndarray]:
    def stacked(kind: str) -> np.ndarray:
        both = [state[f"{module}.{kind}_{layer}"] for layer in ("l0", "l0_reverse")]
        gates = [np.split(rows, 4) for rows in both]  # torch: input, forget, cell, output
        return np.stack([np.concatenate([i, o, f, c]) for i, f, c, o in gates])

    biases = np.concatenate([stacked("bias_ih"), stacked("bias_hh")], axis=1)
    return [stacked("weight_ih"), stacked("weight_hh"), biases]


@pytest.mark.models
def test_an_export_of_the_prepared_state_gives_it_back(
    prepared: dict[str, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    flat = {f"{top}.{k}": v.numpy() for top, part in prepared.items() for k, v in part.items()}
    write_export(flat, tmp_path / "export.onnx")
    with quiet():
        again = state_from_onnx(tmp_path / "export.onnx", FOLDER / "config.json")
    assert again.keys() == prepared.keys()
    for top, part in prepared.items():
        assert again[top].keys() == part.keys()
        for name in part:
            if not name.endswith("weight_v"):  # only its direction counts
                torch.testing.assert_close(again[top][name], part[name], rtol=1e-5, atol=1e-5)

    del flat["bert_encoder.weight"]
    write_export(flat, tmp_path / "export.onnx")
    with quiet(), pytest.raises(ValueError, match=r"missing \['bert_encoder.weight'\]"):
        state_from_onnx(tmp_path / "export.onnx", FOLDER / "config.json")


@pytest.mark.models
def test_prepared_state_and_voices_are_finite_and_shaped(
    prepared: dict[str, dict[str, torch.Tensor]],
) -> None:
    tensors = [tensor for part in prepared.values() for tensor in part.values()]
    assert len(tensors) == 688
    assert all(torch.isfinite(tensor).all() for tensor in tensors)
    voices = sorted((FOLDER / "voices").glob("*.pt"))
    assert len(voices) == 54
    for voice in voices:
        assert torch.load(voice, weights_only=True).shape == (510, 1, 256)
