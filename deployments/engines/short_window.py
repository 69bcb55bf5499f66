"""What an utterance needs of Whisper's 30 s window: its own frames, a second after them, and what
the encoder makes of silence. Owns that encoding; decides nothing about whether to believe it.

Whisper's encoder always takes 30 s, 0.25 s of a laptop's core on tiny.en; CTranslate2 takes fewer
frames, and then the decoder often misses the end of the speech and says it again and again. So the
decoder is given the silence that it was trained to end in: computed once, for nothing thereafter.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

FRAMES_PER_S = 100
POSITIONS_PER_S = 50
"""Whisper's mel frames, and what its encoder's second convolution, of stride 2, leaves of them
(openai/whisper, `audio.py` and `model.py`)."""
WINDOW_FRAMES = 3_000
PADDING_FRAMES = 100
TAIL_POSITIONS = 500
LONGEST_S = 15.0
"""One second encoded after the speech, and ten of silence: measured by `python -m benchmarks
transcript`. Longer speech gains too little to pay for the times when it is heard twice."""


class ShortWindow:
    """Encodes speech of a model on a CPU. Thread-safe: it only reads."""

    def __init__(self, model: Any) -> None:
        """`model` is a `faster_whisper.WhisperModel`; encodes 30 s of silence once."""
        from faster_whisper.audio import pad_or_trim

        self._model = model
        features = model.feature_extractor(np.zeros(16_000, dtype=np.float32))
        silence = model.encode(pad_or_trim(features, WINDOW_FRAMES))
        self._silence = np.array(silence, dtype=np.float32)  # (1, 1500, width)

    def fits(self, features: npt.NDArray[np.float32]) -> bool:
        """Whether mel features, float32 of shape (mels, frames), are short enough to pay."""
        return features.shape[1] <= LONGEST_S * FRAMES_PER_S

    def encoded(self, features: npt.NDArray[np.float32]) -> Any:
        """What `generate` takes: a `ctranslate2.StorageView`, float32 of shape (1, positions,
        width), of the speech, its padding and a tail of silence. Raises RuntimeError as the model
        does."""
        from ctranslate2 import StorageView
        from faster_whisper.audio import pad_or_trim

        frames = (features.shape[1] + PADDING_FRAMES) // 2 * 2
        speech = np.asarray(self._model.encode(pad_or_trim(features, frames)))
        tail = self._silence[:, speech.shape[1] :][:, :TAIL_POSITIONS]
        return StorageView.from_array(np.concatenate([speech, tail], axis=1))
