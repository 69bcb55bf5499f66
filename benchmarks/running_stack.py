"""The stack that is measured: one started here, as a user starts it, or one that runs already.

Owns the process it starts, and finds a stack's processes on this machine.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
from rich.console import Console

from benchmarks.recordings import ROOT
from deployments.local_cluster import free_ports

START_WITHIN_S, STOP_WITHIN_S = 400.0, 25.0
READY = "Parley is ready"
START_LINES = re.compile(r"^(\S.*?)\s{2,}\S.*?\s+(\d+\.\d) s$", re.MULTILINE)


class NoStack(Exception):
    """There is nothing to measure; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """`root` is the process above all others of the stack, None when it runs elsewhere;
    `started_s` how long each part took to start, of a stack that was started here."""

    url: str
    root: psutil.Process | None
    started_s: dict[str, float] = field(default_factory=dict[str, float])

    def processes(self) -> list[psutil.Process]:
        """All processes of the stack on this machine, parents first."""
        return [self.root, *self.root.children(recursive=True)] if self.root else []

    def replicas(self, deployment: str) -> list[psutil.Process]:
        """Processes of a deployment's replicas, by the titles that Ray gives them."""
        named = re.compile(rf"ray::ServeReplica:[^:]*:{re.escape(deployment)}\b")
        return [one for one in self.processes() if named.match(title_of(one))]


def title_of(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return " ".join(process.cmdline()).strip()  # Ray and vLLM pad the titles they set
    return ""


@contextmanager
def running_stack(url: str | None, config: Path, console: Console) -> Generator[RunningStack]:
    """The stack at `url`, or without one a new one from `config` on a free port, ended on
    leaving. Raises NoStack."""
    if url is not None:
        yield at(url.rstrip("/"))
        return
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        log = Path(folder) / "log"
        (port,) = free_ports(1)
        process = _started(config, port, log)
        try:
            _wait_until_ready(process, log, console)
            started_s = {name: float(took) for name, took in START_LINES.findall(log.read_text())}
            root = psutil.Process(process.pid)
            yield RunningStack(f"http://127.0.0.1:{port}", root, started_s)
        finally:
            _stop(process)


def at(url: str) -> RunningStack:
    try:
        answer = httpx.get(f"{url}/health", timeout=10, trust_env=False)
    except httpx.HTTPError as error:
        why = f"nothing answers at {url}/health ({error!r})"
        raise NoStack(f"{why}: start it with `make serve`, or leave --url out") from None
    if not answer.is_success:
        raise NoStack(f"{url}/health says {answer.status_code}: {answer.text[:200]}")
    return RunningStack(url, _listener_root(urlsplit(url).port or 80))


def _listener_root(port: int) -> psutil.Process | None:
    """Whoever started the Ray node whose proxy listens on `port` of this machine."""
    for one in psutil.net_connections("tcp"):
        listens = one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port
        if listens and one.pid:
            line = psutil.Process(one.pid).parents()
            raylet = next((p for p in line if p.name() == "raylet"), None)
            above = raylet.parent() if raylet else None
            return above if above and above.pid != 1 else raylet
    return None


def _started(config: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    named = os.path.relpath(config.resolve(), ROOT)  # as a user names it
    command = [sys.executable, "-m", "deployments", named, "--port", str(port)]
    with log.open("wb") as printed:
        return subprocess.Popen(
            command, cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True
        )


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path, console: Console) -> None:
    ends = time.monotonic() + START_WITHIN_S
    with console.status("starting the stack") as status:
        while READY not in (printed := log.read_text()):
            if process.poll() is not None or time.monotonic() > ends:
                raise NoStack(f"the stack did not start:\n{printed[-2_000:]}")
            last = printed.strip().rpartition("\n")[2]
            status.update(f"starting the stack: {last or '…'}")
            time.sleep(0.2)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C, as a terminal sends it: to the whole group."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN_S)
            return
