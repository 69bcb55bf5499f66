"""The three seams to the models. Owns no connection; deployments and engines implement these."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from audio.pcm import Audio
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.spoken import Word
from conversation.tools import Tool, ToolCall


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
    """What travels with each request to the language model (`configs.agents.Sampling`).

    `tool_choice` is `auto`, `none`, `required`, or the name of the one tool to call.
    """

    max_tokens: int = 256
    temperature: float = 0.7
    top_p: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    stream: bool = True
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply cost, by the engine's own count. `cached_tokens` are those of the input that
    its prefix cache held; 0 where the engine does not tell. `cut_short` tells that the reply ended
    only because it had as many tokens as it might have."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cut_short: bool = False


Piece = str | ToolCall | Usage
"""Of a reply: text, a tool call (whole, once), and at the end its usage, when the engine tells."""


@dataclass(frozen=True, slots=True)
class Voice:
    name: str
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Speech:
    """A stretch of spoken audio with its words' times (empty where the engine gives none)."""

    audio: Audio
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """How a recording is transcribed. `language` (ISO 639-1) is found out when it is empty;
    `prompt` is text that might have gone before; a `temperature` of 0 is raised by the engine
    where its result is in doubt."""

    language: str = ""
    prompt: str = ""
    temperature: float = 0.0
    word_times: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a recording: its text and seconds from the recording's start, and how sure the
    engine is of it, in Whisper's own measures (zeros where an engine tells none)."""

    text: str
    start_s: float
    end_s: float
    language: str
    words: tuple[Word, ...] = ()
    tokens: tuple[int, ...] = ()
    temperature: float = 0.0
    avg_logprob: float = 0.0
    compression_ratio: float = 0.0
    no_speech_prob: float = 0.0


class Transcriber(Protocol):
    async def transcribe(
        self, speech: Audio, *, language: str, final: bool, deadline_s: float
    ) -> Transcript | None:
        """Transcribe a whole utterance (mono, any rate). A partial (`final=False`) may be None:
        skipped, since the model was busy. Raises BackendError."""
        ...

    def recorded(
        self, recording: Audio, options: RecordingOptions, *, deadline_s: float
    ) -> AsyncIterator[Segment]:
        """Transcribe a recording of any length (mono, any rate), segment by segment, behind the
        calls' utterances; closing the iterator ends the work. Raises BackendError."""
        ...


class ChatCompletions(Protocol):
    """A language model as OpenAI's chat API has it."""

    def chat(
        self, body: dict[str, Any], *, deadline_s: float
    ) -> AsyncIterator[str | dict[str, Any]]:
        """Answer the body of a POST to `/chat/completions`; its `model` is replaced by the
        back-end's own. One object, or with `"stream": true` complete server-sent events
        (`data: …\n\n`, some in one string, the last `data: [DONE]\n\n`). Closing the iterator
        aborts the model's work. Raises BackendError: of class invalid when the body is refused,
        of class timeout when the whole takes over `deadline_s`."""
        ...


class LanguageModel(ChatCompletions, Protocol):
    def reply(
        self,
        messages: Sequence[Message],
        options: ReplyOptions,
        *,
        first_token_s: float,
        deadline_s: float,
    ) -> AsyncIterator[Piece]:
        """Stream the reply, piece by piece; closing the iterator aborts the model's work.
        Raises BackendError, of class timeout when the first piece takes over `first_token_s` or
        the whole over `deadline_s`."""
        ...


class Synthesizer(Protocol):
    def synthesize(self, phrase: str, voice: Voice, *, deadline_s: float) -> AsyncIterator[Speech]:
        """Speak a phrase; audio at the engine's own rate. Raises BackendError, of class invalid
        when the voice is unknown."""
        ...

    async def voices(self, *, deadline_s: float) -> tuple[str, ...]:
        """The names that `synthesize` takes; empty where nobody tells. Raises BackendError."""
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
