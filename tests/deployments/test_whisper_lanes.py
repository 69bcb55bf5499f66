"""Who is next in a model's thread."""

import asyncio
import threading
import time

import pytest

from deployments.engines.lanes import Lane


class Gate:
    """A pass that says when it runs and ends when it is let."""

    def __init__(self) -> None:
        self.runs, self.may_end = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.runs.set()
        assert self.may_end.wait(10)
        return "done"


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.may_end.set()


async def test_first_come_first_served(gate: Gate) -> None:
    lane, order = Lane("test"), []
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(lane.run(gate))
        await asyncio.to_thread(gate.runs.wait)
        for n in range(5):
            tasks.create_task(lane.run(lambda n=n: order.append(n)))
        await asyncio.sleep(0)
        assert lane.busy and not order
        gate.may_end.set()
    assert first.result() == "done"
    assert order == [0, 1, 2, 3, 4]
    assert not lane.busy


async def test_a_cancelled_caller_leaves_the_queue(gate: Gate) -> None:
    lane, begun = Lane("test"), []
    running = asyncio.create_task(lane.run(gate))
    await asyncio.to_thread(gate.runs.wait)
    waiting = asyncio.create_task(lane.run(lambda: begun.append("waiting")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.may_end.set()
    await running
    await lane.run(lambda: begun.append("later"))
    assert begun == ["later"]


async def test_a_running_pass_keeps_its_place_when_its_caller_goes(gate: Gate) -> None:
    lane, begun = Lane("test"), []
    running = asyncio.create_task(lane.run(gate))
    await asyncio.to_thread(gate.runs.wait)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    following = asyncio.create_task(lane.run(lambda: begun.append(gate.may_end.is_set())))
    await asyncio.sleep(0)
    assert lane.busy and not begun
    gate.may_end.set()
    await following
    assert begun == [True]


async def test_errors_reach_the_caller_and_free_the_lane() -> None:
    lane = Lane("test")
    with pytest.raises(ZeroDivisionError):
        await lane.run(lambda: 1 // 0)
    assert await lane.run(lambda: 2) == 2
    assert not lane.busy


async def test_a_hanging_pass_is_found(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    lane = Lane("whisper-final")
    lane.check()
    running = asyncio.create_task(lane.run(gate))
    await asyncio.to_thread(gate.runs.wait)
    lane.check()
    late = time.monotonic() + 100
    monkeypatch.setattr("deployments.engines.lanes.time.monotonic", lambda: late)
    with pytest.raises(RuntimeError, match=r"whisper-final: a pass has run for 100 s|99 s"):
        lane.check()
    monkeypatch.undo()
    gate.may_end.set()
    await running
    lane.check()
