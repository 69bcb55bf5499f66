"""Barge-in over whole calls: recorded speech in, Twilio's frames out, scripted back-ends."""

import asyncio
import base64

import numpy as np
import pytest

from audio.pcm import Audio
from configs.agents import Agent
from conversation.fallbacks import FailureClass
from ingress.backends import BackendError, Speech
from tests.ingress.line import WORD, Line, Models

AGENT = Agent(prompt="Be brief.", phrase_markers=False)
DOWN = BackendError(FailureClass.AUTH, "down")
REPLY = "It is one of them. It is two of them."


def a_line(*said, **options):
    models = Models(transcripts=list(said), replies=[REPLY], phrase_s=1.5, **options)
    return Line(models, AGENT)


async def speaking(line, phrases=1):
    """The caller has asked, and the agent is at its phrase number so and so."""
    line.say()
    await line.until(lambda one: len(one.texts("phrase")) >= phrases)


def outcomes(line, name):
    return [tags["outcome"] for tags in line.metrics.of(name)]


async def test_words_clear_the_line_drop_the_turn_and_keep_what_was_heard():
    async with a_line("hello", "wait, stop") as line:
        await speaking(line)
        line.say(WORD)
        await line.turns(1)
        assert line.count("clear") == 1 and line.count("mark") == 0
        await line.until(lambda one: len(one.models.prompts) == 2)
    assert line.outcomes[0] == "interrupted"
    assert line.history[0] == ("user", "hello")
    words = [text for role, text in line.history if role == "assistant"]
    assert not words or "It is one of them.".startswith(
        words[0]
    )  # after some hundredths of a second
    assert REPLY not in words and ("user", "wait, stop") in line.history


async def test_the_model_stops_when_it_is_interrupted():
    line = Line(Models(replies=[REPLY], hold=asyncio.Event(), phrase_s=1.5), AGENT)
    line.models.transcripts = iter(["hello", "wait, stop", "well"])
    async with line:
        line.say()
        await line.until(lambda one: len(one.models.prompts) == 1)
        await line.until(lambda one: one.call.state.phase == "replying")
        line.silence(1_000)  # so that the caller's next words do not continue the first
        line.say(WORD)
        await line.until(lambda one: one.models.aborted == 1)
        line.models.hold.set()


async def test_a_word_in_passing_only_interrupts_the_sound():
    async with a_line("hello", "mm-hm") as line:
        await speaking(line)
        line.say(WORD)
        await line.turns(1)
    assert line.count("clear") == 1
    assert line.outcomes == ["answered"]
    assert line.history == [("user", "hello"), ("assistant", REPLY)]
    assert line.played_s >= 3.0  # nothing of it was lost; what had not been heard came again
    assert outcomes(line, "parley_barge_ins_total") == ["held", "resumed"]
    assert [n["text"] for n in line.texts("notice")] == ["backchannel: mm-hm"]
    assert [t["text"] for t in line.texts("transcript")] == ["hello"]
    names = [f["mark"]["name"] for f in line.frames if f["event"] == "mark"]
    assert names == ["1.1.0", "1.1.1"]  # a clear begins a generation


async def test_a_noise_without_words_only_interrupts_the_sound():
    async with a_line("hello", "") as line:
        await speaking(line)
        line.say(WORD)
        await line.turns(1)
    assert line.outcomes == ["answered"] and len(line.models.prompts) == 1


async def test_marks_that_the_clear_returns_are_not_taken_for_heard():
    async with a_line("hello", "wait, stop") as line:
        line.echo_marks = False
        await speaking(line, phrases=2)  # the first one's mark is out
        line.say(WORD)  # the line returns all marks as it gets `clear`
        await line.turns(1)
        line.echo_marks = True
    heard = [text for role, text in line.history if role == "assistant"]
    assert line.outcomes[0] == "interrupted"
    assert heard[0] != REPLY and REPLY.startswith(heard[0])


