"""The work of one turn: a reply or a fixed line, phrase by phrase, into the outbox.

Owns no state of the call: it is handed the step function, and cancelling its task is all that it
takes to stop it. A phrase is synthesised while the one before it is heard, not earlier.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from configs.agents import Agent
from conversation.commands import Reply, ReplyAside, Say
from conversation.events import Event, LineEnded, PhraseSpoken, ReplyEnded, ReplyFailed
from conversation.fallbacks import FailureClass
from conversation.spoken import Phrase, Position, Word, heard_text
from conversation.wishes import PLAIN, Wish
from ingress.backends import BackendError, Backends, Speech, Usage, Voice, closing
from ingress.lines import FixedLines
from ingress.model_time import ModelTime
from ingress.outbox import Outbox
from ingress.playout import Playout
from ingress.protocols.outputs import (
    AgentWrites,
    FellBack,
    ReplyBegun,
    ReplySent,
    ToolCalled,
    Used,
)
from ingress.stages import Stage
from ingress.thinking import Thinking, Thoughts, Written, called


@dataclass(frozen=True, slots=True)
class Speaking:
    """How one call's turns are spoken. `step` folds an event into the call; `reached` is told when
    a stage of the turn is done."""

    agent: Agent
    backends: Backends
    lines: FixedLines
    outbox: Outbox
    step: Callable[[Event], None]
    reached: Callable[[Stage], None]

    @property
    def _thinking(self) -> Thinking:
        return Thinking(self.agent, self.backends.language_model, self.reached)

    def _voice(self, wish: Wish) -> Voice:
        return Voice(wish.voice or self.agent.voice, wish.speed or self.agent.speed)

    async def reply(self, command: Reply, playout: Playout, spent: ModelTime) -> None:
        """The model's answer, spoken, or sent in writing, while it is still being written."""
        thoughts: Thoughts = asyncio.Queue()
        failed: BackendError | None = None
        calls: list[ToolCalled] = []

        def tell(output: AgentWrites | Used) -> None:
            playout.tell(output)
            self.outbox.stir()

        async with asyncio.TaskGroup() as tasks:
            work = self._thinking.think(command, thoughts, spent, tell)
            thinking = tasks.create_task(work, name="think")
            try:
                calls = await self._express(command, thoughts, playout, spent)
            except BackendError as error:
                failed = error
                thinking.cancel()
        if failed:
            self.step(ReplyFailed(command.attempt, failed.failure, failed.detail))
            return
        playout.finish(*calls, ReplySent(command.turn))
        self.outbox.stir()
        self.step(ReplyEnded(command.attempt))

    async def aside(self, command: ReplyAside) -> None:
        """A reply in writing, beside the conversation: nothing of it comes back to it."""
        turn, text = -command.aside, Written()
        self.outbox.put(ReplyBegun(turn, command.item, command.wish))

        def put(found: list[str]) -> None:
            for one in found:
                self.outbox.put(AgentWrites(turn, one))

        try:
            pieces_of = self._thinking.pieces(command.messages, command.wish)
            async with closing(pieces_of) as pieces:
                async for piece in pieces:
                    match piece:
                        case str():
                            put(text.push(piece))
                        case Usage():
                            self.outbox.put(Used(turn, piece))
                        case _:
                            self.outbox.put(called(turn, piece))
        except BackendError as error:
            self.outbox.put(FellBack(turn, str(error)))
        put(text.finish())
        self.outbox.put(ReplySent(turn))

    async def say(self, command: Say, playout: Playout, spent: ModelTime) -> None:
        """A fixed line: kept speech if there is any, else spoken now, else left out."""
        unspoken = ""
        playout.tell(AgentWrites(command.turn, command.text))
        voice = self._voice(PLAIN)
        try:
            await self._speak(command.attempt, command.text, voice, playout, spent)
        except BackendError as error:
            unspoken = str(error)
        playout.finish(ReplySent(command.turn))
        self.outbox.stir()
        self.step(LineEnded(command.attempt, unspoken))

    async def _express(
        self, command: Reply, thoughts: Thoughts, playout: Playout, spent: ModelTime
    ) -> list[ToolCalled]:
        """Speak what is thought, or write it; the tools that are to be called behind it."""
        written, spoken, calls = "", 0, list[ToolCalled]()
        voice = self._voice(command.wish)
        while (thought := await thoughts.get()) is not None:
            if isinstance(thought, BackendError):
                raise thought
            if not isinstance(thought, str):
                calls.append(called(command.turn, thought))
            elif command.wish.spoken:
                await self.outbox.room(playout)
                spoken += await self._speak(command.attempt, thought, voice, playout, spent)
            else:
                written += thought
                self.step(PhraseSpoken(command.attempt, 0, written, 0.0))
        if not (spoken or written or calls):
            raise BackendError(FailureClass.UNKNOWN, "the model's reply has no words to speak")
        return calls

    async def _speak(
        self, attempt: int, text: str, voice: Voice, playout: Playout, spent: ModelTime
    ) -> bool:
        """Put a phrase into the playout; False when there is nothing in it to be said."""
        spoken = Phrase(text)
        number: int | None = None
        try:
            async with closing(self._speech(text, voice, spent)) as pieces:
                async for speech in pieces:
                    if number is None:
                        self.reached("first_audio")
                        number = playout.begin(text)
                    words = spoken.words + later(speech.words, spoken.seconds)
                    spoken = Phrase(text, playout.add(number, speech.audio), words)
                    self.outbox.stir()
                    self._tell(attempt, number, spoken)
        except BackendError:
            if number is not None:  # the caller hears what there is of it, and no more
                self._tell(attempt, number, replace(spoken, text=so_far(spoken)))
            raise
        finally:
            if number is not None:
                playout.end(number)
                self.outbox.stir()
        return number is not None

    def _tell(self, attempt: int, number: int, spoken: Phrase) -> None:
        self.step(PhraseSpoken(attempt, number, spoken.text, spoken.seconds, spoken.words))

    async def _speech(self, text: str, voice: Voice, spent: ModelTime) -> AsyncIterator[Speech]:
        if kept := self.lines.find(text, voice):
            for speech in kept:
                yield speech
            return
        deadline_s = self.agent.limits.request_timeout_s
        spoken = self.backends.synthesizer.synthesize(text, voice, deadline_s=deadline_s)
        with spent.of("tts"):
            async with closing(spoken) as pieces:
                async for speech in pieces:
                    yield speech


def later(words: tuple[Word, ...], seconds: float) -> tuple[Word, ...]:
    return tuple(Word(w.text, w.start_s + seconds, w.end_s + seconds) for w in words)


def so_far(spoken: Phrase) -> str:
    """The words of a phrase that its sound holds."""
    return heard_text([spoken], Position(0, spoken.seconds))
