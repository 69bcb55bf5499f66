"""One caller's line: its sound kept for as long as an utterance may need it, and what was heard.

Owns the bounded audio buffer; decides nothing about turns.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from audio.fading import Fading
from audio.pcm import Audio, Samples
from audio.resampling import Resampler
from audio.voice_activity import RATE_HZ, SileroModel, VoiceActivity
from configs.schema import Listening
from conversation.endpointing import Endpointer, SpeechEvent, Thresholds
from conversation.events import SpeechEnded, SpeechResumed, SpeechStarted, Utterance
from conversation.push_to_talk import PushToTalk
from ingress.protocols.inputs import Listen

SAMPLE_BYTES = 2

MAX_BUFFER_S = 31.25
"""More than the longest utterance (28 s) and its preroll (2 s): 500 KB at 8 kHz."""


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
    """Takes audio at `rate_hz`, a multiple of 8 kHz, gives speech events, and the audio of their
    utterances at that rate. Samples are counted at 8 kHz, at which voices are told from noise."""

    def __init__(self, model: SileroModel, thresholds: Thresholds, rate_hz: int = RATE_HZ) -> None:
        self._activity, self._fading = VoiceActivity(model), Fading()
        self._endpointer = Endpointer(thresholds)
        self._by_hand: PushToTalk | None = None
        self.rate_hz, self._narrow = rate_hz, Resampler(rate_hz, RATE_HZ)
        self._bytes_a_sample = SAMPLE_BYTES * rate_hz // RATE_HZ
        self._kept = bytearray()  # int16, native order
        self._kept_from = 0  # the sample at which it begins
        self.samples_heard = 0

    def listen(self, how: Listen) -> Iterator[SpeechEvent]:
        """From now on hear so. What the caller is saying just now goes on, the other way: no pause
        in it is its end any more."""
        self._endpointer.listen(how.thresholds)
        if not how.by_hand:
            if self._by_hand and self._endpointer.talking:
                yield SpeechStarted(self._endpointer.earliest_sample)
            elif self._by_hand and self._by_hand.begun:
                yield self.commit()
            self._by_hand = None
        elif not self._by_hand:
            if self.talking:
                yield SpeechResumed(self.samples_heard)
            first = self._endpointer.earliest_sample if self.talking else self.samples_heard
            self._by_hand = PushToTalk(how.thresholds.max_utterance_s, first)

    def commit(self) -> SpeechEnded:
        """What was heard since the last utterance is one, and over."""
        if self._by_hand is None:
            return self._endpointer.commit()
        voice_end = self._endpointer.voice_end_sample
        return self._by_hand.commit(self.samples_heard, voice_end)

    def take_back(self) -> None:
        """Nothing of what was heard since the last utterance is to become one."""
        self._endpointer.forget()
        if self._by_hand:
            self._by_hand.take_back(self.samples_heard)

    @property
    def by_hand(self) -> bool:
        """Whether the caller's end cuts the utterances."""
        return self._by_hand is not None

    @property
    def talking(self) -> bool:
        return self._endpointer.talking

    @property
    def silent_ms(self) -> float:
        """How long the caller has not been voiced, while `talking`."""
        return self._endpointer.silent_ms

    @property
    def utterance_so_far(self) -> Utterance:
        return Utterance(self._first, self.samples_heard, self._endpointer.voice_end_sample)

    @property
    def _first(self) -> int:
        """No utterance still to come begins before this sample."""
        return self._by_hand.first_sample if self._by_hand else self._endpointer.earliest_sample

    def judge(self, utterance: Utterance, *, complete: bool) -> None:
        """See `Endpointer.judge`."""
        self._endpointer.judge(utterance, complete=complete)

    def push(self, audio: Audio) -> Iterator[SpeechEvent]:
        """Hear a piece of the line. Events must be dealt with as they come: the audio of an
        utterance is kept only until the next piece. Raises ValueError at another rate."""
        if audio.rate_hz != self.rate_hz:
            raise ValueError(f"audio at {audio.rate_hz} Hz; this line is at {self.rate_hz} Hz")
        self._kept += audio.samples.tobytes()
        for event in self._heard(self._narrow.push(audio.samples)):
            if self._by_hand is None:
                yield event
        if self._by_hand:
            voice_end = self._endpointer.voice_end_sample
            if piece := self._by_hand.push(self.samples_heard, voice_end):
                yield piece
        self._forget()

    def _heard(self, samples: Samples) -> Iterator[SpeechEvent]:
        self.samples_heard += len(samples)
        self._fading.push(samples)
        loud_until = self._fading.loud_until
        for probability in self._activity.push(samples):
            self._fading.judge(voiced=self._endpointer.voiced(probability))
            for event in self._endpointer.push(probability, loud_until):
                if isinstance(event, SpeechStarted):
                    self._fading.begin()
                yield event
        yield from self._endpointer.wait(self.samples_heard, loud_until)

    def audio_of(self, utterance: Utterance) -> Audio:
        """The utterance's sound, int16 at the line's rate; what is no longer kept is left out."""
        first = max(0, utterance.first_sample - self._kept_from)
        end = max(first, utterance.end_sample - self._kept_from)
        sound = bytes(self._kept[first * self._bytes_a_sample : end * self._bytes_a_sample])
        return Audio(np.frombuffer(sound, np.int16), self.rate_hz)

    def _forget(self) -> None:
        oldest = max(self._first, self.samples_heard - round(MAX_BUFFER_S * RATE_HZ))
        if (surplus := oldest - self._kept_from) > 0:
            del self._kept[: surplus * self._bytes_a_sample]
            self._kept_from = oldest
