"""Every way to stop a stack, at every stage of its start, leaves no process behind."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deployments.local_cluster import free_ports
from tests.serve.stack import (
    ROOT,
    START_WITHIN_S,
    STOP_WITHIN_S,
    Stack,
    environment,
    running,
    title_of,
    wait_until,
)

pytestmark = [pytest.mark.serve, pytest.mark.timeout(600)]
CONFIG = ROOT / "configs" / "scripted.yaml"


def left_of(processes: list[psutil.Process]) -> list[str]:
    return [title_of(one) for one in processes if one.is_running() and title_of(one)]


def sessions() -> set[Path]:
    """Of clusters without a folder of their own."""
    return set(Path("/tmp/ray").glob("session_2*"))


def heads_of(stack: Stack) -> list[psutil.Process]:
    """The process that knows of all others, as Ray starts it first."""
    return [
        one for one in stack.processes() if title_of(one).partition(" ")[0].endswith("gcs_server")
    ]


def stops_cleanly(stack: Stack, number: int) -> None:
    ours, others = stack.processes(), sessions()
    assert stack.stop(number) < STOP_WITHIN_S
    assert stack.process.returncode == 0, stack.printed
    assert not left_of(ours)
    assert sessions() == others, "it started another cluster"
    assert "Traceback" not in stack.printed
    assert stack.printed.splitlines()[-1].startswith("stop ")


@pytest.mark.parametrize(
    ("until", "number"),
    [("ray  ", signal.SIGINT), ("HAProxy", signal.SIGTERM), ("Parley is ready", signal.SIGTERM)],
)  # fmt: skip
def test_a_signal_to_the_whole_group(tmp_path: Path, until: str, number: int):
    with running(CONFIG, tmp_path / "log", until=until) as stack:
        stops_cleanly(stack, number)


def test_ctrl_c_while_ray_starts(tmp_path: Path):
    with running(CONFIG, tmp_path / "log", until="") as stack:
        wait_until(lambda: heads_of(stack), START_WITHIN_S)
        stops_cleanly(stack, signal.SIGINT)


def test_ctrl_c_while_an_answer_is_awaited_from_a_cluster_without_its_head(tmp_path: Path):
    """Nobody will ever answer what Ray's client asks then, and it hears no signal."""
    with running(CONFIG, tmp_path / "log", until="HAProxy") as stack:
        (head,) = heads_of(stack)
        head.kill()
        time.sleep(1)  # by then a poll of the applications' state is under way
        stops_cleanly(stack, signal.SIGINT)


def test_a_terminal_window_that_is_closed(tmp_path: Path):
    """Its end comes as a SIGHUP, and what is printed afterwards as an error."""
    (port,) = free_ports(1)
    window, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.serve.in_a_terminal", str(CONFIG), "--port", str(port)],
        cwd=ROOT, stdin=inside, stdout=inside, stderr=inside, env=environment(),
        start_new_session=True,
    )  # fmt: skip
    os.close(inside)
    try:
        shown = b""
        while b"Parley is ready" not in shown:
            shown += os.read(window, 4096)
        ours = psutil.Process(process.pid).children(recursive=True)
        os.close(window)
        assert process.wait(STOP_WITHIN_S) == 0
        assert not left_of(ours)
    finally:
        process.kill()
