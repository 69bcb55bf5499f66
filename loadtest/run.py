"""The commands `run` and `capacity`: steps one after the other, shown, judged and written down."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from loadtest.capacity import next_probe
from loadtest.crew import Crew
from loadtest.noticed import Record
from loadtest.summary import StepResult, failings, summed


@dataclass(frozen=True, slots=True)
class Conditions:
    """What makes a step good enough, and how long it is. Times in seconds, `slo_p95_ms` of first
    audio."""

    ramp_s: float
    duration_s: float
    slo_p95_ms: float | None = None
    allow_late: bool = False


class Shown(Protocol):
    """Where the progress is seen."""

    def begins(self, calls: int, longest_s: float) -> None: ...
    def note(self, process: int, record: Record) -> None: ...
    def ends(self, result: StepResult, failings: list[str]) -> None: ...


@dataclass(slots=True)
class Run:
    """Steps under the same conditions, and what became of them."""

    crew: Crew
    conditions: Conditions
    shown: Shown
    results: list[StepResult] = field(default_factory=list[StepResult])
    _began_s: float = field(default_factory=time.monotonic)

    async def step(self, calls: int) -> bool:
        """Whether it is good enough. Raises WorkerLost."""
        given, records = self.conditions, list[tuple[int, Record]]()

        def note(process: int, record: Record) -> None:
            records.append((process, record))
            self.shown.note(process, record)

        self.shown.begins(calls, (calls - 1) * given.ramp_s + given.duration_s)
        step, own = await self.crew.hold(calls, given.ramp_s, given.duration_s, note)
        result = summed(step, step.begins_s - self._began_s, records, own)
        self.results.append(result)
        why = self.failings(result)
        self.shown.ends(result, why)
        return not why

    def failings(self, result: StepResult) -> list[str]:
        return failings(result, self.conditions.slo_p95_ms, allow_late=self.conditions.allow_late)

    async def search(self, *, first: int, most: int, within_percent: float) -> dict[int, bool]:
        """Which numbers of calls kept the objective, of those that had to be tried. Raises
        WorkerLost."""
        tried: dict[int, bool] = {}
        while calls := next_probe(tried, first=first, most=most, within_percent=within_percent):
            tried[calls] = await self.step(calls)
        return tried
