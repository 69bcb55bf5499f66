"""The three seams to the models, over any OpenAI-compatible HTTP endpoint.

Runs in the ingress process, without Ray. Owns what is asked and what an answer says;
`connections` has the way there. Not retries (the ingress does that), and not the key (the builder
reads it).
"""

import asyncio
import io
import secrets
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import numpy as np
import orjson

from audio.pcm import Audio, Samples
from configs.schema import OpenAI
from conversation.fallbacks import FailureClass
from conversation.history import Message
from deployments.deadlines import within
from deployments.engines.chat import chat_request
from deployments.engines.connections import Endpoint, classified, ended
from deployments.engines.endpoint_recordings import fields_of, segments_of
from deployments.engines.sse import ChatEvents, DataLines, body_of, pieces_of, reported
from ingress.backends import (
    BackendError,
    Piece,
    RecordingOptions,
    ReplyOptions,
    Segment,
    Speech,
    Transcript,
    Voice,
)

SPEECH_RATE_HZ = 24_000
"""Of `response_format="pcm"`: mono s16le (platform.openai.com/docs/guides/text-to-speech)."""


def client_of(section: OpenAI, api_key: str | None) -> Endpoint:
    """A client with a connection pool of its own; the caller's deadlines are the only others.
    Without a key a placeholder is sent, never a key from the environment."""
    return Endpoint(str(section.base_url), api_key)


class EndpointTranscriber:
    """`ingress.backends.Transcriber` over `/audio/transcriptions`."""

    def __init__(self, client: Endpoint, model: str) -> None:
        self._client, self._model = client, model

    async def close(self) -> None:
        await self._client.close()

    async def transcribe(
        self, speech: Audio, *, language: str, final: bool, deadline_s: float
    ) -> Transcript | None:
        fields = {"model": self._model, "language": language, "response_format": "json"}
        body, content_type = form(tuple(fields.items()), wav(speech))
        request = self._client.answer("/audio/transcriptions", body, content_type)
        with classified():
            async with asyncio.timeout(deadline_s), request as response:
                text: object = body_of(await response.read()).get("text")
        if not isinstance(text, str):
            raise BackendError(FailureClass.SERVER, "the transcription has no text")
        return Transcript(text.strip())

    async def recorded(
        self, recording: Audio, options: RecordingOptions, *, deadline_s: float
    ) -> AsyncIterator[Segment]:
        """All segments at once, when the endpoint has answered."""
        fields = fields_of(self._model, options)
        body, content_type = await asyncio.to_thread(lambda: form(fields, wav(recording)))
        request = self._client.answer("/audio/transcriptions", body, content_type)
        with classified():
            async with asyncio.timeout(deadline_s), request as response:
                answer = body_of(await response.read())
        for segment in segments_of(answer, recording.seconds):
            yield segment


class EndpointLanguageModel:
    """`ingress.backends.LanguageModel` over `/chat/completions`."""

    def __init__(self, client: Endpoint, model: str) -> None:
        self._client, self._model = client, model

    async def close(self) -> None:
        await self._client.close()

    async def reply(
        self,
        messages: Sequence[Message],
        options: ReplyOptions,
        *,
        first_token_s: float,
        deadline_s: float,
    ) -> AsyncIterator[Piece]:
        first_s = first_token_s if options.stream else deadline_s
        answer = self._streamed if options.stream else self._whole
        body = orjson.dumps(chat_request(self._model, messages, options))
        with classified():
            async with (
                aclosing(answer(body)) as found,
                aclosing(within(found, first_s, deadline_s)) as pieces,
            ):
                async for piece in pieces:
                    yield piece

    async def _streamed(self, body: bytes) -> AsyncGenerator[Piece, None]:
        """Tokens that arrive together are one piece."""
        events = ChatEvents()
        async with self._client.answer("/chat/completions", body) as response:
            async for chunk in response.content.iter_any():
                for piece in events.push(chunk):
                    yield piece
                if events.done:
                    await ended(response)
                    return
            for piece in events.finish():
                yield piece

    async def _whole(self, body: bytes) -> AsyncGenerator[Piece, None]:
        async with self._client.answer("/chat/completions", body) as response:
            answer = body_of(await response.read())
        for piece in pieces_of(answer):
            yield piece

    async def chat(
        self, body: dict[str, Any], *, deadline_s: float
    ) -> AsyncIterator[str | dict[str, Any]]:
        answer = self._events if body.get("stream") else self._object
        asked = orjson.dumps({**body, "model": self._model})
        with classified():
            async with (
                aclosing(answer(asked)) as found,
                aclosing(within(found, deadline_s, deadline_s)) as items,
            ):
                async for item in items:
                    yield item

    async def _events(self, body: bytes) -> AsyncGenerator[str, None]:
        lines = DataLines()
        async with self._client.answer("/chat/completions", body) as response:
            async for chunk in response.content.iter_any():
                data = [line.decode(errors="replace") for line in lines.push(chunk)]
                if data:
                    yield "".join(f"data: {each}\n\n" for each in data)

    async def _object(self, body: bytes) -> AsyncGenerator[dict[str, Any], None]:
        async with self._client.answer("/chat/completions", body) as response:
            answer = body_of(await response.read())
        if error := answer.get("error"):
            raise reported(error)
        yield answer


class EndpointSynthesizer:
    """`ingress.backends.Synthesizer` over `/audio/speech`. Such endpoints give no word times."""

    def __init__(self, client: Endpoint, model: str) -> None:
        self._client, self._model = client, model

    async def close(self) -> None:
        await self._client.close()

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

    async def voices(self, *, deadline_s: float) -> tuple[str, ...]:
        """OpenAI's API has no list of them: the endpoint says which it does not know."""
        return ()

    async def _pcm(self, phrase: str, voice: Voice) -> AsyncGenerator[bytes, None]:
        body = {
            "model": self._model,
            "voice": voice.name,
            "input": phrase,
            "response_format": "pcm",
            "speed": voice.speed,
        }
        async with self._client.answer("/audio/speech", orjson.dumps(body)) as response:
            async for chunk in response.content.iter_any():
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


def form(fields: Sequence[tuple[str, str]], file: bytes) -> tuple[bytes, str]:
    """A multipart form (RFC 7578) of the fields and a WAV file, and its content type. aiohttp's
    own takes three times the whole request."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="speech.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    body = b"".join(("".join(parts).encode(), file, f"\r\n--{boundary}--\r\n".encode()))
    return body, f"multipart/form-data; boundary={boundary}"


def wav(speech: Audio) -> bytes:
    """A RIFF file of the utterance, mono s16le at its own rate."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(speech.rate_hz)
        out.writeframes(speech.samples.astype("<i2", copy=False).tobytes())
    return file.getvalue()
