"""WebRTC calls on the real Serve: they outlast their requests, so Serve must count them."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.ingress.webrtc.peer import Caller
from tests.serve.stack import ROOT, Stack, running, wait_until

pytestmark = [pytest.mark.serve, pytest.mark.drains, pytest.mark.timeout(300)]
CONFIG = ROOT / "configs" / "scripted.yaml"

DRAINING_S = 2
"""What a replica that nobody uses stays for; Serve's own 30 s would only make the test longer."""

UNCOUNTED_S = 12
"""Long after that a replica would be gone that does not count its call."""


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
        async with Caller(stack.url, model="default") as caller:
            assert (await answer(caller)).startswith("You said: Hello?")
            await deploy(stack, tmp_path / "new.yaml")
            await asyncio.to_thread(
                wait_until, lambda: {one.pid for one in stack.replicas("Ingress")} > {old.pid}, 60
            )
            await asyncio.to_thread(wait_until, lambda: stack.health()["active_calls"] == 0, 60)
            await asyncio.sleep(UNCOUNTED_S)
            assert await answer(caller) == "The new version."
            assert old.is_running()
        await asyncio.to_thread(
            wait_until, lambda: old.pid not in {one.pid for one in stack.replicas("Ingress")}, 30
        )
        async with Caller(stack.url, model="default") as caller:
            assert await answer(caller) == "The new version."


async def answer(caller: Caller) -> str:
    """Ask by text; what the agent has said, aloud, to the end."""
    before, heard_s = len(caller.of("output_audio_buffer.stopped")), caller.heard_s
    content = [{"type": "input_text", "text": "Hello?"}]
    message = {"type": "message", "role": "user", "content": content}
    caller.send({"type": "conversation.item.create", "item": message})
    caller.send({"type": "response.create"})
    await caller.until(lambda one: len(one.of("output_audio_buffer.stopped")) > before, 60)
    await caller.until(lambda one: one.heard_s > heard_s, 60)  # a busy caller decodes later
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
