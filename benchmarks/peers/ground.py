"""The ground that all bots share: which core each party has, the mocks, and processes' upkeep."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.recordings import ROOT
from benchmarks.running_stack import NoStack
from deployments.local_cluster import free_ports

START_WITHIN_S, STOP_WITHIN_S = 60.0, 10.0


@dataclass(frozen=True, slots=True)
class Cores:
    """The bot has a core for itself; the callers and the mocks share another where there are no
    more than two."""

    bot: int
    callers: int
    mocks: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """Raises NoStack with fewer than two."""
        found = sorted(os.sched_getaffinity(0))
        if len(found) < 2:
            raise NoStack("one core for the bot and one for the callers are needed; there is one")
        return cls(found[0], found[1], found[min(2, len(found) - 1)])


@dataclass(frozen=True, slots=True)
class Mocks:
    """The model servers. `base_url` is what an OpenAI client wants."""

    base_url: str

    def reset(self) -> None:
        httpx.get(f"{self.base_url}/reset", timeout=10, trust_env=False)

    def log(self) -> dict[str, Any]:
        return httpx.get(f"{self.base_url}/log", timeout=10, trust_env=False).json()


@contextmanager
def mocks(core: int) -> Generator[Mocks]:
    (port,) = free_ports(1)
    command = (sys.executable, "-m", "benchmarks.mocks", str(port))
    with process(command, port, core):
        yield Mocks(f"http://127.0.0.1:{port}/v1")


@contextmanager
def process(
    command: Sequence[str], port: int, core: int, log: Path | None = None
) -> Generator[psutil.Process]:
    """A server on one core, from its first answer on `port` to its end. Raises NoStack."""
    with (log or Path(os.devnull)).open("wb") as printed, on_core(core):
        child = subprocess.Popen(command, cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT)
    try:
        ends = time.monotonic() + START_WITHIN_S
        while not listens(port):
            if child.poll() is not None or time.monotonic() > ends:
                said = log.read_text(errors="replace")[-2_000:] if log else ""
                raise NoStack(f"{' '.join(command[:3])} … did not start:\n{said}")
            time.sleep(0.1)
        yield psutil.Process(child.pid)
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            child.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                child.wait(STOP_WITHIN_S)
                break


@contextmanager
def on_core(core: int) -> Generator[None]:
    """Whatever is started here inherits the core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def move(processes: Sequence[psutil.Process], core: int) -> None:
    """Every thread of running processes to one core."""
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            for thread in one.threads():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(thread.id, {core})


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """User and system time so far, of processes that live."""
    spent = 0.0
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            spent += times.user + times.system
    return spent


def busy_s(core: int) -> float:
    """Seconds that a core has not been idle so far, whoever had it, a hypervisor's guests too."""
    times = psutil.cpu_times(percpu=True)[core]
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def resident_mb(processes: Sequence[psutil.Process]) -> float:
    """Proportional set size: shared pages count by their share."""
    return sum(one.memory_full_info().pss for one in processes) / 1e6
