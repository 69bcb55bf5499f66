"""Recordings of any length over faster-whisper's own long-form transcription. Owns how a recording
is divided, so that its size in memory is bounded; not who comes first (`whisper.Whisper`).

Greedy, each window for itself, and tried again once where Whisper's own measures doubt a result: a
pass cannot be aborted, and calls share the cores with it.
"""

from collections.abc import Generator
from typing import Any

import numpy as np
import numpy.typing as npt

from conversation.fallbacks import FailureClass
from conversation.spoken import Word
from deployments.engines.hallucinations import Decoded, spoken
from ingress.backends import BackendError, RecordingOptions, Segment

RATE_HZ = 16_000
PART_S = 300
"""Transcribed at once: our choice. The mel features of so much take 100 MB while they are made."""
SHORTEST_S = 0.1
TEMPERATURES = (0.0, 0.4)
PROMPT_CHARS = 1_000
"""Whisper takes 224 tokens of prompt, the last ones (openai/whisper, `transcribe`)."""


class Recordings:
    """`model` is a `faster_whisper.WhisperModel`."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def steps(
        self, samples: npt.NDArray[np.float32], options: RecordingOptions
    ) -> Generator[tuple[Segment, ...], None, None]:
        """What was said in float32 samples at 16 kHz: one step of the model's before each item,
        which may be empty. A part's last segment may break off, so the next part begins with it.
        Raises BackendError of class server when the model fails."""
        begin, language = 0.0, options.language
        whole_s = len(samples) / RATE_HZ
        while whole_s - begin >= SHORTEST_S:
            part = samples[round(begin * RATE_HZ) :][: PART_S * RATE_HZ]
            held: tuple[Segment, ...] = ()
            for found in self._part(part, begin, language, options):
                yield held if found else ()
                held = found or held
            end = begin + len(part) / RATE_HZ
            if held and end < whole_s and held[0].start_s - begin >= SHORTEST_S:
                begin, language = held[0].start_s, held[0].language
            else:
                yield held
                begin = end

    def _part(
        self,
        samples: npt.NDArray[np.float32],
        begin_s: float,
        language: str,
        options: RecordingOptions,
    ) -> Generator[tuple[Segment, ...], None, None]:
        """One segment a step, none where nothing was said."""
        try:
            found, info = self._model.transcribe(
                samples,
                language=language or None,
                initial_prompt=options.prompt[-PROMPT_CHARS:] or None,
                temperature=options.temperature or TEMPERATURES,
                word_timestamps=options.word_times,
                beam_size=1,
                condition_on_previous_text=False,
            )
            for segment in found:
                decoded = Decoded(segment.text, segment.avg_logprob, segment.no_speech_prob)
                said = _segment(segment, begin_s, info.language)
                yield (said,) if spoken(decoded) else ()
        except RuntimeError as error:  # CTranslate2's own class
            raise BackendError(FailureClass.SERVER, f"whisper: {error}") from error


def _segment(segment: Any, begin_s: float, language: str) -> Segment:
    words = [
        Word(word.word.strip(), begin_s + float(word.start), begin_s + float(word.end))
        for word in segment.words or ()
    ]
    return Segment(
        segment.text.strip(),
        begin_s + float(segment.start),
        begin_s + float(segment.end),
        language,
        tuple(words),
        tuple(segment.tokens),
        float(segment.temperature),
        float(segment.avg_logprob),
        float(segment.compression_ratio),
        float(segment.no_speech_prob),
    )
