"""The work of one turn: a reply or a fixed line, phrase by phrase, into the outbox.

Owns no state of the call: it is handed the step function, and cancelling its task is all that it
takes to stop it. A phrase is synthesised while the one before it is heard, not earlier.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from configs.agents import Agent
from conversation.commands import Reply, Say
from conversation.events import Event, LineEnded, PhraseSpoken, ReplyEnded, ReplyFailed
from conversation.fallbacks import FailureClass
from conversation.phrases import PhraseStream
from conversation.spoken import Word
from ingress.backends import BackendError, Backends, ReplyOptions, Speech, Voice, closing
from ingress.lines import FixedLines
from ingress.model_time import ModelTime
from ingress.outbox import Outbox
from ingress.stages import Stage

Phrases = asyncio.Queue[str | BackendError | None]


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
    def voice(self) -> Voice:
        return Voice(self.agent.voice, self.agent.speed)

    async def reply(self, command: Reply, spent: ModelTime) -> None:
        """The model's answer, spoken while it is still being written."""
        phrases: Phrases = asyncio.Queue()
        failed: BackendError | None = None
        async with asyncio.TaskGroup() as tasks:
            thinking = tasks.create_task(self._think(command, phrases, spent), name="think")
            try:
                await self._speak_all(command.attempt, phrases, spent)
            except BackendError as error:
                failed = error
                thinking.cancel()
        if failed:
            self.step(ReplyFailed(command.attempt, failed.failure, failed.detail))
        else:
            self.step(ReplyEnded(command.attempt))

    async def say(self, command: Say, spent: ModelTime) -> None:
        """A fixed line: kept speech if there is any, else spoken now, else left out."""
        unspoken = ""
        try:
            await self._speak(command.attempt, command.text, spent)
        except BackendError as error:
            unspoken = str(error)
        self.step(LineEnded(command.attempt, unspoken))

    async def _think(self, command: Reply, phrases: Phrases, spent: ModelTime) -> None:
        limits, sampling = self.agent.limits, self.agent.sampling
        whole_sentences = self.agent.first_phrase == "sentence"
        stream = PhraseStream(markers=self.agent.phrase_markers, first_sentence=whole_sentences)
        tokens = self.backends.language_model.reply(
            command.messages,
            ReplyOptions(**sampling.model_dump()),
            first_token_s=limits.request_timeout_s,
            deadline_s=limits.streaming_timeout_s,
        )
        try:
            with spent.of("llm"):
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

    async def _speak_all(self, attempt: int, phrases: Phrases, spent: ModelTime) -> None:
        spoken = 0
        while (phrase := await phrases.get()) is not None:
            if isinstance(phrase, BackendError):
                raise phrase
            await self.outbox.room()
            spoken += await self._speak(attempt, phrase, spent)
        if not spoken:
            raise BackendError(FailureClass.UNKNOWN, "the model's reply has no words to speak")

    async def _speak(self, attempt: int, text: str, spent: ModelTime) -> bool:
        """Put a phrase into the outbox; False when there is nothing in it to be said."""
        number: int | None = None
        words: tuple[Word, ...] = ()
        seconds = 0.0
        try:
            async with closing(self._speech(text, spent)) as pieces:
                async for speech in pieces:
                    if number is None:
                        self.reached("first_audio")
                        number = self.outbox.begin(text)
                    words += tuple(
                        Word(w.text, w.start_s + seconds, w.end_s + seconds) for w in speech.words
                    )
                    seconds = self.outbox.play(number, speech.audio)
                    self.step(PhraseSpoken(attempt, number, text, seconds, words))
        finally:
            if number is not None:
                self.outbox.end(number)
        return number is not None

    async def _speech(self, text: str, spent: ModelTime) -> AsyncIterator[Speech]:
        if kept := self.lines.find(text, self.voice):
            for speech in kept:
                yield speech
            return
        deadline_s = self.agent.limits.request_timeout_s
        spoken = self.backends.synthesizer.synthesize(text, self.voice, deadline_s=deadline_s)
        with spent.of("tts"):
            async with closing(spoken) as pieces:
                async for speech in pieces:
                    yield speech
