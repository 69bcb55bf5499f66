"""However a client behaves, every event comes in order, everything that began has its end, and
what is told of an item is what was told before and what the model is told."""

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from configs.agents import Agent
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.tools import ToolCall
from ingress.backends import BackendError, Usage
from tests.ingress.line import Models
from tests.ingress.realtime.contents import Contents
from tests.ingress.realtime.grammar import Grammar
from tests.ingress.realtime.peer import SPEECH, Peer
from tests.ingress.realtime.test_tools_and_items import WEATHER

SERVER_VAD = {"type": "server_vad"}
DETECTIONS = [
    SERVER_VAD,
    SERVER_VAD | {"create_response": False},
    SERVER_VAD | {"interrupt_response": False},
    {"type": "semantic_vad", "eagerness": "high"},
    None,
]
LOST = BackendError(FailureClass.INVALID, "no")


class Moody(Models):
    """Models that fail now and then, and call a tool when they have one."""

    def __init__(self, phrase_s: float) -> None:
        super().__init__(
            transcripts=["hello", "Yes.", "", "what is two", "Yes.", LOST],
            replies=["It is one. It is two then.", ["One two", LOST], "Three.", LOST],
            phrase_s=phrase_s,
            hears_partials=True,
        )
        self._numbers = itertools.count(1)

    async def reply(self, messages, options, *, first_token_s, deadline_s):
        number = next(self._numbers)
        if options.tools and number % 2:
            yield "Let me see. " if number % 3 else ""
            yield ToolCall(f"call_{number}", options.tools[0].name, '{"city": "Berlin"}')
            yield Usage(7, 2)
            return
        asked = {"first_token_s": first_token_s, "deadline_s": deadline_s}
        async for piece in super().reply(messages, options, **asked):
            yield piece
        yield Usage(7, 2, cut_short=number % 4 == 0)


