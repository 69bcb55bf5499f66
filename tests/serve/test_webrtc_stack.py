"""WebRTC calls on the real Serve: they outlast their requests, so Serve must count them."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from tests.ingress.webrtc.peer import Caller
from tests.serve.stack import ROOT, START_WITHIN_S, Stack, running, wait_until

pytestmark = [pytest.mark.serve, pytest.mark.drains, pytest.mark.timeout(900)]
CONFIG = ROOT / "configs" / "scripted.yaml"

DRAINING_S = 2
"""What a replica that nobody uses stays for; Serve's own 30 s would only make the test longer."""

WITHIN_S = 180


async def test_a_call_outlives_a_new_version_and_then_lets_the_old_one_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S", str(DRAINING_S))
    new = yaml.safe_load(CONFIG.read_text())
    new["applications"][0]["args"]["llm"]["replies"] = ["The new version."]
    with running(CONFIG, tmp_path / "log") as stack:
        new["http_options"]["port"] = int(stack.url.rsplit(":", 1)[1])
        (tmp_path / "new.yaml").write_text(yaml.safe_dump(new))
        (old,) = stack.replicas("Ingress")
        log = log_of(old)
        async with Caller(stack.url, model="default") as caller:
            assert (await answer(caller)).startswith("You said: Hello?")
            await deploy(stack, tmp_path / "new.yaml")
            await comes(lambda: {one.pid for one in stack.replicas("Ingress")} > {old.pid})
            await comes(lambda: stack.health()["active_calls"] == 0)
            await comes(lambda: stays_for_its_call(log) or not old.is_running())
            assert old.is_running()
            assert await answer(caller) == "The new version."
        await comes(lambda: old.pid not in {one.pid for one in stack.replicas("Ingress")})
        async with Caller(stack.url, model="default") as caller:
            assert await answer(caller) == "The new version."


async def comes(what: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_until, what, START_WITHIN_S)


def log_of(replica: psutil.Process) -> Path:
    """Where Serve tells what it does with a replica; the process holds it open."""
    (found,) = {one.path for one in replica.open_files() if "/serve/replica_" in one.path}
    return Path(found)


def stays_for_its_call(log: Path) -> bool:
    """Whether Serve has found, when it would have let the replica go, that one request goes on:
    twice, since a request for its health is over by the second time."""
    return log.read_text().count(": 1 ongoing requests") > 1


async def answer(caller: Caller) -> str:
    """Ask by text; what the agent has said, aloud, to the end."""
    before, heard_s = len(caller.of("output_audio_buffer.stopped")), caller.heard_s
    content = [{"type": "input_text", "text": "Hello?"}]
    message = {"type": "message", "role": "user", "content": content}
    caller.send({"type": "conversation.item.create", "item": message})
    caller.send({"type": "response.create"})
    await caller.until(lambda one: len(one.of("output_audio_buffer.stopped")) > before, WITHIN_S)
    await caller.until(lambda one: one.heard_s > heard_s, WITHIN_S)  # a busy caller decodes later
    return caller.of("response.output_audio_transcript.done")[-1]["transcript"]


async def deploy(stack: Stack, config: Path) -> None:
    serve = Path(sys.executable).parent / "serve"
    process = await asyncio.create_subprocess_exec(
        str(serve), "deploy", str(config), "--address", stack.dashboard,
        env={**os.environ, "RAY_AUTH_MODE": "token"}, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
