"""The work of one turn: a reply or a fixed line, phrase by phrase, into the outbox.

Owns no state of the call: it is handed the step function, and cancelling its task is all that it
takes to stop it. A phrase is synthesised while the one before it is heard, not earlier.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from configs.agents import Agent
from conversation.commands import Reply, Say
from conversation.events import Event, LineEnded, PhraseSpoken, ReplyEnded, ReplyFailed
from conversation.fallbacks import FailureClass
from conversation.phrases import PhraseStream
from conversation.spoken import Phrase, Position, Word, heard_text
from ingress.backends import BackendError, Backends, ReplyOptions, Speech, Voice, closing
from ingress.lines import FixedLines
from ingress.model_time import ModelTime
from ingress.outbox import Outbox
from ingress.playout import Playout
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

    async def reply(self, command: Reply, playout: Playout, spent: ModelTime) -> None:
        """The model's answer, spoken while it is still being written."""
        phrases: Phrases = asyncio.Queue()
        failed: BackendError | None = None
        async with asyncio.TaskGroup() as tasks:
            thinking = tasks.create_task(self._think(command, phrases, spent), name="think")
            try:
                await self._speak_all(command.attempt, phrases, playout, spent)
            except BackendError as error:
                failed = error
                thinking.cancel()
        if failed:
            self.step(ReplyFailed(command.attempt, failed.failure, failed.detail))
        else:
            self.step(ReplyEnded(command.attempt))

    async def say(self, command: Say, playout: Playout, spent: ModelTime) -> None:
        """A fixed line: kept speech if there is any, else spoken now, else left out."""
        unspoken = ""
        try:
            await self._speak(command.attempt, command.text, playout, spent)
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

    async def _speak_all(
        self, attempt: int, phrases: Phrases, playout: Playout, spent: ModelTime
    ) -> None:
        spoken = 0
        while (phrase := await phrases.get()) is not None:
            if isinstance(phrase, BackendError):
                raise phrase
            await self.outbox.room(playout)
            spoken += await self._speak(attempt, phrase, playout, spent)
        if not spoken:
            raise BackendError(FailureClass.UNKNOWN, "the model's reply has no words to speak")

    async def _speak(self, attempt: int, text: str, playout: Playout, spent: ModelTime) -> bool:
        """Put a phrase into the playout; False when there is nothing in it to be said."""
        spoken = Phrase(text)
        number: int | None = None
        try:
            async with closing(self._speech(text, spent)) as pieces:
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


def later(words: tuple[Word, ...], seconds: float) -> tuple[Word, ...]:
    return tuple(Word(w.text, w.start_s + seconds, w.end_s + seconds) for w in words)


def so_far(spoken: Phrase) -> str:
    """The words of a phrase that its sound holds."""
    return heard_text([spoken], Position(0, spoken.seconds))
