"""`run` and `capacity` as they are called, with the tester's own processes."""

import asyncio
import json
from pathlib import Path

import pytest

from loadtest.__main__ import main
from loadtest.crew import Crew, WorkerLost, crew
from loadtest.step import Load
from tests.loadtest.answering import Answering, Stack, stack_server
from tests.loadtest.test_call import wav  # noqa: F401 (a fixture)

pytestmark = pytest.mark.timed

FAST = ["--duration", "4", "--ramp", "0.05", "--think-ms", "50", "--timeout-s", "8"]


async def called(command: str, url: str, *arguments: object) -> int:
    """The exit code, four times as fast as real time."""
    given = [command, "--url", url, *FAST, *map(str, arguments)]
    return await asyncio.to_thread(main, given, pace=0.25)


async def test_steps_with_two_processes(
    wav: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stack = Stack(Answering(greeting=True))
    async with stack_server(stack) as url:
        code = await called(
            "run", url, "--calls", "1,3", "--processes", 2, "--wav", wav, "--agent", "sales",
            "--allow-late", "--json", tmp_path / "x.json", "--html", tmp_path / "x.html",
        )  # fmt: skip
    told = capsys.readouterr().out
    assert code == 0, told
    steps = json.loads((tmp_path / "x.json").read_text())["steps"]
    assert [step["calls"] for step in steps] == [1, 3]
    assert {turn["call"] for turn in steps[1]["noticed"]} == {0, 1, 2}
    assert steps[1]["began_s"] >= steps[0]["took_s"]
    assert all(step["first_audio_ms"]["p50"] >= 200 for step in steps)
    assert max(calls for _, calls in steps[1]["active"]) == 3
    assert (tmp_path / "x.html").read_text().startswith("<!doctype html>")
    assert stack.query == "agent=sales" and len(stack.forms) == 4
    for words in ("3 calls", "First audio at the caller's ear, ms", "Told by the server"):
        assert words in told


@pytest.mark.parametrize(
    ("how", "arguments", "why"),
    [
        (Answering(), ["--slo-p95-ms", "50"], "the objective 50 ms"),
        (Answering(answers=0), [], "missed"),
        (Answering(outcome="failed"), [], "failed: the agent could not answer"),
    ],
    ids=["slo", "missed", "failed"],
)
async def test_a_run_that_is_not_good_enough_fails(
    wav: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
    how: Answering,
    arguments: list[str],
    why: str,
) -> None:
    async with stack_server(Stack(how)) as url:
        given = ["--calls", "1", "--wav", wav, "--allow-late", *arguments]
        assert await called("run", url, *given) == 1
    assert why in capsys.readouterr().out


async def test_no_capacity_is_a_failure(
    wav: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with stack_server(Stack(Answering())) as url:
        assert await called("capacity", url, "--first", 2, "--wav", wav, "--slo-p95-ms", 1) == 1
    told = capsys.readouterr().out
    assert "no calls keep p95 ≤ 1 ms; 1 do not: " in told and "the objective 1 ms" in told


async def test_a_process_of_the_tester_that_dies_ends_the_run(wav: Path) -> None:  # noqa: F811
    begun = asyncio.Event()
    async with (
        stack_server(Stack(Answering())) as url,
        crew(Load(url, [str(wav)]), 2) as workers,
        asyncio.TaskGroup() as tasks,
    ):
        held = tasks.create_task(lost(workers, begun))
        await begun.wait()
        workers.processes[1].kill()
    assert "a process of the load tester ended with -9" in str(held.result())


async def lost(workers: Crew, begun: asyncio.Event) -> WorkerLost:
    with pytest.raises(WorkerLost) as found:
        await workers.hold(2, 0.0, 60.0, lambda process, record: begun.set())
    return found.value


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--wav", "missing.wav"], "cannot read"),
        (["--json", "/no/such/folder/x.json"], "no folder /no/such/folder"),
        (["--auth-token-env", "NO_SUCH_TOKEN"], "no variable NO_SUCH_TOKEN"),
    ],
)
async def test_wrong_options_say_what_is_wrong(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stack_server(Stack(Answering())) as url:
        assert await called("run", url, "--calls", "1", *arguments) == 1
    assert why in capsys.readouterr().err


def test_nothing_listens(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--url", "http://127.0.0.1:9"]) == 1
    assert "start it with `make serve`" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--calls", "0"],
        ["run", "--calls", "1,x"],
        ["run", "--loss", "100"],
        ["run", "--barge-in-rate", "1.5"],
        ["run", "--jitter-ms", "-1"],
        ["run", "--duration", "0"],
        ["run", "--processes", "0"],
        ["capacity", "--slo-p95-ms", "0"],
        ["capacity", "--within", "-1"],
    ],
)
def test_impossible_options_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
