"""When a partial transcript of what the caller is saying is due. Owns no model and no task."""

from audio.voice_activity import RATE_HZ
from conversation.events import Utterance
from ingress.hearing import Hearing

COVERS_MS = 64
"""Silence behind the voice with which a partial is as good as a final transcript. What is 35 dB
under the voice counts as silence (`audio.fading`), so an unvoiced last consonant is before it."""

UNJUDGED_MS = 36
"""So short after the last voice nothing is known to be silent: a window of voice activity is judged
when it is whole (32 ms), and a resampler holds back some samples."""


class Partials:
    """At most one in flight a call; one that comes late is skipped, never queued. Besides the
    regular ones there is one at each pause, which covers the speech if that was its end."""

    def __init__(self, hearing: Hearing, every_ms: int) -> None:
        self._hearing = hearing
        self._every_samples = every_ms * RATE_HZ // 1_000
        self._last = Utterance(0, 0, 0)

    def due(self, *, in_flight: bool) -> Utterance | None:
        """What to transcribe now, while the caller speaks, if anything."""
        now = self._hearing.utterance_so_far
        if self._last.first_sample != now.first_sample:  # a new utterance has begun
            self._last = Utterance(now.first_sample, now.end_sample, now.first_sample)
        late_enough = now.end_sample - self._last.end_sample >= self._every_samples
        if self._hearing.silent_ms > UNJUDGED_MS:
            late_enough = self._hearing.silent_ms >= COVERS_MS and not covers(self._last, now)
        if not self._every_samples or in_flight or not late_enough:
            return None
        self._last = now
        return now

    def asked(self, utterance: Utterance) -> None:
        """A whole transcript has been asked for: no partial of the same words."""
        first, voiced_until = utterance.first_sample, utterance.voice_end_sample
        self._last = Utterance(first, self._hearing.samples_heard, voiced_until)


def covers(partial: Utterance, utterance: Utterance) -> bool:
    """Whether a partial transcript of the one has all the words of the other."""
    same = partial.first_sample <= utterance.first_sample
    behind = partial.end_sample - utterance.voice_end_sample
    return same and behind >= COVERS_MS * RATE_HZ // 1_000
