"""What items hold: whatever is told of one later agrees with what was told of it before.

Written from OpenAI's reference, not from our codec. Order is `grammar`'s.
"""

from collections.abc import Iterable
from typing import Any

from conversation.history import Message

Event = dict[str, Any]


def words_of(item: Event) -> str | None:
    """Of a message's one part; None where they are not known, or there is no part."""
    parts = item["content"]
    return parts[0].get("transcript", parts[0].get("text")) if parts else None


class Contents:
    """`take` each event in order, then `agrees`. AssertionError for what does not agree."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}  # utterances, as their transcripts were completed
        self.told: dict[str, Event] = {}  # whole items
        self.added: set[str] = set()
        self.cut: set[str] = set()  # those of which less may have been heard than was sent
        self.compared = 0

    def take(self, event: Event) -> None:
        kind = event["type"]
        if kind == "conversation.item.input_audio_transcription.completed":
            self.said[event["item_id"]] = event["transcript"]
        elif kind == "conversation.item.added":
            self.added.add(event["item"]["id"])
        elif kind == "input_audio_buffer.speech_started":
            self.interrupt()
        elif kind == "conversation.item.done":
            self.told[event["item"]["id"]] = event["item"]
        elif kind == "response.done" and event["response"]["conversation_id"] is not None:
            for item in event["response"]["output"]:
                assert item["id"] not in self.told or self.told[item["id"]] == item
        elif kind == "conversation.item.truncated":
            self.cut.add(event["item_id"])
        elif kind == "conversation.item.deleted":
            for held in (self.said, self.told):
                held.pop(event["item_id"], None)
            self.added.discard(event["item_id"])
            self.cut.discard(event["item_id"])
        elif kind == "conversation.item.retrieved" and event["item"]["id"] in self.told:
            self._retrieved(event["item"])

    def interrupt(self) -> None:
        """Whatever plays just now is cut off: events do not tell of which item it is the sound."""
        self.cut |= self.added

    def _retrieved(self, item: Event) -> None:
        """As it was told, or of a reply what was heard of it, a beginning."""
        told = self.told[item["id"]]
        self.compared += 1
        if item["type"] != "message":
            assert item == told
        elif item["role"] == "assistant":
            self._reply(item, told)
        elif item["id"] in self.said:
            assert words_of(item) == self.said[item["id"]]
        else:
            assert words_of(item) == words_of(told)

    def _reply(self, item: Event, told: Event) -> None:
        words, whole = words_of(item) or "", words_of(told) or ""
        if item["status"] == "completed":
            assert (words, told["status"]) == (whole, "completed")
        else:
            assert item["status"] == "incomplete"
            assert told["status"] == "incomplete" or item["id"] in self.cut
            assert is_beginning(words, whole)

    def agrees(self, history: Iterable[Message]) -> None:
        """Whether the model is told what the client was told, no more and no less."""
        held = {message.item: message for message in history}
        for item, words in self.said.items():
            assert not words or (held[item].role, held[item].text) == ("user", words)
        for item, told in self.told.items():
            message = held.get(item)
            if told["type"] == "function_call":
                assert message and [call.arguments for call in message.calls] == [told["arguments"]]
            elif told["type"] == "function_call_output":
                assert message and message.text == told["output"]
            elif told["role"] == "assistant":
                whole = words_of(told) or ""
                assert is_beginning(message.text if message else "", whole)
            elif item not in self.said:
                assert (message.text if message else "") == (words_of(told) or "")


def is_beginning(words: str, whole: str) -> bool:
    return whole.split()[: len(words.split())] == words.split()
