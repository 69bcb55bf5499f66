"""`memory`: do calls leave anything behind in the ingress, and what does an open one take?"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import yaml

from benchmarks.call_state import buffer_bytes, bytes_by_file
from benchmarks.calling import hold_call
from benchmarks.progress import Told
from benchmarks.recordings import ROOT, Recording, questions
from benchmarks.report import Detail, Figure, Report
from benchmarks.running_stack import NoStack, RunningStack
from configs.schema import Stack
from ingress import hearing

SCRIPTED = ROOT / "configs" / "scripted.yaml"
MIB, KB = 2**20, 1_000
GROWTH_MIB, STATE_KB, BUFFER_KB = 50.0, 50.0, 500.0
KEPT_SOCKETS = 2
"""HAProxy keeps connections for the next requests: a few at any time, none a call."""
SETTLED_WITHIN_S = 30.0
HOUSEKEEPING_S = 3.0
"""The ingress gives freed memory back within 2 s of the last call's end (`ingress.app`)."""
COUNTED_TURNS, COUNTED_CALLS = 20, 50


@dataclass(frozen=True, slots=True)
class Left:
    """What the ingress replica holds at one moment."""

    moment: str
    rss_mib: float
    sockets: int
    tasks: int
    active_calls: int


async def memory(stack: RunningStack, count: int, tell: Told) -> Report:
    """`count` calls of one turn one after the other, then as many at once, all open together, and
    once more, which tells a leak from memory that is kept for reuse. The line's clock runs as fast
    as the server takes frames. Raises CallRefused, NoStack."""
    said, moments = questions()[0], list[Left]()
    ingress = _ingress(stack)

    async def look(moment: str, calls: int = 0) -> None:
        moments.append(await _settled(stack.url, ingress, moment, calls))

    await look("before any call")
    errors = (await hold_call(stack.url, [said], pace=0)).errors
    await look("after the first call")
    for number in range(count):
        errors += (await hold_call(stack.url, [said], pace=0)).errors
        tell(f"call {number + 1} of {count}")
    await look(f"after {count} more, one after the other")
    errors += await _at_once(
        stack.url, said, count, lambda: look(f"{count} open at once", count), tell
    )
    await look(f"after {count} at once")
    errors += await _at_once(stack.url, said, count, lambda: asyncio.sleep(0), tell)
    await look(f"after {count} more at once")
    tell("one call's state, in this process")
    states, files = await _state(said)
    figures = [*_left(moments, count), *states, Figure("errors", len(errors), at_most=0)]
    return Report("memory", figures, [_detail(moments), files], errors)


def _ingress(stack: RunningStack) -> psutil.Process:
    found = stack.replicas("Ingress")
    if len(found) != 1:
        raise NoStack(
            f"{len(found)} ingress replicas behind {stack.url} on this machine; it takes one"
        )
    return found[0]


async def _at_once(
    url: str, said: Recording, count: int, look: Callable[[], Awaitable[None]], tell: Told
) -> list[str]:
    """All calls have talked before the first hangs up; meanwhile `look` looks. Gives the calls'
    errors."""
    talked = asyncio.Barrier(count + 1)

    async def stay() -> None:
        tell("talked")
        await talked.wait()
        await talked.wait()

    async def watch() -> None:
        await talked.wait()
        await look()
        await talked.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        work = [
            tasks.create_task(hold_call(url, [said], pace=0, before_hanging_up=stay))
            for _ in range(count)
        ]
    return [error for task in work for error in task.result().errors]


async def _settled(url: str, ingress: psutil.Process, moment: str, calls: int) -> Left:
    """When as many calls are open as should be, and the tasks no longer become fewer."""
    ends, tasks = time.monotonic() + SETTLED_WITHIN_S, -1
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        while True:
            health = (await client.get(f"{url}/health")).json()
            quiet = health["active_calls"] == calls and health["tasks"] == tasks
            if quiet or time.monotonic() > ends:
                break
            tasks = health["tasks"]
            await asyncio.sleep(1)
    await asyncio.sleep(HOUSEKEEPING_S)
    sockets = [one for one in ingress.net_connections() if one.status == "ESTABLISHED"]
    rss_mib = ingress.memory_info().rss / MIB
    return Left(moment, rss_mib, len(sockets), health["tasks"], health["active_calls"])


def _left(moments: list[Left], count: int) -> list[Figure]:
    _, first, sequence, together, burst, again = moments
    return [
        Figure(
            f"growth after {count} calls one after the other",
            sequence.rss_mib - first.rss_mib,
            "MiB",
            at_most=GROWTH_MIB,
        ),
        Figure(
            f"growth after {count} calls at once",
            burst.rss_mib - first.rss_mib,
            "MiB",
            at_most=GROWTH_MIB,
        ),
        Figure(f"growth by {count} more at once", again.rss_mib - burst.rss_mib, "MiB"),
        Figure("calls open at once", together.active_calls, at_least=count),
        Figure("calls left", again.active_calls, at_most=0),
        Figure("tasks left", again.tasks - first.tasks, at_most=0),
        Figure("sockets left", again.sockets - first.sockets, at_most=KEPT_SOCKETS),
        Figure(
            "all memory of the ingress per open call",
            (together.rss_mib - sequence.rss_mib) * MIB / count / KB,
            "KB",
        ),
    ]


async def _state(said: Recording) -> tuple[list[Figure], Detail]:
    config = yaml.safe_load(SCRIPTED.read_text())
    stack = Stack.model_validate(config["applications"][0]["args"])
    files = await bytes_by_file(stack, said, COUNTED_TURNS, COUNTED_CALLS)
    buffer = files.pop(hearing.__file__, 0.0)
    state_kb = sum(files.values()) / KB
    buffer_kb = buffer_bytes(said) / KB
    name = f"conversation state per call after {COUNTED_TURNS} turns"
    figures = [
        Figure(name, state_kb, "KB", at_most=STATE_KB),
        Figure("audio buffer of a silent line", buffer / KB, "KB"),
        Figure("audio buffer at its largest", buffer_kb, "KB", at_most=BUFFER_KB),
    ]
    largest = [(_short(name), size / KB) for name, size in files.items()][:8]
    return figures, Detail("conversation state, by who allocated it", ("file", "KB"), largest)


def _short(filename: str) -> str:
    return "/".join(Path(filename).parts[-2:])


def _detail(moments: list[Left]) -> Detail:
    columns = ("ingress replica", "RSS, MiB", "sockets", "tasks", "calls")
    rows = [(m.moment, m.rss_mib, m.sockets, m.tasks, m.active_calls) for m in moments]
    return Detail("what the ingress holds", columns, rows)
