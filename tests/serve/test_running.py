"""What the tests of this folder stand on: they wait for a stack that is not there yet, and leave
none behind that does not stop."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.serve.stack import START_WITHIN_S, Stack, end, title_of, wait_until

DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(sleep, start_new_session=True)  # as Ray's and HAProxy's: no signal reaches them
print("ready", flush=True)
time.sleep(600)
"""


def test_a_stack_that_does_not_stop_is_killed_with_every_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Stack, "stop", lambda one: one.process.wait(0.2))
    log = tmp_path / "log"
    with log.open("w") as printed:
        process = subprocess.Popen(
            [sys.executable, "-c", DEAF], stdout=printed, text=True, start_new_session=True
        )
    deaf = Stack(process, "", log)
    wait_until(lambda: "ready" in deaf.printed, 60)
    ours = deaf.processes()
    with pytest.raises(subprocess.TimeoutExpired):
        end(deaf)
    assert len(ours) == 1
    wait_until(lambda: not any(map(title_of, ours)), 10)
    assert process.returncode


@pytest.mark.parametrize("error", [httpx.ReadTimeout("10 s"), ValueError("no JSON")])
def test_what_nobody_answers_is_asked_again(error: Exception):
    answers = iter([error, False, True])

    def met() -> bool:
        if isinstance(found := next(answers), Exception):
            raise found
        return found

    wait_until(met, 60)
    assert not list(answers)


def test_what_never_comes_is_told_with_the_last_error():
    def met() -> bool:
        raise httpx.ConnectError("refused")

    with pytest.raises(AssertionError, match="refused"):
        wait_until(met, 0.2)


def test_other_errors_are_the_tests_own():
    def met() -> bool:
        raise KeyError("active_calls")

    with pytest.raises(KeyError):
        wait_until(met, START_WITHIN_S)
