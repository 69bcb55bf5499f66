"""The measuring itself, on the whole app with scripted models. How fast is not tested."""

import asyncio

import numpy as np
import pytest

from benchmarks.calling import Answer, Held
from benchmarks.peers.realtime_asking import WIDE_HZ, Asking
from benchmarks.realtime import at_once, by_turns, compared
from benchmarks.recordings import questions
from configs.schema import Stack
from ingress.app import create_app
from ingress.security import Secrets
from loadtest.script import Turn
from tests.ingress.line import Counts, Models
from tests.ingress.server import serving
from tests.loadtest.answering import voice

SCRIPTED = {
    "stt": {"engine": "scripted"},
    "llm": {"engine": "scripted"},
    "tts": {"engine": "scripted"},
    "twilio": {"parley_events": True},
    "agents": {"default": {"prompt": "You are Sam.", "phrase_markers": False}},
}


@pytest.fixture(scope="module")
def url():
    stack = Stack.model_validate(SCRIPTED)
    models = Models(replies=["It is Berlin, the capital."], phrase_s=0.6)
    app = create_app(
        stack, models.backends, Counts(), secrets=Secrets(), proxy="haproxy", replica="r1"
    )
    with serving(app) as client:
        while client.get("/health").status_code != 200:
            pass
        yield str(client.base_url).rstrip("/")


async def test_a_call_on_each_line_takes_its_turn(url: str) -> None:
    told: list[str] = []
    lines = await by_turns(url, questions()[:1], told.append)
    assert len(told) == 2
    for held in lines:
        (answer,) = held.answers
        assert held.errors == []
        assert answer.noticed.transcript == "hello"
        assert answer.noticed.reply == "It is Berlin, the capital."
        assert answer.noticed.first_audio_ms and answer.noticed.stages_ms["endpoint"]


async def test_sessions_at_once_are_each_answered(url: str) -> None:
    held = await at_once(url, questions()[:3], lambda _: None)
    assert [len(one.answers) for one in held] == [3, 3, 3]
    assert [one.errors for one in held] == [[], [], []]


def held_of(waits_ms: list[float | None], transcripts: list[str]) -> Held:
    said = questions()[0]
    return Held(
        [
            Answer(said, Turn(number, text, "Yes.", ms, {}, []), np.zeros(0, np.int16), 1)
            for number, (ms, text) in enumerate(zip(waits_ms, transcripts, strict=True), start=1)
        ]
    )


def test_the_ratio_is_of_medians_and_leaves_warming_and_clips_out() -> None:
    words = questions()[0].words
    twilio = held_of([9_000, 500, 600, 700, 1], [words] * 5)
    realtime = held_of([1, 600, 660, 900, 9_000], [*[words] * 4, ""])
    figures = {one.name: one for one in compared([twilio, realtime], 3)}
    assert figures["Realtime over Twilio"].value == pytest.approx(1.1)
    assert figures["Realtime over Twilio"].met is False
    assert figures["turns answered on both"].met
    assert figures["word error rate, human clips at 8 kHz over Twilio"].value == 0
    assert figures["word error rate, human clips at 16 kHz over Realtime"].value == 1
    realtime = held_of([1, 600, None, 540, 9_000], [words] * 5)
    figures = {one.name: one for one in compared([twilio, realtime], 3)}
    assert figures["Realtime over Twilio"].met
    assert figures["turns answered on both"].met is False


async def test_somebody_elses_client_is_measured_with_our_ear() -> None:
    caller = Asking()

    async def answered() -> None:
        """Half a second after the question there is a tone, after 0.1 s of silence."""
        frames, talked = caller.frames(), 0
        async for frame in frames:
            talked += bool(np.abs(frame).max() > 1_000)
            if talked and not np.any(frame):
                break
        for _ in range(20):
            await anext(frames)
        caller.hear(np.concatenate([np.zeros(2_400), np.full(WIDE_HZ, 9_000)]).astype(np.int16))
        async for _ in frames:
            pass

    async with asyncio.TaskGroup() as tasks:
        answering = tasks.create_task(answered())
        waited_ms = await caller.ask(voice())
        answering.cancel()
    assert waited_ms and waited_ms >= 500
