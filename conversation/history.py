"""What was really said and heard, and how a model is told of it. Owns no state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]

OPENING = "Hello?"
"""What a caller who has said nothing yet is taken to have said. Templates with strictly
alternating roles (Gemma 3's, for one) refuse a conversation that the assistant begins."""

CHARACTERS_PER_TOKEN = 4
"""OpenAI's rule of thumb for English: help.openai.com, "What are tokens and how to count them"."""


CUT_OFF = "\u2014"
"""What shows a model that it was interrupted: an em dash, as transcripts and plays have it."""


@dataclass(frozen=True, slots=True)
class Message:
    """`cut_off`: the caller interrupted; `text` is what was heard."""

    role: Role
    text: str
    cut_off: bool = False


TOKENS_AROUND_A_MESSAGE = 8
"""Role, turn marks and punctuation: Gemma 3's own template takes 5, a phone transcript's 4."""


def estimated_tokens(message: Message) -> int:
    """Tokens of a message, estimated from its length and rounded up."""
    return -(-len(message.text) // CHARACTERS_PER_TOKEN) + TOKENS_AROUND_A_MESSAGE


def capped(
    messages: Sequence[Message], *, max_messages: int = 0, max_tokens: int = 0
) -> tuple[Message, ...]:
    """Drop whole oldest turns until the caps hold (0: unlimited); the newest turn always stays.

    A turn begins with a user message; what the agent said before the first of them (a greeting)
    is a turn of its own. System messages are not part of `messages`.
    """
    turns = _turns(messages)
    while len(turns) > 1 and _over(turns, max_messages, max_tokens):
        turns = turns[1:]
    return tuple(message for turn in turns for message in turn)


def _turns(messages: Iterable[Message]) -> list[list[Message]]:
    turns: list[list[Message]] = []
    for message in messages:
        previous = turns[-1][-1].role if turns else None
        if not turns or (message.role == "user" and previous != "user"):
            turns.append([])
        turns[-1].append(message)
    return turns


def _over(turns: Sequence[Sequence[Message]], max_messages: int, max_tokens: int) -> bool:
    kept = [message for turn in turns for message in turn]
    if max_messages and len(kept) > max_messages:
        return True
    return bool(max_tokens) and sum(map(estimated_tokens, kept)) > max_tokens


def rendered(system: str, messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages as any chat template takes them: system first, then user and assistant in
    strict alternation, user first. Neighbours of one role become one message, and one that was
    cut off ends in a dash."""
    merged: list[Message] = []
    if messages and messages[0].role == "assistant":
        merged.append(Message("user", OPENING))
    for message in messages:
        text = message.text + CUT_OFF * message.cut_off
        if merged and merged[-1].role == message.role:
            text = f"{merged.pop().text} {text}"
        merged.append(Message(message.role, text))
    head = (Message("system", system),) if system else ()
    return (*head, *merged)
