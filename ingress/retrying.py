"""Back-ends that try again: a transient failure is repeated with exponential backoff, until the
first piece of an answer is out. Which failures, and how long to wait, `conversation.fallbacks`
decides."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from typing import Any, TypeVar

from audio.pcm import Audio
from conversation.fallbacks import retry_delay_s
from conversation.history import Message
from ingress.backends import (
    BackendError,
    Backends,
    LanguageModel,
    Piece,
    RecordingOptions,
    ReplyOptions,
    Segment,
    Speech,
    Synthesizer,
    Transcriber,
    Transcript,
    Voice,
    closing,
)
from ingress.call_log import CallLog
from ingress.metrics import Metrics

Item = TypeVar("Item")


def retrying(backends: Backends, retries: int, metrics: Metrics, log: CallLog) -> Backends:
    """The same back-ends, each request repeated up to `retries` times."""
    return Backends(
        RetryingTranscriber(backends.transcriber, Attempts("stt", retries, metrics, log)),
        RetryingLanguageModel(backends.language_model, Attempts("llm", retries, metrics, log)),
        RetryingSynthesizer(backends.synthesizer, Attempts("tts", retries, metrics, log)),
    )


class Attempts:
    """One back-end's policy of trying again, and the record of it."""

    def __init__(self, backend: str, retries: int, metrics: Metrics, log: CallLog) -> None:
        self._backend, self._retries = backend, retries
        self._metrics, self._log = metrics, log

    async def pause(self, error: BackendError, attempt: int, *, started: bool) -> None:
        """Wait before attempt number `attempt + 1`, or raise `error`, with the back-end's name,
        when there is to be none."""
        tags = {"backend": self._backend, "failure": error.failure.value}
        self._metrics.count("parley_failures_total", **tags)
        delay = None if started else retry_delay_s(error.failure, attempt, self._retries)
        if delay is None:
            raise BackendError(error.failure, f"{self._backend}: {error.detail}") from error
        self._log.info("retry", attempt=attempt + 1, detail=error.detail, **tags)
        self._metrics.count("parley_retries_total", **tags)
        await asyncio.sleep(delay)

    async def stream(self, begin: Callable[[], AsyncIterator[Item]]) -> AsyncIterator[Item]:
        for attempt in count():
            started = False
            try:
                async with closing(begin()) as items:
                    async for item in items:
                        started = True
                        yield item
                return
            except BackendError as error:
                await self.pause(error, attempt, started=started)


class RetryingTranscriber:
    def __init__(self, inner: Transcriber, attempts: Attempts) -> None:
        self._inner, self._attempts = inner, attempts

    async def transcribe(
        self, speech: Audio, *, language: str, final: bool, deadline_s: float
    ) -> Transcript | None:
        for attempt in count():
            try:
                return await self._inner.transcribe(
                    speech, language=language, final=final, deadline_s=deadline_s
                )
            except BackendError as error:
                await self._attempts.pause(error, attempt, started=not final)
        return None

    def recorded(
        self, recording: Audio, options: RecordingOptions, *, deadline_s: float
    ) -> AsyncIterator[Segment]:
        return self._attempts.stream(
            lambda: self._inner.recorded(recording, options, deadline_s=deadline_s)
        )


class RetryingLanguageModel:
    def __init__(self, inner: LanguageModel, attempts: Attempts) -> None:
        self._inner, self._attempts = inner, attempts

    def reply(
        self,
        messages: Sequence[Message],
        options: ReplyOptions,
        *,
        first_token_s: float,
        deadline_s: float,
    ) -> AsyncIterator[Piece]:
        return self._attempts.stream(
            lambda: self._inner.reply(
                messages, options, first_token_s=first_token_s, deadline_s=deadline_s
            )
        )

    def chat(
        self, body: dict[str, Any], *, deadline_s: float
    ) -> AsyncIterator[str | dict[str, Any]]:
        return self._attempts.stream(lambda: self._inner.chat(body, deadline_s=deadline_s))


class RetryingSynthesizer:
    def __init__(self, inner: Synthesizer, attempts: Attempts) -> None:
        self._inner, self._attempts = inner, attempts

    def synthesize(self, phrase: str, voice: Voice, *, deadline_s: float) -> AsyncIterator[Speech]:
        return self._attempts.stream(
            lambda: self._inner.synthesize(phrase, voice, deadline_s=deadline_s)
        )

    async def voices(self, *, deadline_s: float) -> tuple[str, ...]:
        return await self._inner.voices(deadline_s=deadline_s)
