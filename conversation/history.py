"""What was really said and heard, and how a model is told of it. Owns no state."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from conversation.spoken import Phrase
from conversation.tools import ToolCall

Role = Literal["system", "user", "assistant", "tool"]

OPENING = "Hello?"
"""What a caller who has said nothing yet is taken to have said. Templates with strictly
alternating roles (Gemma 3's, for one) refuse a conversation that the assistant begins."""

CHARACTERS_PER_TOKEN = 4
"""OpenAI's rule of thumb for English: help.openai.com, "What are tokens and how to count them"."""


CUT_OFF = "\u2014"
"""What shows a model that it was interrupted: an em dash, as transcripts and plays have it."""


@dataclass(frozen=True, slots=True)
class Message:
    """`cut_off`: the caller interrupted; `text` is what was heard.

    `item` names the message where the protocol names items. `calls` are tools that the assistant
    calls, in a message without text; one of role `tool` is the answer to `call_id`. `phrases` is
    the speech that was made of it, by which it may be cut off once more, later; the `whole` of it,
    or as far as it had come when it was interrupted.
    """

    role: Role
    text: str
    cut_off: bool = False
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    item: str = field(default="", compare=False)
    phrases: tuple[Phrase, ...] = field(default=(), compare=False)
    whole: bool = field(default=True, compare=False)

    @property
    def says(self) -> bool:
        """Whether it has anything for a model: an item's place may have no words yet, or none."""
        return bool(self.text or self.calls or self.call_id)


UNANSWERED = "(no result yet)"
"""What a model is told of a tool that has not answered when the caller goes on."""

TOKENS_AROUND_A_MESSAGE = 8
"""Role, turn marks and punctuation: Gemma 3's own template takes 5, a phone transcript's 4."""


def estimated_tokens(message: Message) -> int:
    """Tokens of a message, estimated from its length and rounded up."""
    written = len(message.text) + sum(len(call.name + call.arguments) for call in message.calls)
    return -(-written // CHARACTERS_PER_TOKEN) + TOKENS_AROUND_A_MESSAGE


def capped(
    messages: Sequence[Message], *, max_messages: int = 0, max_tokens: int = 0
) -> tuple[Message, ...]:
    """Drop whole oldest turns until the caps hold (0: unlimited); the newest turn always stays.

    A turn begins with a user message; what the agent said before the first of them (a greeting)
    is a turn of its own. System messages stay, and count for nothing: they are instructions.
    """
    turns = _turns(messages)
    kept = turns
    while len(kept) > 1 and _over(kept, max_messages, max_tokens):
        kept = kept[1:]
    dropped = turns[: len(turns) - len(kept)]
    instructions = (one for turn in dropped for one in turn if one.role == "system")
    return (*instructions, *(message for turn in kept for message in turn))


def _turns(messages: Iterable[Message]) -> list[list[Message]]:
    turns: list[list[Message]] = []
    for message in messages:
        previous = turns[-1][-1].role if turns else None
        if not turns or (message.role == "user" and previous != "user"):
            turns.append([])
        turns[-1].append(message)
    return turns


def _over(turns: Sequence[Sequence[Message]], max_messages: int, max_tokens: int) -> bool:
    kept = [one for turn in turns for one in turn if one.says and one.role != "system"]
    if max_messages and len(kept) > max_messages:
        return True
    return bool(max_tokens) and sum(map(estimated_tokens, kept)) > max_tokens


def rendered(system: str, messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages as any chat template takes them: system first, then user and assistant in
    strict alternation, user first; tools' answers stand behind the message that calls them,
    whenever they came. Neighbours of one role become one message, and one that was cut off ends in
    a dash."""
    system = "\n\n".join((system, *(m.text for m in messages if m.role == "system"))).strip()
    talk = [m for m in messages if m.role != "system" and m.says]
    shown = [replace(m, text=m.text + CUT_OFF * m.cut_off, cut_off=False) for m in talk]
    merged = _merged(_each_answered(_merged(shown)))
    if not merged or merged[0].role != "user":
        merged = _merged([Message("user", OPENING), *merged])
    head = (Message("system", system),) if system else ()
    return (*head, *merged)


def _merged(messages: Iterable[Message]) -> list[Message]:
    merged: list[Message] = []
    for message in messages:
        text, calls = message.text, message.calls
        if merged and merged[-1].role == message.role and not message.call_id:
            before = merged.pop()
            text = f"{before.text} {text}".strip()
            calls = before.calls + calls
        merged.append(Message(message.role, text, calls=calls, call_id=message.call_id))
    return merged


def _each_answered(messages: Sequence[Message]) -> Iterator[Message]:
    """Every call with one answer, right behind it: OpenAI's API refuses a conversation in which
    the caller said something in between, one without an answer yet, and one of a call that is
    gone."""
    answers = [message for message in messages if message.call_id]
    for message in messages:
        if message.call_id:
            continue
        yield message
        for call in message.calls:
            found = next((a for a in answers if a.call_id == call.call_id), None)
            if found:
                answers.remove(found)
            yield found or Message("tool", UNANSWERED, call_id=call.call_id)