@dataclass
class Client:
    """What a client may do, each as a method of one number that makes its choices."""

    peer: Peer
    made: list[str] = field(default_factory=list)
    hushed: set[int] = field(default_factory=set)
    """After how many events what played was ended by the client, which no event may tell."""

    def item(self, choice: int) -> str:
        """Mostly one that is or was there, and mostly a late one."""
        known = [event["item"]["id"] for event in self.peer.of("conversation.item.added")]
        items = ["nobody", *known, *self.made]
        return items[-1 - choice % min(len(items), 4)]

    async def say(self, choice: int) -> None:
        self.peer.append(SPEECH[: 24_000 * (1 + choice % 6)])

    async def pause(self, choice: int) -> None:
        self.peer.silence(200 + 400 * (choice % 3))

    async def commit(self, _: int) -> None:
        self.peer.send("input_audio_buffer.commit", event_id="commit")

    async def clear(self, _: int) -> None:
        self.peer.send("input_audio_buffer.clear")

    async def hush(self, _: int) -> None:
        self.peer.send("output_audio_buffer.clear")
        await self._until_hushed()

    async def _until_hushed(self) -> None:
        await self.peer.until(lambda peer: peer.all_read)
        self.hushed.add(len(self.peer.events))

    async def listen(self, choice: int) -> None:
        detection = DETECTIONS[choice % len(DETECTIONS)]
        self.peer.update(audio={"input": {"turn_detection": detection}})

    async def configure(self, choice: int) -> None:
        formats = ["audio/pcm", "audio/pcmu", "audio/pcma", "audio/mp3"]
        updates: list[dict[str, Any]] = [
            {"tools": [WEATHER]},
            {"tools": []},
            {"output_modalities": ["text"]},
            {"output_modalities": ["audio"]},
            {"audio": {"output": {"format": {"type": formats[choice % 4]}}}},
        ]
        self.peer.update(**updates[choice % len(updates)])

    async def write(self, choice: int) -> None:
        name = f"mine{choice % 4}"
        self.made.append(name)
        self.peer.write("hello", id=name)

    async def insert(self, choice: int) -> None:
        content = [{"type": "output_text", "text": "Well."}]
        item = {"type": "message", "role": "assistant", "content": content}
        after = "root" if choice % 3 == 0 else self.item(choice)
        self.peer.send("conversation.item.create", item=item, previous_item_id=after)

    async def answer_tool(self, choice: int) -> None:
        calls = self.peer.of("response.function_call_arguments.done")
        call = calls[choice % len(calls)]["call_id"] if calls else "none"
        item = {"type": "function_call_output", "call_id": call, "output": "sunny"}
        self.peer.send("conversation.item.create", item=item)
        self.peer.send("response.create")

    async def delete(self, choice: int) -> None:
        self.peer.send("conversation.item.delete", item_id=self.item(choice))

    async def retrieve(self, choice: int) -> None:
        self.peer.send("conversation.item.retrieve", item_id=self.item(choice))

    async def truncate(self, choice: int) -> None:
        place = {"item_id": self.item(choice), "content_index": 0}
        self.peer.send("conversation.item.truncate", audio_end_ms=choice % 900, **place)

    async def respond(self, choice: int) -> None:
        modalities = [["text"], ["audio"]][choice % 2]
        conversation = ["auto", "none"][choice // 2 % 2]
        response = {"output_modalities": modalities, "conversation": conversation}
        self.peer.send("response.create", response=response)

    async def cancel(self, choice: int) -> None:
        created = self.peer.of("response.created")
        if created and choice % 2:
            number = created[choice % len(created)]["response"]["id"]
            self.peer.send("response.cancel", response_id=number)
        else:
            self.peer.send("response.cancel")
        await self._until_hushed()

    async def retrieve_all(self) -> None:
        for item in [event["item"]["id"] for event in self.peer.of("conversation.item.added")]:
            self.peer.send("conversation.item.retrieve", item_id=item)

    async def talk_nonsense(self, choice: int) -> None:
        nonsense = ["{", b"\x00", "{}", '{"type":"x"}', '{"type":"session.update"}']
        self.peer.send_raw(nonsense[choice % len(nonsense)])

    async def wait(self, choice: int) -> None:
        """Until so many more events have come, or nothing is under way."""
        number = len(self.peer.events) + 1 + choice % 25
        await self.peer.until(
            lambda peer: len(peer.events) >= number or at_rest(peer) or up_to_the_caller(peer)
        )


NOT_AMONG_THEM = {"_until_hushed", "retrieve_all"}
ACTIONS = [
    name
    for name, one in vars(Client).items()
    if asyncio.iscoroutinefunction(one) and name not in NOT_AMONG_THEM
]
OFTEN = ["say", "pause", "respond", "wait", "wait", "wait", "answer_tool"]
OVER_THE_AGENT = [("say", 5), ("pause", 2), ("wait", 24), ("say", 0), ("pause", 2), ("wait", 24)]
UNINTERRUPTED = [("listen", 2), *OVER_THE_AGENT]
"""A "Yes." in the middle of a reply that goes on."""

BEHAVIOUR = st.lists(st.tuples(st.sampled_from(ACTIONS + OFTEN), st.integers(0, 99)), max_size=25)


def told(peer: Peer) -> bool:
    """Whether nothing is to come any more, but the end of what plays."""
    state = peer.call.state
    waiting = state.segments or state.untold or state.wished or state.queued
    created, done = peer.of("response.created"), peer.of("response.done")
    return peer.all_read and not waiting and len(created) == len(done)


def up_to_the_caller(peer: Peer) -> bool:
    """Whether all waits for the end of an utterance that the caller has begun."""
    state = peer.call.state
    known = all(segment.text is not None for segment in state.segments)
    return peer.all_read and state.caller_speaks and state.phase == "listening" and known


def at_rest(peer: Peer) -> bool:
    return told(peer) and peer.call.state.phase == "listening"


async def behave(
    behaviour: list[tuple[str, int]], *, sound_in_events: bool, phrase_s: float
) -> tuple[list[dict[str, Any]], set[int], tuple[Message, ...]]:
    """What the client was told, with every item retrieved at last, once before all of it was heard;
    when it hushed the agent; and the history."""
    agent = Agent(prompt="Be brief.", phrase_markers=False, fallback_lines=("Sorry.", "Again."))
    session = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    ways = {"sound_in_events": sound_in_events, "listening": {"partial_every_ms": 100}}
    async with Peer(Moody(phrase_s), agent, session=session, **ways) as peer:
        client = Client(peer)
        for action, choice in behaviour:
            await getattr(client, action)(choice)
        peer.update(audio={"input": {"turn_detection": SERVER_VAD}})
        peer.say()
        for met in (told, at_rest):
            await peer.until(met)
            await client.retrieve_all()
        updates = len(peer.of("session.updated"))
        peer.update()
        await peer.sent("session.updated", updates + 1)
        return list(peer.events), client.hushed, peer.call.state.history


@pytest.mark.parametrize("sound_in_events", [True, False])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(behaviour=BEHAVIOUR, phrase_s=st.sampled_from([0.02, 0.3]))
@example(behaviour=OVER_THE_AGENT, phrase_s=0.3)
@example(behaviour=UNINTERRUPTED, phrase_s=1.5)
def test_every_event_in_order(sound_in_events, behaviour, phrase_s):
    ways = {"sound_in_events": sound_in_events, "phrase_s": phrase_s}
    grammar, contents = Grammar(), Contents()
    events, hushed, history = asyncio.run(behave(behaviour, **ways))
    for number, event in enumerate(events):
        if number in hushed:
            contents.interrupt()
        try:
            grammar.take(event)
            contents.take(event)
        except (AssertionError, KeyError, ValueError, IndexError) as error:
            raise AssertionError(f"out of order: {event}") from error
    grammar.end(transcribes=True)
    held = [message.item for message in history]
    there = [item for item in held if item in grammar.order]
    assert there == [item for item in grammar.order if item in held]
    contents.agrees(history)
    assert contents.compared >= len(grammar.order)


def test_the_grammar_can_fail():
    grammar = Grammar()
    grammar.take({"type": "session.created", "event_id": "1"})
    with pytest.raises(AssertionError):
        grammar.take({"type": "input_audio_buffer.speech_stopped", "event_id": "2", "item_id": "x"})


UTTERANCE = {"type": "message", "role": "user", "id": "u1", "status": "completed"}


def with_words(words: str | None) -> dict[str, Any]:
    return UTTERANCE | {"content": [{"type": "input_audio", "transcript": words}]}


def test_what_does_not_agree_is_found():
    contents = Contents()
    contents.take({"type": "conversation.item.done", "item": with_words(None)})
    transcribed = "conversation.item.input_audio_transcription.completed"
    contents.take({"type": transcribed, "item_id": "u1", "transcript": "Yes."})
    contents.take({"type": "conversation.item.retrieved", "item": with_words("Yes.")})
    contents.agrees([Message("user", "Yes.", item="u1")])
    with pytest.raises(AssertionError):
        contents.take({"type": "conversation.item.retrieved", "item": with_words(None)})
    with pytest.raises((AssertionError, KeyError)):
        contents.agrees([])
