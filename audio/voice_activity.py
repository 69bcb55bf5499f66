"""Silero voice activity at the telephone's rate. Owns the model's state for one call; whether a
probability means speech is decided in `conversation.endpointing`, and where a voice ends in
`audio.fading` with it.
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
_FULL_SCALE = np.float32(1 / 32_768)

QUIET_PEAK = 24
"""Of int16, -63 dBFS: the smallest four steps of mu-law. A window that stays within it is quiet;
nothing in it can be heard, let alone be speech."""

QUIET_WINDOWS = 4
"""Quiet windows that the network still hears; it does not hear the ones after them.

That takes a line whose caller is silent for two thirds of the time from 0.20 % of a core to 0.08 %.
The same utterances are found (136 of 136, recorded clips 0.3 to 9 s apart on a silent line), and
their beginnings 50 ms sooner on the average (25 ms with noise that just stays quiet; at most 64 ms
later): seconds of digital silence leave the network slow to hear a voice."""

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
        self._pending = np.zeros(_CONTEXT_SAMPLES, dtype=np.int16)  # context, then the remainder
        self._quiet_windows = 0

    def push(self, samples: Samples) -> list[float]:
        """Take any number of samples (int16, 8 kHz): one probability per completed window, 0 for
        the windows of a lasting quiet."""
        line, at = np.concatenate((self._pending, samples)), 0
        probabilities: list[float] = []
        while len(line) - at >= _CONTEXT_SAMPLES + WINDOW_SAMPLES:
            window = line[at : at + _CONTEXT_SAMPLES + WINDOW_SAMPLES]
            quiet = _quiet(window[_CONTEXT_SAMPLES:])
            self._quiet_windows = self._quiet_windows + 1 if quiet else 0
            listens = self._quiet_windows <= QUIET_WINDOWS
            probabilities.append(self._probability(window) if listens else 0.0)
            at += WINDOW_SAMPLES
        self._pending = line[at:]
        return probabilities

    def _probability(self, window: Samples) -> float:
        scaled = window[np.newaxis].astype(np.float32)
        scaled *= _FULL_SCALE
        probability, self._state = self._model(scaled, self._state)
        return float(probability[0, 0])


def _quiet(window: Samples) -> bool:
    return bool(window.max() <= QUIET_PEAK and window.min() >= -QUIET_PEAK)


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
