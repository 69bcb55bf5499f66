"""Cut a line's voice probabilities into utterances. Time is counted in samples, not by a clock.

Owns neither sound nor model: it is told one probability per window of 32 ms, up to where the line
was loud, and at a pause, by whoever asked a model, whether the sentence seemed complete.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from conversation.events import (
    Paused,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    SpeechSustained,
    Utterance,
)

RATE_HZ = 8_000
WINDOW_SAMPLES = 256
"""Silero VAD's window at 8 kHz: 32 ms."""

HYSTERESIS = 0.15
"""Speech goes on down to threshold minus this, while it is loud: Silero VAD's `neg_threshold`."""

GAP_WINDOWS = 2
"""Unvoiced windows that end a beginning of speech: a stop consonant is shorter."""

RESUMED_WINDOWS = 2
"""Voiced windows that end a pause. A single one is a click on the line: no word is that short."""

TAIL_MS = 200
"""Silence left at an utterance's end, so that its last consonant is whole."""

SpeechEvent = SpeechStarted | Paused | SpeechResumed | SpeechSustained | SpeechEnded


@dataclass(frozen=True, slots=True)
class Thresholds:
    """As `configs.schema.Listening`, which documents them. `pause_ms` is the silence after which a
    pause is told of."""

    speech_threshold: float = 0.5
    min_speech_ms: int = 120
    silence_ms: int = 500
    preroll_ms: int = 320
    max_utterance_s: float = 25
    pause_ms: int = 120
    interruption_ms: int = 800
    complete_silence_ms: int = 200
    incomplete_silence_ms: int = 1_200


def samples_in(ms: float) -> int:
    return int(ms * RATE_HZ / 1_000)


