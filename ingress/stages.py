"""When each stage of a turn was done, after the caller's last speech sample. Owns no clock."""

from typing import Literal

Stage = Literal["endpoint", "transcript", "first_token", "first_phrase", "first_audio", "sent"]


class Stages:
    """One turn's times in milliseconds. A stage's time is that of its first occurrence."""

    def __init__(self) -> None:
        self._spoken_s: float | None = None
        self.ms: dict[str, float] = {}

    def begin(self, now_s: float, silence_ms: float) -> None:
        """The endpoint came at `now_s`, `silence_ms` after the caller's last speech sample."""
        self._spoken_s = now_s - silence_ms / 1_000
        self.ms = {"endpoint": round(silence_ms, 1)}

    def reached(self, stage: Stage, now_s: float) -> None:
        if self._spoken_s is not None and stage not in self.ms:
            self.ms[stage] = round((now_s - self._spoken_s) * 1_000, 1)

    def finish(self) -> dict[str, float]:
        """The times so far; the next turn begins empty."""
        done, self.ms, self._spoken_s = self.ms, {}, None
        return done
