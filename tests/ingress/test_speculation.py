"""Turns prepared at a pause, over whole calls: recorded speech in, scripted back-ends."""

import asyncio
import time
from dataclasses import replace

from configs.agents import Agent
from ingress.judging import TurnJudge
from tests.ingress.line import SPEECH, WORD, Line, Models

AGENT = Agent(prompt="Be brief.", phrase_markers=False)


def prepared(line):
    return [tags["outcome"] for tags in line.metrics.of("parley_prepared_turns_total")]


async def ready(line):
    """The reply is prepared, its first phrase's speech included."""
    line.silence(200)
    line.play(WORD)
    line.silence(240)
    await line.until(lambda one: one.call.state.phase == "preparing" and one.call.state.sent)


async def test_a_prepared_turn_is_silent_until_the_endpoint_and_then_at_once_there():
    async with Line(agent=AGENT) as line:
        await ready(line)
        assert line.played_s == 0 and not line.texts("transcript") and line.history == []
        assert line.models.spoken == ["It is one."]  # the first phrase, and no more
        line.silence(500)
        await line.turns(1)
    assert prepared(line) == ["prepared", "released"]
    assert len(line.models.heard) == 1  # the transcript of the pause served
    stages_ms = line.texts("turn")[0]["stages_ms"]
    assert stages_ms["first_audio"] < stages_ms["endpoint"] <= stages_ms["sent"]


async def test_a_caller_who_goes_on_leaves_no_trace_and_stops_the_model():
    models = Models(hold=asyncio.Event())
    async with Line(models, AGENT) as line:
        await ready(line)
        line.play(WORD)
        await line.until(lambda one: models.aborted)
        assert line.played_s == 0 and line.history == []
        models.hold.set()
        line.silence(800)
        await line.turns(1)
    assert prepared(line)[:2] == ["prepared", "dropped"]
    assert [role for role, _ in line.history] == ["user", "assistant"]
    assert len(line.texts("transcript")) == 1 and line.count("clear") == 0
    wasted = [tags for name, _, tags in line.metrics.observed if name == "parley_wasted_model_ms"]
    assert {"backend": "llm"} in wasted and {"backend": "tts"} in wasted


async def test_it_can_be_turned_off():
    async with Line(agent=AGENT, listening={"prepare_after_ms": 0}) as line:
        line.say()
        await line.turns(1)
    assert prepared(line) == []
    stages_ms = line.texts("turn")[0]["stages_ms"]
    assert list(stages_ms)[:2] == ["endpoint", "transcript"]


async def test_a_partial_that_covers_the_speech_is_the_transcript():
    models = Models(transcripts=["hel", "hello"], hears_partials=True)
    async with Line(models, AGENT, listening={"partial_every_ms": 5_000}) as line:
        line.silence(200)
        line.play(WORD)
        await line.until(lambda one: models.partials == 1)  # at a pause within it
        line.silence(100)
        await line.until(lambda one: models.partials == 2)
        line.silence(800)
        await line.turns(1)
    assert len(models.heard) == 2  # no transcript but the partials'
    assert line.history[0] == ("user", "hello")


async def test_a_partial_that_was_too_early_is_not():
    models = Models(transcripts=["hel", "hello"], hears_partials=True)
    async with Line(models, AGENT, listening={"partial_every_ms": 300}) as line:
        line.silence(200)
        line.play(SPEECH[:8_000])
        await line.until(lambda one: models.partials >= 1)
        line.play(SPEECH[8_000:])
        line.silence(800)
        await line.turns(1)
    assert len(models.heard) > 1


async def test_the_endpoint_comes_though_the_line_has_stopped_sending():
    async with Line(agent=AGENT) as line:
        line.silence(200)
        line.play(WORD)
        await line.turns(1)  # not one frame of silence was sent
    assert line.outcomes == ["answered"]


async def test_frames_that_come_late_are_no_silence():
    async with Line(agent=AGENT) as line:
        line.silence(200)
        line.play(SPEECH[:8_000])
        await asyncio.sleep(1.0)  # the network holds the rest back
        line.play(SPEECH[8_000:])
        line.silence()
        await line.turns(1)
    assert line.outcomes == ["answered"]
    assert len(SPEECH) * 0.8 < len(line.models.heard[-1].samples) < len(SPEECH) * 1.3


async def test_a_silence_that_comes_late_leaves_no_stage_of_the_turn_out():
    async with Line(agent=AGENT) as line:
        line.play(SPEECH)
        line.silence(200)
        await line.until(lambda one: one.call.state.phase == "preparing")
        await asyncio.sleep(1.0)  # the network holds the rest back
        line.silence()
        await line.turns(1)
    stages = line.texts("turn")[0]["stages_ms"]
    assert {"transcript", "first_token", "first_phrase", "first_audio", "sent"} < stages.keys()
    assert stages["endpoint"] > 1_000


async def test_a_complete_sentence_ends_the_turn_early():
    asked = []

    def complete(samples):
        asked.append(len(samples))
        return 0.9

    begun_s, ended = time.monotonic(), asyncio.Event()

    def now_s() -> float:
        """Stands still until the turn's end: that comes by what was heard, or never."""
        return time.monotonic() if ended.is_set() else begun_s

    async with Line(agent=AGENT, judge=TurnJudge(complete, 0.5, 1), now_s=now_s) as line:
        line.silence(200)
        line.play(WORD)
        line.silence(180)
        await line.until(
            lambda one: asked and one.call._listening._hearing._endpointer._end_after_ms == 200
        )
        line.silence(100)
        await line.until(lambda one: one.call.state.phase == "replying" or one.outcomes)
        ended.set()
        await line.turns(1)
    assert asked[0] >= len(WORD) // 2
    assert line.texts("turn")[0]["stages_ms"]["endpoint"] < 300


async def test_the_prefix_is_warmed_when_a_turn_ends():
    async with Line(agent=AGENT) as line:
        policy = replace(line.call.state.policy, warms_prefix=True)
        line.call.state = replace(line.call.state, policy=policy)
        line.say()
        await line.turns(1)
        await line.until(lambda one: len(one.models.prompts) == 2 or len(one.models.options) == 3)
        assert line.models.options[-1].max_tokens == 1
        assert line.models.prompts[-1][-1][0] == "assistant"
