"""Silero voice activity at the telephone's rate. Owns the model's state for one call; whether a
probability means speech is decided in `conversation.endpointing`.
"""

import importlib.util
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import onnxruntime

from audio.pcm import Samples

RATE_HZ = 8_000
WINDOW_SAMPLES = 256
"""32 ms: the only window that the model takes at 8 kHz."""

_CONTEXT_SAMPLES = 32  # silero-vad 6.2: the end of the window before, put in front of each window
_FULL_SCALE = 1 / 32_768

Floats = npt.NDArray[np.float32]


class SileroModel:
    """The network, to be shared by every call of a process; it keeps no state of its own.

    The weights come with the package `silero-vad`, which is never imported: it wants torchaudio.
    Raises FileNotFoundError when they are missing.
    """

    def __init__(self, weights: Path | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # A spinning thread would take a core from the calls, for 50 µs of work every 32 ms.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            _existing(weights or _packaged_weights()), options, ["CPUExecutionProvider"]
        )
        self._rate = np.array(RATE_HZ, dtype=np.int64)

    def __call__(self, windows: Floats, state: Floats) -> tuple[Floats, Floats]:
        """Voice probabilities of one window of each of B streams.

        `windows` is float32 of shape (B, 32 + 256) in -1…1, context first; `state` is float32 of
        shape (2, B, 128), zeros at first. Gives probabilities of shape (B, 1) and the new state.
        """
        feed = {"input": windows, "state": state, "sr": self._rate}
        probability, following = self._session.run(None, feed)
        return cast(Floats, probability), cast(Floats, following)


class VoiceActivity:
    """How likely it is that one caller is speaking, window by window."""

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._pending = np.zeros(_CONTEXT_SAMPLES, dtype=np.float32)  # context, then the remainder

    def push(self, samples: Samples) -> list[float]:
        """Take any number of samples (int16, 8 kHz): one probability per completed window."""
        scaled = samples.astype(np.float32) * _FULL_SCALE
        self._pending = np.concatenate([self._pending, scaled])
        probabilities: list[float] = []
        while len(self._pending) >= _CONTEXT_SAMPLES + WINDOW_SAMPLES:
            window = self._pending[np.newaxis, : _CONTEXT_SAMPLES + WINDOW_SAMPLES]
            probability, self._state = self._model(window, self._state)
            self._pending = self._pending[WINDOW_SAMPLES:]
            probabilities.append(float(probability[0, 0]))
        return probabilities


def _packaged_weights() -> Path:
    package = importlib.util.find_spec("silero_vad")
    if package is None or package.origin is None:
        raise FileNotFoundError(
            "Silero's weights are missing: pip install --no-deps silero-vad==6.2.3"
        )
    return Path(package.origin).parent / "data" / "silero_vad.onnx"


def _existing(weights: Path) -> Path:
    if not weights.is_file():
        raise FileNotFoundError(
            f"Silero's weights are not at {weights}: "
            "pip install --force-reinstall --no-deps silero-vad==6.2.3"
        )
    return weights
