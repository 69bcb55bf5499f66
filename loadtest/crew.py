"""The processes of a load test: starts them, shares out the calls of a step, gathers what they
notice. Apart from the process that draws the progress, so that drawing makes nobody late."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from loadtest.noticed import Beat, Kind, Noticed, Own, Record, Trouble
from loadtest.step import Load, Step

ROOT = Path(__file__).parent.parent
HEAD_START_S = 0.2
ENDS_WITHIN_S = 2.0
_LONGEST_LINE = 1 << 20


class WorkerLost(Exception):
    """A process of the tester ended before its step; the message says why, if it did."""


class Crew:
    """Started processes. Made by `crew`."""

    def __init__(self, workers: list[Process]) -> None:
        self.processes = workers

    async def hold(
        self, calls: int, ramp_s: float, duration_s: float, note: Callable[[int, Record], None]
    ) -> tuple[Step, Own]:
        """Hold a step; `note` is given the number of the process with each record. Raises
        WorkerLost."""
        step, own = Step(calls, ramp_s, duration_s, time.monotonic() + HEAD_START_S), Own()
        try:
            async with asyncio.TaskGroup() as tasks:
                for number, worker in enumerate(self.processes):
                    mine = range(number, calls, len(self.processes))
                    tasks.create_task(_share(number, worker, step, list(mine), note, own))
        except* WorkerLost as lost:
            raise WorkerLost(str(lost.exceptions[0])) from None
        return step, own


async def _share(
    number: int,
    worker: Process,
    step: Step,
    mine: list[int],
    note: Callable[[int, Record], None],
    own: Own,
) -> None:
    _tell(worker, {"step": asdict(step), "mine": mine})
    while True:
        match await _told(worker):
            case {"own": theirs}:
                return own.add(Own(**theirs))
            case told:
                note(number, _record(told))


@asynccontextmanager
async def crew(load: Load, processes: int) -> AsyncGenerator[Crew]:
    """Start the processes; none is left on leaving. Raises WorkerLost."""
    workers: list[Process] = []
    try:
        for _ in range(processes):
            command = (sys.executable, "-m", "loadtest.worker")
            worker = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, stdin=PIPE, stdout=PIPE, limit=_LONGEST_LINE
            )
            workers.append(worker)
            _tell(worker, asdict(load))
        for worker in workers:
            if "refused" in (told := await _told(worker)):
                raise WorkerLost(told["refused"])
        yield Crew(workers)
    finally:
        await _dismiss(workers)


async def _dismiss(workers: list[Process]) -> None:
    """Each ends by itself when nothing more will be asked of it; or is ended."""
    for worker in workers:
        assert worker.stdin
        worker.stdin.close()
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            for worker in workers:
                await worker.wait()
    except TimeoutError:
        for worker in workers:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()


def _tell(worker: Process, what: Any) -> None:
    assert worker.stdin
    worker.stdin.write(orjson.dumps(what) + b"\n")


async def _told(worker: Process) -> dict[str, Any]:
    assert worker.stdout
    if not (line := await worker.stdout.readline()):
        raise WorkerLost(f"a process of the load tester ended with {await worker.wait()}")
    return orjson.loads(line)


def _record(told: dict[str, Any]) -> Record:
    match told:
        case {"noticed": body}:
            return Noticed(**body)
        case {"beat": body}:
            return Beat(**body)
        case {"trouble": body}:
            body["kind"] = Kind(body["kind"])
            return Trouble(**body)
        case _:
            raise WorkerLost(f"a process of the load tester said {told}")