class Endpointer:
    """One caller's line. `push` is told a window's probability and tells what it means."""

    __slots__ = (
        "_end_after_ms",
        "_first",
        "_limits",
        "_line",
        "_now",
        "_paused",
        "_run",
        "_start",
        "_sustained",
        "_voice_end",
        "_voiced",
        "talking",
    )

    def __init__(self, thresholds: Thresholds) -> None:
        self._limits = thresholds
        self.talking = False
        self._now = 0  # samples in whole windows
        self._line = 0  # samples heard, of a window that is not whole too
        self._start = 0  # where the voice began
        self._first = 0  # where the utterance begins: before the voice, after the last utterance
        self._voice_end = 0  # end of the last voice
        self._voiced = 0  # voiced samples since the speech began or was resumed
        self._sustained = False  # told already
        self._paused = False
        self._run = 0  # voiced windows in a row within a pause
        self._end_after_ms = thresholds.silence_ms

    @property
    def earliest_sample(self) -> int:
        """No utterance still to come begins before this sample."""
        if self.talking:
            return self._first
        back = samples_in(self._limits.preroll_ms + self._limits.min_speech_ms + 500)
        return max(self._first, self._now - back)

    def listen(self, thresholds: Thresholds) -> None:
        """Cut by these from now on."""
        self._limits = thresholds

    def forget(self) -> None:
        """Nothing of what was heard so far belongs to an utterance."""
        self.talking = self._paused = False
        self._first = self._start = self._line

    def commit(self) -> SpeechEnded:
        """The utterance is over, whatever the silence."""
        self._first = self.earliest_sample
        self.talking = self._paused = False
        silent_ms = self.silent_ms if self._voice_end > self._first else 0.0
        ended = self._cut(max(self._line, self._first + WINDOW_SAMPLES), complete=True)
        self._start = self._line
        return replace(ended, by_hand=True, silence_ms=silent_ms)

    @property
    def voice_end_sample(self) -> int:
        """Behind the last voice."""
        return self._voice_end

    @property
    def silent_ms(self) -> float:
        """How long the caller has not been voiced, while `talking`."""
        return (self._line - self._voice_end) * 1_000 / RATE_HZ

    def judge(self, utterance: Utterance, *, complete: bool) -> None:
        """The utterance of a `Paused` is, or is not, a whole sentence: wait shorter or longer for
        its end. Without effect once that pause is over."""
        if self._paused and utterance.voice_end_sample == self._voice_end:
            limits = self._limits
            waits_ms = limits.complete_silence_ms if complete else limits.incomplete_silence_ms
            self._end_after_ms = waits_ms

    def voiced(self, probability: float) -> bool:
        """Whether the model's probability means voice, now."""
        floor = self._limits.speech_threshold - (HYSTERESIS if self.talking else 0)
        return probability >= floor

    def push(self, probability: float, loud_until: int | None = None) -> Iterator[SpeechEvent]:
        """The next window. Speech begins with voice by the model; from then on a window has voice
        if the model says so and the line was loud in it. `loud_until` is the sample behind the
        line's last sound, None for all of it (`audio.fading`)."""
        self._now += WINDOW_SAMPLES
        self._line = self._now
        voiced = self.voiced(probability)
        if not self.talking:
            if voiced and self._begins():
                yield SpeechStarted(self._start)
            return
        loud_until = self._now if loud_until is None else min(loud_until, self._now)
        if voiced and loud_until > self._now - WINDOW_SAMPLES:
            yield from self._on_voice(loud_until)
        else:
            self._run = 0
            yield from self._on_silence()
        if self.talking and self._now - self._first >= self._limits.max_utterance_s * RATE_HZ:
            yield self._cut(self._now, complete=False)

    def wait(self, heard: int, loud_until: int) -> Iterator[SpeechEvent]:
        """The line is at sample `heard`, within a window. Silence need not wait for its end."""
        self._line = max(heard, self._line)
        if self.talking and not self._run and loud_until <= self._now:
            yield from self._on_silence()

    def _begins(self) -> bool:
        """A voiced window while nobody spoke: whether it makes speech."""
        limits = self._limits
        if self._now - self._voice_end > GAP_WINDOWS * WINDOW_SAMPLES:
            self._start = self._now - WINDOW_SAMPLES
        self._voice_end = self._now
        if self._now - self._start < samples_in(limits.min_speech_ms):
            return False
        self.talking, self._paused, self._sustained = True, False, False
        self._voiced = self._now - self._start
        self._first = max(self._first, self._start - samples_in(limits.preroll_ms), 0)
        return True

    def _on_voice(self, loud_until: int) -> Iterator[SpeechEvent]:
        if self._paused:
            self._run += 1
            if self._run < RESUMED_WINDOWS:
                return
            self._paused = self._sustained = False
            self._voiced = (RESUMED_WINDOWS - 1) * WINDOW_SAMPLES
            yield SpeechResumed(self._now - RESUMED_WINDOWS * WINDOW_SAMPLES)
        self._voice_end = loud_until
        self._voiced += WINDOW_SAMPLES
        if self._voiced >= samples_in(self._limits.interruption_ms) and not self._sustained:
            self._sustained = True
            yield SpeechSustained()

    def _on_silence(self) -> Iterator[SpeechEvent]:
        limits, silent_ms = self._limits, self.silent_ms
        if not self._paused and silent_ms >= limits.pause_ms:
            self._paused, self._end_after_ms = True, limits.silence_ms
            yield Paused(self._utterance())
        if silent_ms >= (self._end_after_ms if self._paused else limits.silence_ms):
            self.talking = self._paused = False
            yield self._cut(self._utterance().end_sample, complete=True)
            self._start = self._line

    def _utterance(self) -> Utterance:
        end = max(self._voice_end + samples_in(TAIL_MS), self._first + WINDOW_SAMPLES)
        return Utterance(self._first, min(end, self._line), self._voice_end)

    def _cut(self, end: int, *, complete: bool) -> SpeechEnded:
        utterance = Utterance(self._first, end, min(self._voice_end, end))
        self._first = end
        return SpeechEnded(utterance, complete, self.silent_ms)
