"""The way between caller and server when it is a bad one. Owns no socket."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Network:
    """`jitter_ms`: everything is late by a random time of up to so much, in order, both ways.
    `loss_percent`: of the caller's frames so many are never sent. The same `seed` gives the
    same losses."""

    jitter_ms: float = 0.0
    loss_percent: float = 0.0
    seed: int | None = None

    def loses(self, chance: random.Random) -> bool:
        return bool(self.loss_percent) and chance.random() * 100 < self.loss_percent


class Delays:
    """One direction of one call: nothing overtakes anything."""

    def __init__(self, longest_s: float, chance: random.Random) -> None:
        self._longest_s, self._chance = longest_s, chance
        self._loop = asyncio.get_running_loop()
        self._last_s = 0.0

    def pass_on(self, act: Callable[[], None]) -> None:
        """Do it after a while."""
        due_s = self._loop.time() + self._chance.uniform(0, self._longest_s)
        self._last_s = max(self._last_s + 1e-6, due_s)  # equal times have no order
        self._loop.call_at(self._last_s, act)
