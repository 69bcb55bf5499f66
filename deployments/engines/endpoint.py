"""The three seams to the models, over any OpenAI-compatible HTTP endpoint.

Runs in the ingress process, without Ray. Owns the requests and what their errors mean; not
retries (the ingress does that) and not the key (the builder reads it).
"""

import asyncio
import io
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import aclosing, contextmanager

import httpx2
import numpy as np
import openai
from openai.types.chat import ChatCompletionMessageParam

from audio.pcm import Audio, Samples
from configs.schema import OpenAI
from conversation.fallbacks import FailureClass, failure_of_status
from conversation.history import Message
from deployments.deadlines import within
from deployments.engines.sse import deltas, text_of
from ingress.backends import BackendError, ReplyOptions, Speech, Transcript, Voice

SPEECH_RATE_HZ = 24_000
"""Of `response_format="pcm"`: mono s16le (platform.openai.com/docs/guides/text-to-speech)."""

CONNECT_S = 5.0
"""Our choice: a host that does not accept by then is down, and the ingress may yet retry."""


def client_of(section: OpenAI, api_key: str | None) -> openai.AsyncOpenAI:
    """A client with a connection pool of its own; the caller's deadlines are the only others.
    Without a key a placeholder is sent, never a key from the environment."""
    return openai.AsyncOpenAI(
        base_url=str(section.base_url),
        api_key=api_key or "none",
        max_retries=0,
        timeout=openai.Timeout(None, connect=CONNECT_S),
    )


class EndpointTranscriber:
    """`ingress.backends.Transcriber` over `/audio/transcriptions`."""

    def __init__(self, client: openai.AsyncOpenAI, model: str) -> None:
        self._client, self._model = client, model

    async def transcribe(
        self, speech: Audio, *, language: str, final: bool, deadline_s: float
    ) -> Transcript | None:
        with classified():
            async with asyncio.timeout(deadline_s):
                said = await self._client.audio.transcriptions.create(
                    file=("speech.wav", wav(speech), "audio/wav"),
                    model=self._model,
                    language=language,
                    response_format="json",
                )
        text: object = getattr(said, "text", None)  # the client does not validate bodies
        if not isinstance(text, str):
            raise BackendError(FailureClass.SERVER, "the transcription has no text")
        return Transcript(text.strip())


class EndpointLanguageModel:
    """`ingress.backends.LanguageModel` over `/chat/completions`."""

    def __init__(self, client: openai.AsyncOpenAI, model: str) -> None:
        self._client, self._model = client, model

    async def reply(
        self,
        messages: Sequence[Message],
        options: ReplyOptions,
        *,
        first_token_s: float,
        deadline_s: float,
    ) -> AsyncIterator[str]:
        first_s = first_token_s if options.stream else deadline_s
        answer = self._streamed if options.stream else self._whole
        with classified():
            async with (
                aclosing(answer(messages, options)) as texts,
                aclosing(within(texts, first_s, deadline_s)) as pieces,
            ):
                async for piece in pieces:
                    yield piece

    async def _streamed(
        self, messages: Sequence[Message], options: ReplyOptions
    ) -> AsyncGenerator[str, None]:
        stream = await self._client.chat.completions.create(
            model=self._model,
            messages=[chat_message(message) for message in messages],
            stream=True,
            max_tokens=options.max_tokens,
            temperature=options.temperature,
            top_p=options.top_p,
            frequency_penalty=options.frequency_penalty,
            presence_penalty=options.presence_penalty,
            stop=list(options.stop) or openai.omit,
        )
        async with stream:
            async for chunk in stream:
                for text in deltas(chunk.model_dump()):
                    yield text

    async def _whole(
        self, messages: Sequence[Message], options: ReplyOptions
    ) -> AsyncGenerator[str, None]:
        answer = await self._client.chat.completions.create(
            model=self._model,
            messages=[chat_message(message) for message in messages],
            max_tokens=options.max_tokens,
            temperature=options.temperature,
            top_p=options.top_p,
            frequency_penalty=options.frequency_penalty,
            presence_penalty=options.presence_penalty,
            stop=list(options.stop) or openai.omit,
        )
        if text := text_of(answer.model_dump()):
            yield text


class EndpointSynthesizer:
    """`ingress.backends.Synthesizer` over `/audio/speech`. Such endpoints give no word times."""

    def __init__(self, client: openai.AsyncOpenAI, model: str) -> None:
        self._client, self._model = client, model

    async def synthesize(
        self, phrase: str, voice: Voice, *, deadline_s: float
    ) -> AsyncIterator[Speech]:
        with classified():
            async with (
                aclosing(self._pcm(phrase, voice)) as chunks,
                aclosing(within(chunks, deadline_s, deadline_s)) as pieces,
            ):
                async for samples in whole_samples(pieces):
                    yield Speech(Audio(samples, SPEECH_RATE_HZ))

    async def _pcm(self, phrase: str, voice: Voice) -> AsyncGenerator[bytes, None]:
        request = self._client.audio.speech.with_streaming_response.create(
            model=self._model,
            voice=voice.name,
            input=phrase,
            response_format="pcm",
            speed=voice.speed,
        )
        async with request as response:
            async for chunk in response.iter_bytes():
                yield chunk


async def whole_samples(chunks: AsyncIterator[bytes]) -> AsyncIterator[Samples]:
    """s16le of chunks that may end within a sample: its first byte goes before the next chunk.
    A last odd byte is dropped."""
    rest = b""
    async for chunk in chunks:
        pcm = rest + chunk
        even = len(pcm) - len(pcm) % 2
        rest = pcm[even:]
        if even:
            yield np.frombuffer(pcm[:even], "<i2").astype(np.int16)


def chat_message(message: Message) -> ChatCompletionMessageParam:
    match message.role:
        case "system":
            return {"role": "system", "content": message.text}
        case "user":
            return {"role": "user", "content": message.text}
        case "assistant":
            return {"role": "assistant", "content": message.text}


def wav(speech: Audio) -> bytes:
    """A RIFF file of the utterance, mono s16le at its own rate."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(speech.rate_hz)
        out.writeframes(speech.samples.astype("<i2", copy=False).tobytes())
    return file.getvalue()


@contextmanager
def classified() -> Generator[None, None, None]:
    """Turn the client's errors into BackendError."""
    try:
        yield
    except (openai.OpenAIError, httpx2.HTTPError, TimeoutError, ValueError) as error:
        raise BackendError(failure_of(error), f"{type(error).__name__}: {error}") from error


def failure_of(error: Exception) -> FailureClass:
    """Class of an error of the client, of its transport, or of an answer that is not JSON."""
    match error:
        case openai.APIStatusError(status_code=status):
            return failure_of_status(status)
        case openai.APITimeoutError() | TimeoutError() | httpx2.TimeoutException():
            return FailureClass.TIMEOUT
        case openai.APIConnectionError() | httpx2.HTTPError():
            return FailureClass.NETWORK
        case openai.APIError() | ValueError():
            return FailureClass.SERVER
        case _:
            return FailureClass.UNKNOWN
