"""Tools, items, and replies beside the conversation, through the whole call."""

import asyncio
import json

import pytest

from conversation.tools import ToolCall
from ingress.backends import Usage
from ingress.protocols.realtime.exchange import MAX_ASIDES
from tests.ingress.line import Models
from tests.ingress.realtime.peer import SPEECH, Peer

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class Tooled(Models):
    """The first reply calls a tool, after what it says."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__(replies=[after])
        self._before = before

    async def reply(self, messages, options, *, first_token_s, deadline_s):
        if messages[-1].role == "tool":
            async for piece in super().reply(
                messages, options, first_token_s=first_token_s, deadline_s=deadline_s
            ):
                yield piece
            return
        self.options.append(options)
        if self._before:
            yield self._before
        yield ToolCall("call_1", "get_weather", '{"city": "Berlin"}')


class Endless(Models):
    """Says all that it may."""

    async def reply(self, messages, options, *, first_token_s, deadline_s):
        for number in range(options.max_tokens):
            yield f" word{number}"
        yield Usage(9, options.max_tokens, cut_short=True)


@pytest.mark.parametrize("modality", ["audio", "text"])
async def test_a_reply_that_its_limit_cuts_is_incomplete(modality: str) -> None:
    async with Peer(Endless()) as peer:
        asked = {"output_modalities": [modality], "max_output_tokens": 3}
        peer.send("response.create", response=asked)
        done = (await peer.sent("response.done"))["response"]
        await peer.quiet()
        peer.send("conversation.item.retrieve", item_id=done["output"][0]["id"])
        item = (await peer.sent("conversation.item.retrieved"))["item"]
    assert item == done["output"][0]
    assert done["status"] == "incomplete"
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert [item["status"] for item in done["output"]] == ["incomplete"]
    assert [message.text for message in peer.call.state.history] == ["word0 word1 word2"]


@pytest.mark.parametrize("before", ["", "Let me look. "])
async def test_a_tool_round_trip(before: str) -> None:
    async with Peer(Tooled(before, "It is sunny.")) as peer:
        peer.update(tools=[WEATHER])
        peer.say()
        done = (await peer.sent("response.done"))["response"]
        call = done["output"][-1]
        peer.send(
            "conversation.item.create",
            item={"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"},
        )
        peer.send("response.create")
        await peer.sent("response.done", 2)
        await peer.quiet()
    added = peer.of("response.output_item.added")[bool(before)]["item"]
    assert (added["status"], added["arguments"]) == ("in_progress", "")
    assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Berlin"})
    assert peer.of("response.function_call_arguments.done")[0]["name"] == "get_weather"
    assert [tool.name for tool in peer.models.options[0].tools] == ["get_weather"]
    roles = [message.role for message in peer.call.state.history]
    expected = ["user", *(["assistant"] if before else []), "assistant", "tool", "assistant"]
    assert roles == expected
    assert peer.history[-1] == ("assistant", "It is sunny.")


async def test_tools_that_the_model_cannot_call_are_refused() -> None:
    async with Peer(tools=False) as peer:
        peer.update(tools=[WEATHER], instructions="Be quick.")
        await peer.sent("error")
        peer.update()
        session = (await peer.sent("session.updated"))["session"]
    assert peer.errors[0]["type"] == "invalid_request_error"
    assert peer.errors[0]["param"] == "session.tools"
    assert (session["tools"], session["instructions"]) == ([], "Be brief.")


async def test_a_reply_beside_the_conversation() -> None:
    """It may be made while another is spoken, and leaves no trace."""
    async with Peer(Models(replies=["One two three.", "topic: greeting"], phrase_s=0.4)) as peer:
        peer.write("hello")
        peer.send("response.create")
        await peer.sent("response.output_audio.delta")
        aside = {"conversation": "none", "output_modalities": ["text"], "metadata": {"a": "b"}}
        peer.send("response.create", response={**aside, "instructions": "Classify."})
        created = (await peer.sent("response.created", 2))["response"]
        await peer.sent("response.done", 2)
        await peer.quiet()
    done = {e["response"]["id"]: e["response"] for e in peer.of("response.done")}[created["id"]]
    assert done["output"][0]["content"][0]["text"].strip() == "topic: greeting"
    assert (done["metadata"], done["conversation_id"]) == ({"a": "b"}, None)
    assert ("system", "Classify.") in peer.models.prompts[1]
    known = [event["item"]["id"] for event in peer.of("conversation.item.added")]
    assert done["output"][0]["id"] not in known
    assert peer.history == [("user", "hello"), ("assistant", "One two three.")]


async def test_replies_beside_the_conversation_are_made_some_at_a_time() -> None:
    hold = asyncio.Event()
    async with Peer(Models(hold=hold, replies=["one two three four"])) as peer:
        aside = {"conversation": "none", "output_modalities": ["text"]}
        for _ in range(MAX_ASIDES + 1):
            peer.send("response.create", response=aside)
        await peer.sent("error")
        assert peer.errors[0]["code"] == "rate_limit_exceeded"
        hold.set()
        await peer.sent("response.done", MAX_ASIDES)
        peer.send("response.create", response=aside)
        await peer.sent("response.done", MAX_ASIDES + 1)
    assert len(peer.errors) == 1


async def test_a_commit_of_no_sound_asks_no_model() -> None:
    async with Peer(sound_in_events=False) as peer:
        peer.update(audio={"input": {"turn_detection": None, "transcription": {}}})
        peer.send("input_audio_buffer.commit")
        error = (await peer.sent("error"))["error"]
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert not peer.of("conversation.item.added") and not peer.models.heard


async def test_a_reply_to_other_items() -> None:
    async with Peer(Models(replies=["four"])) as peer:
        peer.write("not this")
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "2"}]}
        response = {"input": [item], "conversation": "none", "output_modalities": ["text"]}
        peer.send("response.create", response=response)
        await peer.sent("response.done")
    assert peer.models.prompts[0][1:] == [("user", "2")]


async def test_items_stand_where_they_are_put() -> None:
    async with Peer() as peer:
        for name, after in (("b", None), ("c", "b"), ("a", "root"), ("bc", "b")):
            place = {"previous_item_id": after} if after else {}
            content = [{"type": "input_text", "text": name}]
            item = {"type": "message", "role": "user", "content": content, "id": name}
            peer.send("conversation.item.create", item=item, **place)
        await peer.sent("conversation.item.done", 4)
        before = {e["item"]["id"]: e["previous_item_id"] for e in peer.of("conversation.item.done")}
        peer.send("conversation.item.delete", item_id="b")
        await peer.sent("conversation.item.deleted")
        peer.write("again", id="b")
        again = await peer.sent("conversation.item.added", 5)
        texts = [text for _, text in peer.history]
    assert before == {"b": None, "c": "b", "a": None, "bc": "b"}
    assert again["previous_item_id"] == "c"
    assert texts == ["a", "bc", "c", "again"]


class CountingAnew(Models):
    """Calls a tool in every reply, and names its calls as some models do."""

    async def reply(self, messages, options, *, first_token_s, deadline_s):
        self.prompts.append([(m.role, m.text) for m in messages])
        yield ToolCall("call_0", "get_weather", "{}")


async def test_a_call_id_may_come_again() -> None:
    async with Peer(CountingAnew()) as peer:
        peer.update(tools=[WEATHER])
        for number in (1, 2, 3):
            peer.send("response.create")
            done = await peer.sent("response.done", number)
            assert done["response"]["output"][0]["call_id"] == "call_0"
            answer = {"type": "function_call_output", "call_id": "call_0"}
            answer["output"] = f"{number} degrees"
            peer.send("conversation.item.create", item=answer)
        await peer.until(lambda peer: len(peer.history) == 6)
    ids = [event["item"]["id"] for event in peer.of("conversation.item.done")]
    assert len(ids) == len(set(ids)) == 6 and not peer.errors
    answers = [text for role, text in peer.models.prompts[-1] if role == "tool"]
    assert answers == ["1 degrees", "2 degrees"]


async def test_an_item_of_a_name_that_an_utterance_gets_ends_no_call() -> None:
    async with Peer() as peer:
        peer.append(SPEECH)
        begun = await peer.sent("input_audio_buffer.speech_started")
        peer.write("hi", id=begun["item_id"])
        peer.silence()
        await peer.sent("response.done")
