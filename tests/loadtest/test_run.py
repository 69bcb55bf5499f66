"""Searches and verdicts over calls that a model server answers: nobody waits for anything."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from loadtest.commands import verdict
from loadtest.noticed import Beat, Kind, Noticed, Own, Record, Trouble
from loadtest.progress import Progress, tables
from loadtest.run import Conditions, Run
from loadtest.step import Step


class ModelCrew:
    """A server whose first audio grows with the calls, with a limit, before a tester that is late
    from a number of calls on."""

    def __init__(self, *, busy_over: int = 10_000, late_over: int = 10_000) -> None:
        self.busy_over, self.late_over = busy_over, late_over

    async def hold(
        self, calls: int, ramp_s: float, duration_s: float, note: Any
    ) -> tuple[Step, Own]:
        def noted(record: Record) -> None:
            note(0, record)

        note(1, Beat(0.1, 3))
        noted(Beat(0.1, calls - 3))
        for second in range(20):
            noted(Noticed(0, ramp_s * calls + second, 20.0 * calls, stages_ms={"sent": 1.0}))
        if calls > self.busy_over:
            noted(Trouble(0, 1.0, Kind.REFUSED, "[busy]"))
        late_ms = [100] if calls <= self.late_over else [0] * 50 + [100]
        return Step(calls, ramp_s, duration_s, 0.0), Own(late_ms=late_ms)


def run_of(crew: ModelCrew, shown: StringIO, *, terminal: bool = False) -> Run:
    console = Console(file=shown, width=80, force_terminal=terminal, color_system=None)
    given: Any = crew
    return Run(given, Conditions(0.1, 10.0, slo_p95_ms=1_000.0), Progress(console, every_s=0))


@pytest.mark.parametrize(
    ("crew", "most", "capacity", "said"),
    [
        (ModelCrew(), 256, 50, "50 calls keep p95 ≤ 1,000 ms; 51 do not: p95 is 1,020 ms"),
        (ModelCrew(), 32, 32, "32 calls keep p95 ≤ 1,000 ms; --max-calls 32 ended the search"),
        (ModelCrew(busy_over=20), 256, 20, "21 do not: 1 refused"),
        (ModelCrew(busy_over=0), 256, 0, "no calls keep p95 ≤ 1,000 ms; 1 do not: 1 refused"),
        (ModelCrew(late_over=30), 256, 30, "The tester is the limit: a machine of its own"),
    ],
    ids=["slow", "ended", "busy", "none", "late"],
)
async def test_the_most_calls_are_found_and_what_sets_the_limit(
    crew: ModelCrew, most: int, capacity: int, said: str
) -> None:
    shown = StringIO()
    run = run_of(crew, shown)
    tried = await run.search(first=8, most=most, within_percent=0)
    assert max((calls for calls, good in tried.items() if good), default=0) == capacity
    assert said in verdict(run, tried, most)
    assert len(shown.getvalue().splitlines()) == len(tried)  # each probe is shown


async def test_the_terminal_shows_progress_and_then_tables() -> None:
    shown = StringIO()
    run = run_of(ModelCrew(busy_over=50), shown, terminal=True)
    assert await run.step(10) and not await run.step(60)
    for words in ("3 active", "10 active  0 turns", "20 turns  first audio p50 200 · p95 200 ms"):
        assert words in shown.getvalue()
    told = StringIO()
    console = Console(file=told, width=80)
    tables(console, run.results, [run.failings(result) for result in run.results])
    assert "refused: [busy]" in told.getvalue()
    rows = [line.split() for line in told.getvalue().splitlines()]
    assert ["10", "20", "200", "200", "200", "200", "0", "-", "0", "0", "1", "ok"] in rows
    assert ["60", "20", "1,200", "1,200", "1,200", "1,200", "0", "-", "0", "1", "1", "no"] in rows
    assert ["60", "1", "/", "1"] in rows
    assert all(len(line) <= 80 for line in told.getvalue().splitlines())
