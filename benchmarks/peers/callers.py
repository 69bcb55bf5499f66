"""Many callers at once on one timer wheel, in this process. Owns the sockets and the clock, and
counts its own lateness: a run whose callers were late does not count."""

import asyncio
import gc
import time
from array import array
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np

from benchmarks.peers.caller import FRAME_S, Caller, Plan, Turn
from benchmarks.peers.line import Line, LineError

SLOTS = 10
"""Of 2 ms each: callers are not in step, and neither are the calls of a real trunk."""

STEP_S = FRAME_S / SLOTS
LATE_MS = 20.0
"""As in `docs/performance.md`: a caller that is a whole frame late measures itself."""


now_s = time.monotonic
"""All processes of a machine share it; uvloop's own time is whole milliseconds."""


@dataclass(frozen=True, slots=True)
class Held:
    """What came of a run: each caller's turns, the callers' own lateness (99th percentile), and
    why sockets closed."""

    calls: tuple[tuple[Turn, ...], ...]
    late_ms: float
    faults: tuple[str, ...]
    seconds: float

    @property
    def counts(self) -> bool:
        return self.late_ms <= LATE_MS

    def waits_ms(self, skip: int = 1) -> list[float]:
        """First audio of each turn but the first `skip` of each call (calls that are still
        joining); infinite where no answer came."""
        return [
            1_000 * (turn.answered - turn.spoke_until)
            if turn.answered is not None and turn.spoke_until is not None
            else float("inf")
            for turns in self.calls
            for turn in turns[skip:]
        ]


class Wheel:
    """Ticks every caller once in 20 ms, each in its slot."""

    def __init__(self) -> None:
        self._slots: list[dict[Caller, asyncio.Event]] = [{} for _ in range(SLOTS)]
        self._late_s: array[float] = array("d")
        self._joined = 0

    def join(self, caller: Caller, over: asyncio.Event) -> None:
        """`over` is set when the caller is done; it ticks on until it leaves."""
        self._slots[self._joined % SLOTS][caller] = over
        self._joined += 1

    def leave(self, caller: Caller) -> None:
        for slot in self._slots:
            slot.pop(caller, None)

    @property
    def late_ms(self) -> float:
        return float(np.percentile(np.array(self._late_s), 99)) * 1_000 if self._late_s else 0.0

    async def turn(self) -> None:
        """For ever."""
        began, number = now_s(), 0
        while True:
            due = began + number * STEP_S
            if (ahead_s := due - now_s()) > 0:
                await asyncio.sleep(ahead_s)
            elif not number % SLOTS:
                await asyncio.sleep(0)
            now = now_s()
            for caller, over in self._slots[number % SLOTS].items():
                caller.tick(now)
                self._late_s.append(now - due)
                if caller.done:
                    over.set()
            number += 1


async def hold_calls(
    url: str,
    plan: Plan,
    count: int,
    spread_s: float,
    *,
    while_open: Callable[[], Awaitable[None]] | None = None,
) -> Held:
    """Hold `count` calls, which begin evenly over `spread_s`; `while_open` is awaited when all have
    had their turns and are still open."""
    wheel, all_done = Wheel(), asyncio.Barrier(count + 1)
    began = now_s()
    with uncollected():
        async with asyncio.TaskGroup() as tasks:
            turning = tasks.create_task(wheel.turn())
            calls = [
                tasks.create_task(_call(url, plan, number, wheel, all_done, spread_s / count))
                for number in range(count)
            ]
            await all_done.wait()
            seconds = now_s() - began
            if while_open:
                await while_open()
            await all_done.wait()
            turning.cancel()
    ended = [call.result() for call in calls]
    faults = tuple(fault for _, fault in ended if fault)
    return Held(tuple(turns for turns, _ in ended), wheel.late_ms, faults, seconds)


@contextmanager
def uncollected() -> Generator[None]:
    """Without pauses of the garbage collector, which would be lateness of our own."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


async def _call(
    url: str, plan: Plan, number: int, wheel: Wheel, all_done: asyncio.Barrier, spacing_s: float
) -> tuple[tuple[Turn, ...], str | None]:
    """One caller from dialling to hanging up: its turns, and what went wrong."""
    where, over = urlsplit(url), asyncio.Event()
    await asyncio.sleep(number * spacing_s)

    def hear(message: bytes) -> None:
        caller.hear(message, now_s())

    line = Line(where.hostname or "", where.path, hear, over)
    caller = Caller(plan, line.send, number)
    try:
        await line.open(where.port or 80)
        caller.start(now_s())
        wheel.join(caller, over)
        await over.wait()
    except (OSError, TimeoutError, LineError) as error:
        line.failed = line.failed or repr(error)
    await all_done.wait()
    await all_done.wait()
    wheel.leave(caller)
    line.leave()
    return _all_turns(caller, plan), line.failed


def _all_turns(caller: Caller, plan: Plan) -> tuple[Turn, ...]:
    """With those that a closed line has kept from being spoken, as unanswered."""
    missing = plan.turns - len(caller.turns)
    return (*caller.turns, *(Turn(0.0) for _ in range(missing)))
