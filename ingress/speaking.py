"""The work of one turn: a reply or a fixed line, phrase by phrase, into the outbox.

Owns no state of the call: it is handed the step function, and cancelling its task is all that it
takes to stop it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from configs.agents import Agent
from conversation.events import Event, LineEnded, PhraseSent, Reply, ReplyEnded, ReplyFailed, Say
from conversation.fallbacks import FailureClass
from conversation.phrases import PhraseStream
from conversation.state import Conversation
from ingress.backends import BackendError, Backends, ReplyOptions, Speech, Voice, closing
from ingress.lines import FixedLines
from ingress.outbox import Outbox
from ingress.protocols.outputs import AgentSays, PhraseEnd, Play
from ingress.stages import Stage

Phrases = asyncio.Queue[str | BackendError | None]


@dataclass(frozen=True, slots=True)
class Speaking:
    """How one call's turns are spoken. `step` folds an event into the call and `state` reads it;
    `reached` is told when a stage of the turn is done."""

    agent: Agent
    backends: Backends
    lines: FixedLines
    outbox: Outbox
    step: Callable[[Event], None]
    state: Callable[[], Conversation]
    reached: Callable[[Stage], None]

    @property
    def voice(self) -> Voice:
        return Voice(self.agent.voice, self.agent.speed)

    async def reply(self, command: Reply) -> None:
        """The model's answer, spoken while it is still being written."""
        phrases: Phrases = asyncio.Queue()
        failed: BackendError | None = None
        async with asyncio.TaskGroup() as tasks:
            thinking = tasks.create_task(self._think(command, phrases), name="think")
            try:
                await self._speak_all(command.turn, phrases)
            except BackendError as error:
                failed = error
                thinking.cancel()
        if failed:
            self.step(ReplyFailed(command.turn, failed.failure, failed.detail))
        else:
            self.step(ReplyEnded(command.turn))

    async def say(self, command: Say) -> None:
        """A fixed line: kept speech if there is any, else spoken now, else left out."""
        unspoken = ""
        try:
            await self._speak(command.turn, command.text)
        except BackendError as error:
            unspoken = str(error)
        self.step(LineEnded(command.turn, unspoken))

    async def _think(self, command: Reply, phrases: Phrases) -> None:
        limits, sampling = self.agent.limits, self.agent.sampling
        stream = PhraseStream(markers=self.agent.phrase_markers)
        tokens = self.backends.language_model.reply(
            command.messages,
            ReplyOptions(**sampling.model_dump()),
            first_token_s=limits.request_timeout_s,
            deadline_s=limits.streaming_timeout_s,
        )
        try:
            async with closing(tokens) as pieces:
                async for token in pieces:
                    self.reached("first_token")
                    self._pass_on(stream.push(token), phrases)
            self._pass_on(stream.finish(), phrases)
            phrases.put_nowait(None)
        except BackendError as error:
            self._pass_on(stream.finish(), phrases)
            phrases.put_nowait(error)

    def _pass_on(self, found: list[str], phrases: Phrases) -> None:
        for phrase in found:
            self.reached("first_phrase")
            phrases.put_nowait(phrase)

    async def _speak_all(self, turn: int, phrases: Phrases) -> None:
        spoken = 0
        while (phrase := await phrases.get()) is not None:
            if isinstance(phrase, BackendError):
                raise phrase
            spoken += await self._speak(turn, phrase)
        if not spoken:
            raise BackendError(FailureClass.UNKNOWN, "the model's reply has no words to speak")

    async def _speak(self, turn: int, text: str) -> bool:
        """Put a phrase into the outbox; False when there is nothing in it to be said."""
        number = len(self.state().sent)
        seconds = 0.0
        async with closing(self._speech(text)) as pieces:
            async for speech in pieces:
                if not seconds:
                    self.reached("first_audio")
                    self.outbox.put(AgentSays(turn, number, text))
                self.outbox.put(Play(speech.audio))
                seconds += speech.audio.seconds
        if seconds:
            self.outbox.put(PhraseEnd(turn, self.state().generation, number))
            self.step(PhraseSent(turn, text, seconds))
        return bool(seconds)

    async def _speech(self, text: str) -> AsyncIterator[Speech]:
        if kept := self.lines.find(text, self.voice):
            for speech in kept:
                yield speech
            return
        deadline_s = self.agent.limits.request_timeout_s
        spoken = self.backends.synthesizer.synthesize(text, self.voice, deadline_s=deadline_s)
        async with closing(spoken) as pieces:
            async for speech in pieces:
                yield speech
