"""One caller's line: its sound kept for as long as an utterance may need it, and what was heard.

Owns the bounded audio buffer; decides nothing about turns.
"""

from collections.abc import Iterator

import numpy as np

from audio.pcm import Audio
from audio.voice_activity import RATE_HZ, SileroModel, VoiceActivity
from conversation.endpointing import Endpointer, Thresholds
from conversation.events import SpeechEnded, SpeechStarted, Utterance

SAMPLE_BYTES = 2

MAX_BUFFER_SAMPLES = 250_000
"""500 KB: more than the longest utterance (28 s) and its preroll (2 s) at 8 kHz."""


class Hearing:
    """Takes audio at 8 kHz, gives speech events, and the audio of their utterances."""

    def __init__(self, model: SileroModel, thresholds: Thresholds) -> None:
        self._activity = VoiceActivity(model)
        self._endpointer = Endpointer(thresholds)
        self._kept = bytearray()  # int16, native order
        self._kept_from = 0  # the sample at which it begins
        self.samples_heard = 0

    @property
    def talking(self) -> bool:
        return self._endpointer.talking

    @property
    def utterance_so_far(self) -> Utterance:
        return Utterance(self._endpointer.earliest_sample, self.samples_heard)

    def push(self, audio: Audio) -> Iterator[SpeechStarted | SpeechEnded]:
        """Hear a piece of the line. Events must be dealt with as they come: the audio of an
        utterance is kept only until the next piece. Raises ValueError at another rate."""
        if audio.rate_hz != RATE_HZ:
            raise ValueError(f"audio at {audio.rate_hz} Hz; a line is heard at {RATE_HZ} Hz")
        self._kept += audio.samples.tobytes()
        self.samples_heard += len(audio.samples)
        for probability in self._activity.push(audio.samples):
            yield from self._endpointer.push(probability)
        self._forget()

    def audio_of(self, utterance: Utterance) -> Audio:
        """The utterance's sound, int16 at 8 kHz; what is no longer kept is left out."""
        first = max(0, utterance.first_sample - self._kept_from)
        end = max(first, utterance.end_sample - self._kept_from)
        sound = bytes(self._kept[first * SAMPLE_BYTES : end * SAMPLE_BYTES])
        return Audio(np.frombuffer(sound, np.int16), RATE_HZ)

    def _forget(self) -> None:
        oldest = max(self._endpointer.earliest_sample, self.samples_heard - MAX_BUFFER_SAMPLES)
        if (surplus := oldest - self._kept_from) > 0:
            del self._kept[: surplus * SAMPLE_BYTES]
            self._kept_from = oldest
