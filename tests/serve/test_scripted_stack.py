"""The real Serve, HAProxy and ingress; scripted models, so that replicas may be killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from websockets.exceptions import InvalidHandshake

from loadtest.phone import CallEnded
from loadtest.utterance import read_utterance
from tests.serve.callers import CLIPS, call, short, turn
from tests.serve.stack import (
    ROOT,
    START_WITHIN_S,
    STOP_WITHIN_S,
    Stack,
    running,
    title_of,
    wait_until,
)

pytestmark = [pytest.mark.serve, pytest.mark.timeout(900)]
CONFIG = ROOT / "configs" / "scripted.yaml"
MODELS = ("Transcriber", "LanguageModel", "Synthesizer")
MIB = 2**20
SOCKETS_ENDED_AFTER_S = 120
"""HAProxy ends those of a reloaded process then, unless told otherwise."""

# The script counts the user's messages as the model is told them: before a greeting there is one.


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with running(CONFIG, tmp_path_factory.mktemp("scripted") / "log") as one:
        yield one


def test_a_line_per_stage_then_what_to_try(stack: Stack):
    lines = stack.printed.splitlines()
    for stage in ("ray", "serve", "ingress", "transcriber", "language model", "synthesizer"):
        assert sum(line.startswith(f"{stage} ") for line in lines) == 1, stack.printed
    assert "make call" in stack.printed and f"{stack.url}/twilio/voice" in stack.printed
    assert "INFO" not in stack.printed and "Traceback" not in stack.printed
    assert stack.health()["proxy"] == "haproxy"


def test_make_call_prints_one_json_object_a_turn(stack: Stack, tmp_path: Path):
    command = [sys.executable, "-m", "loadtest", "call", "--json", "--turns", "2"]
    command += ["--url", stack.url, "--out", str(tmp_path / "heard.wav")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    keys = {"turn", "transcript", "reply", "first_audio_ms", "stages_ms", "cut_off", "heard_wav"}
    keys |= {"errors"}
    assert [one["turn"] for one in turns] == [1, 2]
    assert all(set(one) == keys and one["errors"] == [] for one in turns)
    assert turns[1]["reply"] == f"You said: {turns[1]['transcript']} That was message 3."
    stages_ms = turns[1]["stages_ms"]
    assert stages_ms["sent"] >= stages_ms["endpoint"] > 400
    # Prepared: the model was asked before. Not of each turn, since any process may be held up.
    both = [one["stages_ms"] for one in turns]
    assert any(stages_ms["first_token"] < stages_ms["endpoint"] for stages_ms in both), both
    assert Path(turns[0]["heard_wav"]).stat().st_size > 8_000


async def test_killed_replicas_of_each_model_cost_no_call_a_turn(stack: Stack):
    clips = [read_utterance(clip) for clip in CLIPS[:3]]

    async def hold(number: int, killed: asyncio.Barrier) -> list[dict]:
        async with call(stack) as phone:
            turns = [await turn(phone, clips[number])]
            for _ in MODELS:
                await killed.wait()  # all calls are between two turns
                await killed.wait()  # the replica is dead
                turns.append(await turn(phone, clips[number]))
            return turns

    async def kill(killed: asyncio.Barrier) -> None:
        for model in MODELS:
            await killed.wait()
            victims = stack.replicas(model)
            assert len(victims) == 2, f"{model} has {len(victims)} replicas"
            os.kill(victims[0].pid, signal.SIGKILL)
            await killed.wait()

    barrier = asyncio.Barrier(4)
    *calls, _ = await asyncio.gather(*(hold(n, barrier) for n in range(3)), kill(barrier))
    for turns in calls:
        assert [one["outcome"] for one in turns] == ["answered"] * 4
        for number, one in enumerate(turns, start=2):
            assert one["reply"] == f"You said: {one['transcript']} That was message {number}."
    assert len({turns[0]["transcript"] for turns in calls}) > 1  # and nobody heard another
    wait_until(lambda: all(len(stack.replicas(model)) == 2 for model in MODELS), START_WITHIN_S)


async def test_a_hundred_calls_leave_nothing_behind(stack: Stack):
    """One after the other on four lines, then at once: memory, tasks and sockets come back."""
    (ingress,) = stack.replicas("Ingress")

    async def one_call(others: asyncio.Barrier) -> str:
        async with call(stack, pace=0) as phone:
            await others.wait()
            return (await turn(phone, short()))["outcome"]

    async def line() -> list[str]:
        return [await one_call(asyncio.Barrier(1)) for _ in range(25)]

    await one_call(asyncio.Barrier(1))  # what is loaded at first use
    settled(stack)
    sockets, memory = open_sockets(ingress), ingress.memory_info().rss
    assert await asyncio.gather(*(line() for _ in range(4))) == [["answered"] * 25] * 4
    settled(stack)
    after_sequence = ingress.memory_info().rss
    all_of_them = asyncio.Barrier(100)
    outcomes = await asyncio.gather(*(one_call(all_of_them) for _ in range(100)))
    assert outcomes == ["answered"] * 100
    settled(stack)
    assert after_sequence - memory <= 50 * MIB
    # What a burst has freed is given back within some seconds of the last call's end.
    wait_until(lambda: ingress.memory_info().rss - memory <= 50 * MIB, 120)
    wait_until(lambda: open_sockets(ingress) <= sockets + 2, 120)
    assert stack.health()["peak_calls"] >= 100


def settled(stack: Stack) -> None:
    """Calls are over, and only the standing tasks are left."""
    wait_until(lambda: stack.health()["active_calls"] == 0, 120)
    wait_until(lambda: stack.health()["tasks"] <= 40, 120)


def open_sockets(ingress: psutil.Process) -> int:
    """Those of requests and calls, at the one port that listens on loopback alone: HTTP's. Others
    come and go with the replicas of the models."""
    every = ingress.net_connections("tcp4")
    (http,) = {one.laddr for one in every if one.status == "LISTEN"}
    return len([one for one in every if one.laddr == http and one.status == "ESTABLISHED"])


@pytest.mark.drains
async def test_a_call_outlives_a_new_version(tmp_path: Path):
    """The old ingress replica keeps it; the models behind it are the new version's at once."""
    new = yaml.safe_load(CONFIG.read_text())
    new["applications"][0]["args"]["llm"]["replies"] = ["The new version."]
    with running(CONFIG, tmp_path / "log") as stack:
        new["http_options"]["port"] = int(stack.url.rsplit(":", 1)[1])
        (tmp_path / "new.yaml").write_text(yaml.safe_dump(new))
        async with call(stack) as phone:
            assert (await turn(phone, short()))["outcome"] == "answered"
            await deploy(stack, tmp_path / "new.yaml")
            await asyncio.to_thread(wait_until, lambda: new_version_answers(stack), START_WITHIN_S)
            reloaded_s = time.monotonic()
            while time.monotonic() - reloaded_s < SOCKETS_ENDED_AFTER_S + 10:
                await asyncio.sleep(10)
                last = await turn(phone, short())
                assert (last["outcome"], last["reply"]) == ("answered", "The new version.")


async def deploy(stack: Stack, config: Path) -> None:
    serve = Path(sys.executable).parent / "serve"
    process = await asyncio.create_subprocess_exec(
        str(serve), "deploy", str(config), "--address", stack.dashboard,
        env={**os.environ, "RAY_AUTH_MODE": "token"}, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()


def new_version_answers(stack: Stack) -> bool:
    async def reply() -> str:
        try:
            async with call(stack) as phone:
                return (await turn(phone, short()))["reply"]
        except (CallEnded, OSError, TimeoutError, InvalidHandshake):
            return ""  # one ingress replica: there is none while the new one starts

    return asyncio.run(reply()) == "The new version."


async def test_ctrl_c_ends_an_open_call_and_every_process(tmp_path: Path):
    with running(CONFIG, tmp_path / "log") as stack:
        ours = stack.processes()
        async with call(stack) as phone:
            await turn(phone, short())
            took_s, ended = await asyncio.gather(asyncio.to_thread(stack.stop), phone.ended())
        assert ended.code == 1000, ended
        assert took_s < STOP_WITHIN_S
        assert stack.process.returncode == 0
        left = [title_of(one) for one in ours if one.is_running() and title_of(one)]
        assert not left
        assert stack.printed.splitlines()[-1].startswith("stop ")
