"""When a partial transcript of what the caller is saying is due. Owns no model and no task."""

from audio.voice_activity import RATE_HZ
from conversation.events import Utterance
from ingress.hearing import Hearing


class Partials:
    """At most one in flight a call; one that comes late is skipped, never queued."""

    def __init__(self, hearing: Hearing, every_ms: int) -> None:
        self._hearing = hearing
        self._every_samples = every_ms * RATE_HZ // 1_000
        self._last_sample = 0

    def due(self, *, in_flight: bool) -> Utterance | None:
        """What to transcribe now, if anything."""
        heard = self._hearing.samples_heard
        if not self._hearing.talking:
            self._last_sample = heard
            return None
        late_enough = heard - self._last_sample >= self._every_samples
        if not self._every_samples or in_flight or not late_enough:
            return None
        self._last_sample = heard
        return self._hearing.utterance_so_far