async def test_speech_is_paced_a_little_ahead_of_what_is_heard():
    clock = [100.0]
    line = Line(Models(replies=[REPLY], phrase_s=1.5), AGENT, now_s=lambda: clock[0])
    async with line:
        line.say()
        await line.until(lambda one: one.played_s >= 0.16)
        assert line.played_s < 0.21
        clock[0] += 0.1
        await line.until(lambda one: one.played_s >= 0.26)
        assert line.played_s < 0.31
        assert line.models.spoken == ["It is one of them.", "It is two of them."]  # one ahead


class Slowly(Models):
    """Speech in pieces, and a stream that takes its time to close."""

    async def synthesize(self, phrase, voice, *, deadline_s):
        try:
            async for speech in super().synthesize(phrase, voice, deadline_s=deadline_s):
                for samples in np.array_split(speech.audio.samples, 10):
                    yield Speech(Audio(samples, speech.audio.rate_hz))
                    await asyncio.sleep(0.02)
        finally:
            await asyncio.sleep(0.3)


async def test_speech_that_still_streams_when_it_is_dropped_harms_no_turn():
    models = Slowly(transcripts=["hello", "wait, stop"], replies=[REPLY], phrase_s=0.5)
    async with Line(models, AGENT) as line:
        await speaking(line)
        line.say(WORD)
        await line.turns(2)
    assert line.outcomes == ["interrupted", "answered"]
    assert line.history[-1] == ("assistant", REPLY)
    after = [f for f in line.frames if f["event"] in ("clear", "media")]
    heard = after[[f["event"] for f in after].index("clear") :]
    sent = sum(len(base64.b64decode(f["media"]["payload"])) for f in heard[1:])
    assert sent == pytest.approx(2 * 0.5 * 8_000, abs=80)  # all of the second reply


async def test_a_server_that_stops_in_mid_phrase_closes_the_call():
    line = Line(Slowly(replies=[REPLY], phrase_s=1.5), AGENT)
    async with line:
        await speaking(line)
        line.call.end("stopping")
        await line.ended()
    assert line.texts("notice")[-1]["text"] == "call ended: stopping"


async def test_no_fallback_line_is_spoken_into_the_callers_words():
    models = Models(transcripts=["hello", "", "hello"], replies=[[DOWN], REPLY])
    models.refusing = asyncio.Event()

    async def reply(*args, **kwargs):
        await models.refusing.wait()
        raise DOWN
        yield ""

    models.reply = reply
    async with Line(models, AGENT) as line:
        line.say()
        await line.until(lambda one: one.call.state.phase == "replying")
        line.silence(1_000)
        line.play(WORD)
        await line.until(lambda one: one.call.state.held)
        models.refusing.set()
        await line.until(lambda one: one.call.state.outcome == "failed" and one.models.spoken)
        assert line.played_s == 0
        line.silence()
        await line.turns(1)
    assert line.outcomes == ["failed"]
    assert line.history[-1] == ("assistant", AGENT.fallback_lines[0])


async def test_a_phrase_whose_speech_breaks_off_is_kept_as_far_as_it_went():
    class Broken(Models):
        async def synthesize(self, phrase, voice, *, deadline_s):
            async for speech in super().synthesize(phrase, voice, deadline_s=deadline_s):
                half = Audio(speech.audio.samples[: len(speech.audio.samples) // 2], 24_000)
                yield Speech(half, speech.words[: len(speech.words) // 2])
            if "two" in phrase:
                raise DOWN

    async with Line(Broken(replies=[REPLY], phrase_s=0.5), AGENT) as line:
        line.say()
        await line.turns(1)
    assert line.history[-1][1].startswith("It is one of them. It is I apologize")


async def test_a_word_in_passing_leaves_no_times_to_the_next_turn():
    async with a_line("hello", "mm-hm") as line:
        await speaking(line)
        line.say(WORD)
        await line.turns(1)
        line.send({"event": "dtmf", "dtmf": {"digit": "#"}})
        await line.turns(2)
    assert line.texts("turn")[1]["stages_ms"] == {}
