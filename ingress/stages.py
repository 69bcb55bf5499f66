"""When each stage of a turn was done, after the caller's last speech sample. Owns no clock."""

from typing import Literal

Stage = Literal["endpoint", "transcript", "first_token", "first_phrase", "first_audio", "sent"]


class Stages:
    """One turn's times. A stage's time is that of its first occurrence; those of a turn that is
    prepared come before its endpoint."""

    def __init__(self) -> None:
        self._voice_end_s: float | None = None
        self._at_s: dict[Stage, float] = {}
        self._next: tuple[float, float] | None = None

    def begin_next(self, now_s: float, silence_ms: float) -> None:
        """As `begin`, should the utterance turn out to interrupt the turn that is running."""
        self._next = now_s, silence_ms

    def begin_no_more(self) -> None:
        """It did not."""
        self._next = None

    def begin_anew(self) -> None:
        """The turn goes on with a further utterance: the times count from that one's end."""
        self.forget()
        self._voice_end_s = None
        if self._next:
            self.begin(*self._next)
            self._next = None

    def begin(self, now_s: float, silence_ms: float) -> None:
        """The endpoint came at `now_s`, `silence_ms` after the caller's last speech sample. What
        was reached before that sample belongs to no turn."""
        self._voice_end_s = now_s - silence_ms / 1_000
        kept: dict[Stage, float] = {s: at for s, at in self._at_s.items() if at > self._voice_end_s}
        kept["endpoint"] = now_s
        self._at_s = kept

    def reached(self, stage: Stage, now_s: float) -> None:
        self._at_s.setdefault(stage, now_s)

    def forget(self) -> None:
        """What was prepared was for nothing."""
        self._at_s = {}

    def finish(self) -> dict[str, float]:
        """Each stage's milliseconds, in order of time; empty when the caller's speech was not the
        cause. The next turn begins empty."""
        began_s, at_s = self._voice_end_s, self._at_s
        self._voice_end_s, self._at_s = None, {}
        if self._next:
            self.begin(*self._next)
            self._next = None
        if began_s is None:
            return {}
        in_order = sorted(at_s.items(), key=lambda item: item[1])
        return {stage: round((at - began_s) * 1_000, 1) for stage, at in in_order}
