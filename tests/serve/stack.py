"""A stack as a user starts it: `python -m deployments CONFIG`, on ports of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import coverage
import httpx
import psutil

from deployments.local_cluster import free_ports

ROOT = Path(__file__).parents[2]
START_WITHIN_S = 480
STOP_WITHIN_S = 40
"""Twelve were seen beside three busy processes; who waits for Ray waits a minute, or for ever."""

NOT_YET = (httpx.HTTPError, ValueError)
"""Nobody answers, or a proxy without a replica does, by a text: a new one is starting."""


class Stack:
    def __init__(self, process: subprocess.Popen[str], url: str, log: Path) -> None:
        self.process, self.url, self.log = process, url, log

    @property
    def printed(self) -> str:
        return self.log.read_text()

    @property
    def dashboard(self) -> str:
        found = re.search(r"dashboard\s+(http://\S+)", self.printed)
        assert found, self.printed
        return found[1]

    def health(self) -> dict[str, Any]:
        return httpx.get(f"{self.url}/health", timeout=10).json()

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def replicas(self, deployment: str) -> list[psutil.Process]:
        """Processes of a deployment's replicas, as Ray titles them."""
        title = f"ray::ServeReplica:parley:{deployment}"
        return [one for one in self.processes() if title_of(one).startswith(title)]

    def stop(self, number: int = signal.SIGINT) -> float:
        """Ctrl-C, as a terminal sends it: to the whole group. Gives the seconds it took."""
        begun = time.monotonic()
        os.killpg(self.process.pid, number)
        self.process.wait(STOP_WITHIN_S + 10)
        return time.monotonic() - begun


def title_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def running(config: Path, log: Path, *, until: str = "Parley is ready") -> Iterator[Stack]:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "deployments", str(config), "--port", str(port)]
    with log.open("w") as printed:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=printed,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=environment(),
        )
    stack = Stack(process, f"http://127.0.0.1:{port}", log)
    try:
        wait_until(lambda: until in stack.printed or process.poll() is not None, START_WITHIN_S)
        assert until in stack.printed, stack.printed
        yield stack
    finally:
        if process.poll() is None:
            end(stack)


def end(stack: Stack) -> None:
    """Stop it; one that hangs is killed with all its processes, or later tests would run beside it.
    Raises subprocess.TimeoutExpired for that one, all the same."""
    ours = stack.processes()
    try:
        stack.stop()
    except subprocess.TimeoutExpired:
        ours += stack.processes()
        os.killpg(stack.process.pid, signal.SIGKILL)
        for one in ours:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        stack.process.wait()
        raise


def environment() -> dict[str, str]:
    """Ours, and when coverage is measured what makes Ray's workers measure theirs."""
    found = dict(os.environ)
    if coverage.Coverage.current():
        found["PARLEY_COVERAGE"] = str(ROOT)
        found["PYTHONPATH"] = str(ROOT / "tests" / "serve" / "measured")
    return found


def wait_until(met: Callable[[], object], seconds: float) -> None:
    """`met` may ask a stack that nobody answers for as yet."""
    ends = time.monotonic() + seconds
    while not (found := _outcome(met)) or isinstance(found, NOT_YET):
        assert time.monotonic() < ends, f"not within {seconds} s: {found!r}"
        time.sleep(0.1)


def _outcome(met: Callable[[], object]) -> object:
    try:
        return met()
    except NOT_YET as error:
        return error
