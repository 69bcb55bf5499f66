"""The three seams to the models. Owns no connection; deployments and engines implement these."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from audio.pcm import Audio
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.spoken import Word


class BackendError(Exception):
    """A model back-end failed; the call goes on."""

    def __init__(self, failure: FailureClass, detail: str) -> None:
        super().__init__(f"{failure}: {detail}")
        self.failure, self.detail = failure, detail

    def __reduce__(self):  # so that it crosses process borders whole
        return BackendError, (self.failure, self.detail)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said. `text` is empty for silence, noise and music."""

    text: str


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """What travels with each request to the language model (`configs.agents.Sampling`)."""

    max_tokens: int = 256
    temperature: float = 0.7
    top_p: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    stream: bool = True


@dataclass(frozen=True, slots=True)
class Voice:
    name: str
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Speech:
    """A stretch of spoken audio with its words' times (empty where the engine gives none)."""

    audio: Audio
    words: tuple[Word, ...] = ()


class Transcriber(Protocol):
    async def transcribe(
        self, speech: Audio, *, language: str, final: bool, deadline_s: float
    ) -> Transcript | None:
        """Transcribe a whole utterance (mono, any rate). A partial (`final=False`) may be None:
        skipped, since the model was busy. Raises BackendError."""
        ...


class LanguageModel(Protocol):
    def reply(
        self,
        messages: Sequence[Message],
        options: ReplyOptions,
        *,
        first_token_s: float,
        deadline_s: float,
    ) -> AsyncIterator[str]:
        """Stream the reply's text, piece by piece; closing the iterator aborts the model's work.
        Raises BackendError, of class timeout when the first piece takes over `first_token_s` or
        the whole over `deadline_s`."""
        ...


class Synthesizer(Protocol):
    def synthesize(self, phrase: str, voice: Voice, *, deadline_s: float) -> AsyncIterator[Speech]:
        """Speak a phrase; audio at the engine's own rate. Raises BackendError, of class invalid
        when the voice is unknown."""
        ...


@runtime_checkable
class Connected(Protocol):
    """What a back-end may be besides: one with connections of its own."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Backends:
    transcriber: Transcriber
    language_model: LanguageModel
    synthesizer: Synthesizer

    async def close(self) -> None:
        """Give up what connections there are."""
        for backend in (self.transcriber, self.language_model, self.synthesizer):
            if isinstance(backend, Connected):
                await backend.close()


def closing(iterator: AsyncIterator[Any]) -> Any:
    """`aclosing` for what the seams declare an iterator and implement as a generator: however a
    loop over it ends, the model's work is cancelled there and then."""
    return aclosing(iterator)  # pyright: ignore[reportArgumentType]
