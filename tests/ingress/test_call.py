"""Whole calls over Twilio's protocol, with recorded speech and scripted back-ends."""

import asyncio

import pytest

from configs.agents import FALLBACK_LINES, Agent, Limits, Sampling
from conversation.fallbacks import FailureClass
from ingress.backends import BackendError
from tests.ingress.line import SPEECH, Line, Models, stack_of

AGENT = Agent(prompt="Be brief, {name}.", variables={"name": "Sam"}, phrase_markers=False)
DOWN = BackendError(FailureClass.SERVER, "down")
REFUSED = BackendError(FailureClass.AUTH, "bad key")


def agent(**changes) -> Agent:
    return AGENT.model_copy(update=changes)


async def test_three_turns_and_the_history_that_was_heard():
    models = Models(transcripts=["one?", "two?", "three?"], replies=["Yes.", "No way. Not at all."])
    async with Line(models, AGENT) as line:
        for turn in range(3):
            line.say()
            await line.turns(turn + 1)
    assert line.outcomes == ["answered"] * 3
    assert line.history == [
        ("user", "one?"), ("assistant", "Yes."),
        ("user", "two?"), ("assistant", "No way. Not at all."),
        ("user", "three?"), ("assistant", "Yes."),
    ]  # fmt: skip
    assert models.prompts[0] == [("system", "Be brief, Sam."), ("user", "one?")]
    assert [body["text"] for body in line.texts("transcript")] == ["one?", "two?", "three?"]
    assert "".join(models.spoken).count("Yes.") == 2


async def test_marks_carry_turn_generation_and_phrase():
    models = Models(replies=["Yes it is. That is what I said to you."])
    async with Line(models, AGENT) as line:
        line.say()
        await line.turns(1)
        names = [f["mark"]["name"] for f in line.frames if f["event"] == "mark"]
    assert names == ["1.0.0", "1.0.1"]


async def test_the_utterance_reaches_the_transcriber_whole():
    models = Models()
    async with Line(models, AGENT) as line:
        line.say()
        await line.turns(1)
    (heard,) = models.heard
    assert heard.rate_hz == 8_000
    assert len(SPEECH) * 0.8 < len(heard.samples) < len(SPEECH) * 1.3


async def test_a_greeting_is_spoken_first_and_is_turn_0():
    async with Line(agent=agent(greeting="Hello, this is {name}.")) as line:
        await line.turns(1)
        line.say()
        await line.turns(2)
    assert line.outcomes == ["greeted", "answered"]
    assert line.history[0] == ("assistant", "Hello, this is Sam.")
    assert line.models.prompts[0][1] == ("user", "Hello?")  # so that roles alternate


async def test_silence_and_empty_transcripts_skip_the_model():
    models = Models(transcripts=["", "hello"])
    async with Line(models, AGENT) as line:
        line.say()
        await line.turns(1)
        assert line.outcomes == ["empty"] and not models.prompts
        line.say()
        await line.turns(2)
    assert line.outcomes == ["empty", "answered"]


async def test_digits_reach_the_conversation():
    async with Line(agent=AGENT) as line:
        for digit in "42#":
            line.send({"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": digit}})
        await line.turns(1)
    assert line.history[0] == ("user", "(The caller pressed 4 2.)")


async def test_digits_end_with_a_pause():
    clock = [0.0]
    async with Line(agent=AGENT, now_s=lambda: clock[0]) as line:
        line.send({"event": "dtmf", "dtmf": {"digit": "7"}})
        await line.until(lambda one: one.call.state.digits == "7" or one.call.state.queued)
        clock[0] = 5.0
        await line.turns(1)
    assert line.history[0] == ("user", "(The caller pressed 7.)")


async def test_a_busy_call_queues_in_order_and_tells_the_overflow():
    said = ["one", "two", "three", "four"]
    polite = agent(interruptible=False, limits=Limits(max_queued_turns=2))
    async with Line(Models(transcripts=said), polite, echo_marks=False) as line:
        for number in range(4):
            line.say()
            await line.until(lambda one, n=number: len(one.texts("transcript")) > n)
        await line.until(lambda one: any("queue_full" in n["text"] for n in one.texts("notice")))
        assert line.count("clear") == 0
        line.echo_marks = True
        line.echo()
        await line.turns(3)
    assert [text for role, text in line.history if role == "user"] == ["one", "two", "three"]
    assert [n["text"] for n in line.texts("notice")][-1] == "queue_full: four"
    assert line.metrics.of("parley_queued_turns_refused_total") == [{}]


async def test_a_transient_failure_is_tried_again_before_the_first_token():
    async with Line(Models(replies=[[DOWN], "Fine."]), AGENT) as line:
        line.say()
        await line.turns(1)
    assert line.outcomes == ["answered"]
    assert line.metrics.of("parley_retries_total") == [{"backend": "llm", "failure": "server"}]
    assert not line.metrics.of("parley_fallbacks_total")


