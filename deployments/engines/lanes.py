"""The threads in which a model's passes run. Owns who is next; knows no model and no event loop
but the caller's."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

STUCK_S = 60.0
"""A pass that lasts longer hangs: our choice, 30 times the slowest pass seen on two laptop cores
(2 s, 20 s of speech by Kokoro)."""


class Lane:
    """Runs passes in `width` threads, first come first served.

    A caller that is cancelled while it waits leaves the queue and its pass never starts. A pass
    that runs cannot be aborted: it keeps its place until it ends, whoever waits for it.
    """

    def __init__(self, name: str, width: int = 1) -> None:
        self._threads = ThreadPoolExecutor(width, thread_name_prefix=name)
        self._name = name
        self._open: set[Future[Any]] = set()
        self._begun: dict[int, float] = {}

    @property
    def busy(self) -> bool:
        """Whether any pass runs or waits."""
        return bool(self._open)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns, run in a thread of this lane; raises what it raises."""
        job = self._threads.submit(self._timed, work)
        self._open.add(job)
        job.add_done_callback(self._open.discard)
        return await asyncio.wrap_future(job)

    async def idle(self) -> None:
        """Wait until no pass runs or waits."""
        while jobs := list(self._open):
            await _ended(jobs[-1])

    def _timed(self, work: Callable[[], T]) -> T:
        key = id(work)
        self._begun[key] = time.monotonic()
        try:
            return work()
        finally:
            del self._begun[key]

    def check(self, limit_s: float = STUCK_S) -> None:
        """Raises RuntimeError when a pass has run for more than `limit_s` seconds."""
        begun = min(self._begun.copy().values(), default=None)
        if begun is not None and (lasted_s := time.monotonic() - begun) > limit_s:
            raise RuntimeError(f"{self._name}: a pass has run for {lasted_s:.0f} s")

    def close(self) -> None:
        """Let no further pass start; a running one is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _ended(job: Future[Any]) -> None:
    """Wait for the job's end, whatever it is; cancelling the wait leaves the job alone."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    job.add_done_callback(lambda _: loop.call_soon_threadsafe(ended.set))
    await ended.wait()
