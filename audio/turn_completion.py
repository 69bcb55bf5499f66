"""smart-turn: has the speaker finished, or only paused? Judged from the sound, without words.

Owns the network and what it is given. When it is asked, and how long a silence then ends the turn,
is decided in `conversation`.
"""

from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import onnxruntime

from audio.log_mel import RATE_HZ as MODEL_RATE_HZ
from audio.log_mel import SECONDS, log_mel
from audio.pcm import Audio, Samples
from audio.resampling import resample

RATE_HZ = 8_000
LONGEST_SAMPLES = SECONDS * RATE_HZ
"""What the network looks at: 8 s. What was said before it is not read."""

FILE = "smart-turn-v3.2-cpu.onnx"
"""In the folder that `python -m weights smart-turn-v3.2` makes: Daily's own int8 export."""


class SmartTurn:
    """The network, to be shared by every call of a process; it keeps no state.

    It may be called from any thread, and from several at once; a call takes tens of milliseconds of
    one core, most of them without the interpreter's lock, so an event loop asks it in a thread.
    """

    def __init__(self, weights: Path) -> None:
        """`weights` is the folder. Raises FileNotFoundError, saying what to do, without them."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # A spinning thread would take a core from the calls between two pauses.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            _existing(weights), options, ["CPUExecutionProvider"]
        )

    def __call__(self, samples: Samples) -> float:
        """Probability (0 to 1) that the speaker has finished, of int16 samples (n,) at 8 kHz.

        They are the caller's turn so far, with the silence that made one ask; only the last 8 s
        count. Raises ValueError for no samples at all.
        """
        if not len(samples):
            raise ValueError("no samples: nobody can have finished a turn that did not begin")
        turn = resample(Audio(samples[-LONGEST_SAMPLES:], RATE_HZ), MODEL_RATE_HZ)
        feed = {"input_features": log_mel(turn.samples)[np.newaxis]}
        # The export names its output "logits"; a sigmoid has been applied to them already.
        (probability,) = self._session.run(["logits"], feed)
        return float(cast(npt.NDArray[np.float32], probability)[0, 0])


def _existing(folder: Path) -> Path:
    weights = folder / FILE
    if not weights.is_file():
        raise FileNotFoundError(
            f"smart-turn's weights are not at {weights}: run `python -m weights smart-turn-v3.2`, "
            "or take listening.end_of_turn out of the config"
        )
    return weights
