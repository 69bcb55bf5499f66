"""Clients from their registries, unmodified, hold the same dialogue with Parley: what they heard
and said, a barge-in, a tool. Their drivers, beside this file, are programs of their own, which take
any server."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.answering import REPLIES, STORY
from tests.clients.caller import TOOL, WEATHER

ROOT = Path(__file__).parents[2]
ENDS_WITHIN_S = 180
STORY_S = len(STORY.split()) * 0.1
pytestmark = pytest.mark.timed


def report_of(
    url: str, sentences: dict[str, Path], *driver: Path | str, **environment: str
) -> dict[str, Any]:
    """What the driver prints after the dialogue with the server at `url`."""
    done = subprocess.run(
        [*driver, "--url", f"{url}/v1", *sentences.values()],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout.splitlines()[-1])


def assert_held(report: dict[str, Any], said: list[str]) -> None:
    """The dialogue of `caller.py`, as a client saw it."""
    assert not report["errors"]
    assert report["said"][:2] == said
    answers = report["answers"]
    assert [answer["cut_off"] for answer in answers] == [True, False, False]
    cut_off, heard, last = answers
    assert cut_off["text"] and cut_off["seconds"] < STORY_S - 1
    assert STORY.startswith(report["kept"].rstrip(" -—")) and report["kept"]
    assert len(report["kept"].split()) < len(STORY.split()) / 2
    assert heard["text"] == f"You said: {said[1]} That was it."
    # A track's last sound comes behind, and it may be filled where the client was held up.
    assert len(heard["text"].split()) * 0.1 - 0.4 < heard["seconds"] < STORY_S
    assert min(answer["loudest"] for answer in answers) > 6_000
    assert report["tool"] == {"name": TOOL["name"], "city": "Berlin"}
    assert last["text"].replace('"', "") == f"It is {WEATHER} in Berlin."
    assert all(answer["first_audio_ms"] > 0 for answer in answers[:2])


def assert_remembered(prompts: list[Any], report: dict[str, Any]) -> None:
    """The model's last prompt has of the cut-off answer what the client says was heard."""
    told = [message.text for message in prompts[-1] if message.role == "assistant"]
    assert report["kept"].rstrip(" -—") in [text.rstrip(" -—") for text in told]


def test_openai_python(parley, sentences):
    """With every event checked against the library's types, strictly."""
    url, models = parley
    driver = (sys.executable, "-W", "error", "-m", "tests.clients.openai_python")
    report = report_of(url, sentences, *driver)
    assert_held(report, list(sentences))
    assert_remembered(models.prompts, report)


def test_openai_node_through_the_tls_proxy(parley, tls, sentences, node_clients):
    trust = {"NODE_EXTRA_CA_CERTS": str(tls.authority)}
    report = report_of(tls.url, sentences, "node", node_clients / "openai_node.mjs", **trust)
    assert_held(report, list(sentences))
    assert_remembered(parley[1].prompts, report)


def test_agents_realtime_over_a_websocket(parley, sentences, node_clients):
    url, models = parley
    report = report_of(url, sentences, "node", node_clients / "agents.mjs")
    assert_held(report, list(sentences))
    assert_remembered(models.prompts, report)


@pytest.mark.parametrize("replies", [(STORY, *REPLIES)], ids=["greeting"])
def test_pipecat(parley, sentences, peers):
    url, models = parley
    report = report_of(url, sentences, peers, "-m", "tests.clients.pipecat_client")
    assert report["answers"].pop(0)["cut_off"]
    assert_held(report, list(sentences))
    assert_remembered(models.prompts, report)


def test_livekit(parley, sentences, peers):
    url, models = parley
    report = report_of(url, sentences, peers, "-m", "tests.clients.livekit_client")
    assert_held(report, list(sentences))
    assert_remembered(models.prompts, report)
