"""Barge-in over whole calls: recorded speech in, Twilio's frames out, scripted back-ends."""

import asyncio

from configs.agents import Agent
from tests.ingress.line import WORD, Line, Models

AGENT = Agent(prompt="Be brief.", phrase_markers=False)
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
