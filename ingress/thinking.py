"""The model's half of a reply: asked, and cut into what is spoken or written, piece by piece.

Owns no state of the call. What the model says goes into a queue, which whoever speaks empties; what
is to be read of it, and what it cost, is told at once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Protocol

from configs.agents import Agent
from conversation.commands import Reply
from conversation.history import Message
from conversation.markers import BREAK, MarkerFilter
from conversation.phrases import PhraseStream
from conversation.tools import ToolCall
from conversation.wishes import Wish
from ingress.backends import BackendError, LanguageModel, Piece, ReplyOptions, Usage, closing
from ingress.model_time import ModelTime
from ingress.protocols.outputs import AgentWrites, ToolCalled, Used
from ingress.stages import Stage

Thoughts = asyncio.Queue[str | ToolCall | BackendError | None]
"""Phrases to be spoken, or pieces of a reply in writing; then the tools to be called behind them,
and None or what the model failed with."""


class TextStream(Protocol):
    def push(self, token: str) -> list[str]: ...
    def finish(self) -> list[str]: ...


class Written:
    """A reply in writing: as the model writes it, but for blanks before its first word, and markers
    that only a voice needs."""

    def __init__(self) -> None:
        self._markers, self._begun = MarkerFilter(), False

    def push(self, token: str) -> list[str]:
        text = self._markers.push(token)
        text = text if self._begun else text.lstrip()
        self._begun = self._begun or bool(text)
        return plain(text)

    def finish(self) -> list[str]:
        return plain(self._markers.finish())


def plain(text: str) -> list[str]:
    text = text.replace(BREAK, "")
    return [text] if text else []


@dataclass(frozen=True, slots=True)
class Thinking:
    """`reached` is told when a stage of the turn is done."""

    agent: Agent
    model: LanguageModel
    reached: Callable[[Stage], None]

    async def think(
        self,
        command: Reply,
        thoughts: Thoughts,
        spent: ModelTime,
        tell: Callable[[AgentWrites | Used], None],
    ) -> None:
        """Put the reply into the queue; each text of it is told as well, and its usage."""
        text = self._text(command.wish)
        end: BackendError | None = None

        def put(found: list[str]) -> None:
            for one in found:
                self.reached("first_phrase")
                tell(AgentWrites(command.turn, one))
                thoughts.put_nowait(one)

        try:
            with spent.of("llm"):
                async with closing(self.pieces(command.messages, command.wish)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, str):
                            self.reached("first_token")
                            put(text.push(piece))
                        elif isinstance(piece, Usage):
                            tell(Used(command.turn, piece))
                        else:
                            thoughts.put_nowait(piece)
        except BackendError as error:
            end = error
        put(text.finish())
        thoughts.put_nowait(end)

    def pieces(self, messages: Sequence[Message], wish: Wish) -> AsyncIterator[Piece]:
        """The model's own answer. Raises BackendError."""
        limits, sampling = self.agent.limits, self.agent.sampling
        options = ReplyOptions(
            **sampling.model_dump(exclude={"max_tokens"}),
            max_tokens=wish.max_tokens or sampling.max_tokens,
            tools=wish.tools,
            tool_choice=wish.tool_choice,
        )
        return self.model.reply(
            messages,
            options,
            first_token_s=limits.request_timeout_s,
            deadline_s=limits.streaming_timeout_s,
        )

    def _text(self, wish: Wish) -> TextStream:
        if not wish.spoken:
            return Written()
        whole_sentences = self.agent.first_phrase == "sentence"
        return PhraseStream(markers=self.agent.phrase_markers, first_sentence=whole_sentences)


def called(turn: int, call: ToolCall) -> ToolCalled:
    return ToolCalled(turn, replace(call, item=f"fc_{token_hex(12)}"))
