"""When each stage of a turn was done, after the caller's last speech sample, or after the request
for a reply where nothing was said. Owns no clock."""

from typing import Literal

Stage = Literal["endpoint", "transcript", "first_token", "first_phrase", "first_audio", "sent"]


class Stages:
    """One turn's times. A stage's time is that of its first occurrence; those of a turn that is
    prepared come before its endpoint."""

    def __init__(self) -> None:
        self._voice_end_s: float | None = None
        self._at_s: dict[Stage, float] = {}
        self._next: tuple[float, float] | None = None
        self._silent_s: float | None = None

    def silent(self, now_s: float, silence_ms: float) -> None:
        """The caller pauses. Whatever comes late of what follows, the voice ended no later."""
        self._silent_s = now_s - silence_ms / 1_000

    def voiced(self) -> None:
        """The caller speaks, or goes on: what a pause before it led to belongs to no turn."""
        self._silent_s = None
        if self._voice_end_s is None:
            self.forget()

    def begin_next(self, now_s: float, silence_ms: float) -> None:
        """As `begin`, should the utterance turn out to interrupt the turn that is running."""
        self._next = now_s, self._ended_s(now_s, silence_ms)

    def begin_no_more(self) -> None:
        """It did not."""
        self._next = None

    def begin_anew(self) -> None:
        """The turn goes on with a further utterance: the times count from that one's end."""
        self.forget()
        self._voice_end_s = None
        if self._next:
            self._begin(*self._next)

    def begin(self, now_s: float, silence_ms: float) -> None:
        """The endpoint came at `now_s`, `silence_ms` after the caller's last speech sample, or
        later where the line was late. What was reached before that sample belongs to no turn."""
        self._begin(now_s, self._ended_s(now_s, silence_ms))

    def _begin(self, now_s: float, voice_end_s: float) -> None:
        kept: dict[Stage, float] = {s: at for s, at in self._at_s.items() if at > voice_end_s}
        kept["endpoint"] = now_s
        self._voice_end_s, self._at_s, self._next = voice_end_s, kept, None

    def _ended_s(self, now_s: float, silence_ms: float) -> float:
        silent_s, self._silent_s = self._silent_s, None
        ended_s = now_s - silence_ms / 1_000
        return ended_s if silent_s is None else min(ended_s, silent_s)

    def begin_asked(self, now_s: float) -> None:
        """A reply is asked for without an utterance: its times count from here."""
        if self._voice_end_s is None:
            self._voice_end_s, self._at_s = now_s, {}

    def reached(self, stage: Stage, now_s: float) -> None:
        self._at_s.setdefault(stage, now_s)

    def forget(self) -> None:
        """What was prepared was for nothing."""
        self._at_s = {}

    def finish(self) -> dict[str, float]:
        """Each stage's milliseconds, in order of time; empty when neither the caller's speech nor a
        request was the cause. The next turn begins empty."""
        began_s, at_s = self._voice_end_s, self._at_s
        self._voice_end_s, self._at_s = None, {}
        if self._next:
            self._begin(*self._next)
        if began_s is None:
            return {}
        in_order = sorted(at_s.items(), key=lambda item: item[1])
        return {stage: round((at - began_s) * 1_000, 1) for stage, at in in_order}
