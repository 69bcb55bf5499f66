"""Utterances that the caller's end cuts, as with a key that is held while speaking. Pure.

Owns where the utterance that is not over yet begins; time is counted in samples at 8 kHz.
"""

from conversation.endpointing import RATE_HZ, WINDOW_SAMPLES
from conversation.events import SpeechEnded, Utterance


class PushToTalk:
    """One line's. What is longer than `max_utterance_s` is given in pieces."""

    def __init__(self, max_utterance_s: float, first_sample: int = 0) -> None:
        self._longest = int(max_utterance_s * RATE_HZ)
        self.first_sample = first_sample
        """Where the utterance begins that is committed next."""
        self.begun = False
        """Whether pieces of it were given already."""

    def push(self, heard: int, voice_end: int) -> SpeechEnded | None:
        """The line is at sample `heard`, its last voice was before `voice_end`: a piece that is
        long enough. A stretch of that length without a voice is left out."""
        if heard - self.first_sample < self._longest:
            return None
        if voice_end <= self.first_sample:
            self.first_sample = heard
            return None
        return self._cut(heard, voice_end, complete=False)

    def commit(self, heard: int, voice_end: int) -> SpeechEnded:
        """The utterance is over."""
        return self._cut(heard, voice_end, complete=True)

    def take_back(self, heard: int) -> None:
        """Nothing that was heard so far belongs to an utterance."""
        self.first_sample, self.begun = heard, False

    def _cut(self, heard: int, voice_end: int, *, complete: bool) -> SpeechEnded:
        first = self.first_sample
        end = max(heard, first + WINDOW_SAMPLES)
        voice_end = min(max(voice_end, first), end)
        self.first_sample, self.begun = heard, not complete
        silence_ms = (heard - voice_end) * 1_000 / RATE_HZ
        return SpeechEnded(Utterance(first, end, voice_end), complete, silence_ms, by_hand=True)
