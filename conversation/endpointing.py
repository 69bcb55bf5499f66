"""Cut a line's voice probabilities into utterances. Time is counted in samples, not by a clock.

Owns neither sound nor model: it is told one probability per window of 32 ms.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from conversation.events import SpeechEnded, SpeechStarted, Utterance

RATE_HZ = 8_000
WINDOW_SAMPLES = 256
"""Silero VAD's window at 8 kHz: 32 ms."""

HYSTERESIS = 0.15
"""Speech goes on down to threshold minus this: Silero VAD's own `neg_threshold`."""

GAP_WINDOWS = 2
"""Unvoiced windows that end a beginning of speech: a stop consonant is shorter."""

TAIL_MS = 200
"""Silence left at an utterance's end, so that its last consonant is whole."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """As `configs.schema.Listening`, which documents them."""

    speech_threshold: float = 0.5
    min_speech_ms: int = 120
    silence_ms: int = 500
    preroll_ms: int = 320
    max_utterance_s: float = 25


def _samples(ms: float) -> int:
    return int(ms * RATE_HZ / 1_000)


class Endpointer:
    """One caller's line. `push` is told a window's probability and tells what it means."""

    __slots__ = ("_first", "_limits", "_now", "_start", "_voice_end", "talking")

    def __init__(self, thresholds: Thresholds) -> None:
        self._limits = thresholds
        self.talking = False
        self._now = 0  # samples heard
        self._start = 0  # where the voice began
        self._first = 0  # where the utterance begins: before the voice, after the last utterance
        self._voice_end = 0  # end of the last voiced window

    @property
    def earliest_sample(self) -> int:
        """No utterance still to come begins before this sample."""
        if self.talking:
            return self._first
        back = _samples(self._limits.preroll_ms + self._limits.min_speech_ms + 500)
        return max(self._first, self._now - back)

    def push(self, probability: float) -> Iterator[SpeechStarted | SpeechEnded]:
        self._now += WINDOW_SAMPLES
        limits = self._limits
        floor = limits.speech_threshold - (HYSTERESIS if self.talking else 0)
        voiced = probability >= floor
        if voiced:
            if not self.talking and self._now - self._voice_end > GAP_WINDOWS * WINDOW_SAMPLES:
                self._start = self._now - WINDOW_SAMPLES
            self._voice_end = self._now
        if not self.talking:
            if voiced and self._now - self._start >= _samples(limits.min_speech_ms):
                self.talking = True
                self._first = max(self._first, self._start - _samples(limits.preroll_ms), 0)
                yield SpeechStarted(self._start)
            return
        silence = self._now - self._voice_end
        if silence >= _samples(limits.silence_ms):
            self.talking = False
            end = max(self._voice_end + _samples(TAIL_MS), self._first + WINDOW_SAMPLES)
            yield self._cut(min(end, self._now), complete=True)
            self._start = self._now
        elif self._now - self._first >= limits.max_utterance_s * RATE_HZ:
            yield self._cut(self._now, complete=False)

    def _cut(self, end: int, *, complete: bool) -> SpeechEnded:
        utterance = Utterance(self._first, end)
        self._first = end
        silence_ms = (self._now - self._voice_end) * 1_000 / RATE_HZ
        return SpeechEnded(utterance, complete, silence_ms)