async def test_after_the_first_token_it_is_not_tried_again_but_apologised_for():
    models = Models(replies=[["Well, it is so. And", DOWN], "Fine."])
    async with Line(models, AGENT) as line:
        line.say()
        await line.turns(1)
        line.say()
        await line.turns(2)
    assert line.outcomes == ["failed", "answered"]
    assert line.history[1] == ("assistant", f"Well, it is so. And {FALLBACK_LINES[0]}")


async def test_three_failures_speak_the_three_tiers_and_hang_up():
    line = Line(Models(replies=[[REFUSED]]), AGENT)
    async with line:
        for turn in range(3):
            line.say()
            await line.until(lambda one, n=turn: len(one.outcomes) > n)
        await line.ended()
    assert line.models.spoken == list(FALLBACK_LINES)
    assert [tags["tier"] for tags in line.metrics.of("parley_fallbacks_total")] == ["1", "2", "3"]
    assert line.call.state.over


async def test_a_success_resets_the_tiers():
    async with Line(Models(replies=[[REFUSED], "Fine.", [REFUSED]]), AGENT) as line:
        for turn in range(3):
            line.say()
            await line.turns(turn + 1)
    assert [tags["tier"] for tags in line.metrics.of("parley_fallbacks_total")] == ["1", "1"]


@pytest.mark.parametrize("failing", ["transcript", "speech", "empty reply"])
async def test_every_model_has_its_fallback(failing):
    models = Models(
        transcripts=[REFUSED] if failing == "transcript" else None,
        replies=["\U0001f600"] if failing == "empty reply" else None,
    )
    async with Line(models, AGENT) as line:
        await line.call._around.lines.prepare(stack_of(AGENT), models.backends, deadline_s=1)
        kept = list(models.spoken)
        models.speech_fails = FailureClass.AUTH if failing == "speech" else False
        line.say()
        await line.turns(1)
    assert line.outcomes == ["failed"]
    assert line.history[-1] == ("assistant", FALLBACK_LINES[0])
    assert models.spoken == kept  # the line had been spoken at start-up


async def test_an_unknown_event_harms_nothing_and_stop_ends_the_call():
    line = Line(agent=AGENT)
    async with line:
        line.send({"event": "sparkle"})
        line.say()
        await line.turns(1)
        line.send({"event": "stop", "stop": {"callSid": "CA1"}})
        await line.ended()
    assert line.outcomes == ["answered"]


async def test_a_dead_socket_stops_the_models():
    hold = asyncio.Event()
    line = Line(Models(hold=hold), AGENT)
    async with line:
        line.say()
        await line.until(lambda one: one.texts("phrase"))
    assert line.models.aborted == 1
    assert len(asyncio.all_tasks()) == 1


async def test_idle_calls_and_long_calls_end():
    for limits, reason in (
        (Limits(idle_call_s=60), "idle call"),
        (Limits(call_length_s=60), "call length limit"),
    ):
        clock = [0.0]
        line = Line(agent=agent(limits=limits), now_s=lambda now=clock: now[0])
        async with line:
            line.say()
            await line.turns(1)
            clock[0] = 61.0
            await line.ended()
        assert reason in line.texts("notice")[-1]["text"]


async def test_sampling_and_stop_travel_with_each_request():
    sampling = Sampling(temperature=0, max_tokens=9, stop=("\n",))
    async with Line(agent=agent(sampling=sampling)) as line:
        line.say()
        await line.turns(1)
    (options,) = line.models.options
    assert (options.temperature, options.max_tokens, options.stop) == (0, 9, ("\n",))


async def test_stage_times_are_in_order_and_reported():
    async with Line(agent=AGENT) as line:
        line.say()
        await line.turns(1)
    stages_ms = line.texts("turn")[0]["stages_ms"]
    order = ["endpoint", "transcript", "first_token", "first_phrase", "first_audio", "sent"]
    assert list(stages_ms) == order
    assert sorted(stages_ms.values()) == list(stages_ms.values())
    assert ("parley_first_audio_ms", stages_ms["sent"], {}) in line.metrics.observed


async def test_texts_are_sent_to_nobody_who_did_not_ask():
    async with Line(agent=AGENT, texts=False) as line:
        line.say()
        await line.until(lambda one: one.count("mark"))
    assert {frame["event"] for frame in line.frames} == {"media", "mark"}


async def test_a_turn_that_is_over_leaves_no_sound_behind():
    async with Line(Models(phrase_s=0.5), AGENT) as line:
        line.say()
        await line.turns(1)
        assert line.call._outbox.playout is None
        line.say()
        await line.turns(2)
    assert line.outcomes == ["answered"] * 2
