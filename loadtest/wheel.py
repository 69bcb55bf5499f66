"""One timer for all calls of a process: who sends its frame when. Owns no call.

A frame every 20 ms and call would be 6,400 timers a second for 128 calls. Here a circle of 20 ms
has ten slots; a call has one of them, and each slot is one wake-up for all of its calls.
"""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

FRAME_S = 0.02
SLOTS = 10

Tick = Callable[[float], None]
"""Called when a frame is due, with the time at which it was (`time.monotonic`)."""


class Wheel:
    """`pace` is how long a second of the lines takes: 1.0 is real time."""

    def __init__(self, pace: float = 1.0) -> None:
        self._slot_s = FRAME_S * pace / SLOTS
        self._began_s = time.monotonic()
        self._next = 0  # the slot that comes next, counted from the beginning
        self._ticks: list[dict[Tick, None]] = [{} for _ in range(SLOTS)]
        self._someone = asyncio.Event()

    @contextmanager
    def joined(self, tick: Tick) -> Generator[float]:
        """Gives when the call's line begins: its ticks are those due 20 ms later, and so on until
        leaving; one that is due before is not meant. Calls are spread over the slots."""
        fewest = min(map(len, self._ticks))
        number = int((time.monotonic() - self._began_s) / self._slot_s) + 1
        if any(self._ticks):
            number = max(self._next, number)
        while len(self._ticks[number % SLOTS]) > fewest:
            number += 1
        if not any(self._ticks):
            self._next = number
        ticks = self._ticks[number % SLOTS]
        ticks[tick] = None
        self._someone.set()
        try:
            yield self._due(number)
        finally:
            del ticks[tick]

    async def turn(self) -> None:
        """Tick until cancelled."""
        while True:
            if not any(self._ticks):
                self._someone.clear()
                await self._someone.wait()
            while not self._ticks[self._next % SLOTS]:
                self._next += 1
            due_s = self._due(self._next)
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            for tick in tuple(self._ticks[self._next % SLOTS]):
                tick(due_s)
            self._next += 1

    def _due(self, number: int) -> float:
        return self._began_s + number * self._slot_s
