"""One caller's line: its sound kept for as long as an utterance may need it, and what was heard.

Owns the bounded audio buffer; decides nothing about turns.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from audio.fading import Fading
from audio.pcm import Audio
from audio.voice_activity import RATE_HZ, SileroModel, VoiceActivity
from configs.schema import Listening
from conversation.endpointing import Endpointer, SpeechEvent, Thresholds
from conversation.events import SpeechStarted, Utterance

SAMPLE_BYTES = 2

MAX_BUFFER_SAMPLES = 250_000
"""500 KB: more than the longest utterance (28 s) and its preroll (2 s) at 8 kHz."""


def thresholds_of(listening: Listening) -> Thresholds:
    """A pause is told of even if no turn is prepared at it: a backchannel is known by it, and a
    model may be asked whether the sentence is complete."""
    end_of_turn = listening.end_of_turn
    pause_ms = listening.prepare_after_ms or min(Thresholds().pause_ms, listening.silence_ms)
    thresholds = Thresholds(
        listening.speech_threshold,
        listening.min_speech_ms,
        listening.silence_ms,
        listening.preroll_ms,
        listening.max_utterance_s,
        pause_ms,
        listening.interruption_ms,
    )
    if end_of_turn is None:
        return thresholds
    return replace(
        thresholds,
        complete_silence_ms=end_of_turn.complete_silence_ms,
        incomplete_silence_ms=end_of_turn.incomplete_silence_ms,
    )


class Hearing:
    """Takes audio at 8 kHz, gives speech events, and the audio of their utterances."""

    def __init__(self, model: SileroModel, thresholds: Thresholds) -> None:
        self._activity, self._fading = VoiceActivity(model), Fading()
        self._endpointer = Endpointer(thresholds)
        self._kept = bytearray()  # int16, native order
        self._kept_from = 0  # the sample at which it begins
        self.samples_heard = 0

    @property
    def talking(self) -> bool:
        return self._endpointer.talking

    @property
    def silent_ms(self) -> float:
        """How long the caller has not been voiced, while `talking`."""
        return self._endpointer.silent_ms

    @property
    def utterance_so_far(self) -> Utterance:
        first, voiced_until = self._endpointer.earliest_sample, self._endpointer.voice_end_sample
        return Utterance(first, self.samples_heard, voiced_until)

    def judge(self, utterance: Utterance, *, complete: bool) -> None:
        """See `Endpointer.judge`."""
        self._endpointer.judge(utterance, complete=complete)

    def push(self, audio: Audio) -> Iterator[SpeechEvent]:
        """Hear a piece of the line. Events must be dealt with as they come: the audio of an
        utterance is kept only until the next piece. Raises ValueError at another rate."""
        if audio.rate_hz != RATE_HZ:
            raise ValueError(f"audio at {audio.rate_hz} Hz; a line is heard at {RATE_HZ} Hz")
        self._kept += audio.samples.tobytes()
        self.samples_heard += len(audio.samples)
        self._fading.push(audio.samples)
        loud_until = self._fading.loud_until
        for probability in self._activity.push(audio.samples):
            self._fading.judge(voiced=self._endpointer.voiced(probability))
            for event in self._endpointer.push(probability, loud_until):
                if isinstance(event, SpeechStarted):
                    self._fading.begin()
                yield event
        yield from self._endpointer.wait(self.samples_heard, loud_until)
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
