"""`POST /v1/audio/speech` and `GET /v1/audio/voices`: text in, sound out while it is spoken.

Source: platform.openai.com/docs/api-reference/audio/createSpeech.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, model_validator

from audio.encoding import MEDIA_TYPES, encoder_of
from audio.pcm import Samples
from audio.resampling import resample
from conversation.phrases import PhraseStream
from ingress.backends import Voice, closing
from ingress.replica import Replica
from ingress.rest.asking import Asking, asking
from ingress.rest.bodies import portable
from ingress.rest.errors import ASKING_A_MODEL, ApiError, errors_of
from ingress.rest.streaming import EVENTS, begun, event, events, sound

RATE_HZ = 24_000
"""Of `pcm`, as OpenAI documents it, and of every other format."""

MAX_CHARS = 4_096
"""OpenAI's own limit."""

OPENAI_VOICES = frozenset(
    ("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer",
     "verse", "marin", "cedar")
)  # fmt: skip
"""Asked for by clients that know OpenAI's voices alone: the default agent speaks in their place."""


class VoiceId(BaseModel):
    id: str


class SpeechRequest(BaseModel):
    """`model` may be any name: there is one synthesizer. `instructions` are not followed."""

    input: Annotated[str, Field(min_length=1, max_length=MAX_CHARS)]
    model: str = ""
    voice: str | VoiceId = Field(default="", description="of /v1/audio/voices, or one of OpenAI's")
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"

    _portable = model_validator(mode="before")(portable)


class AudioVoice(BaseModel):
    id: str
    name: str
    object: Literal["audio.voice"] = "audio.voice"


class Voices(BaseModel):
    object: Literal["list"] = "list"
    data: list[AudioVoice]


def router(replica: Replica) -> APIRouter:
    routes = APIRouter(prefix="/v1/audio", tags=["Audio"])
    sounds: dict[str, Any] = {media: {} for media in MEDIA_TYPES.values()}

    @routes.post(
        "/speech",
        response_class=Response,
        responses=errors_of(*ASKING_A_MODEL)
        | {200: {"description": "Sound, as it is spoken", "content": sounds | {EVENTS: {}}}},
    )
    async def speech(request: SpeechRequest) -> Response:
        """Speak a text: the first sound leaves after its first phrase."""
        asks, form = asking(replica), request.response_format
        voice = Voice(voice_of(replica, request.voice), request.speed)
        phrases = phrases_of(request.input)
        if not phrases:
            raise ApiError(400, "input has no word to speak", code="invalid_value", param="input")
        chunks = await begun(encoded(spoken(asks, phrases, voice), form))
        if request.stream_format == "sse":
            return events(told(chunks), asks.log)
        return sound(chunks, MEDIA_TYPES[form], asks.log)

    @routes.get("/voices", responses=errors_of())
    async def voices() -> Voices:
        """The names that `voice` takes, besides those of OpenAI's."""
        return Voices(data=[AudioVoice(id=name, name=name) for name in known_voices(replica)])

    return routes


def known_voices(replica: Replica) -> tuple[str, ...]:
    """The agents' own where the synthesizer tells none."""
    agents = replica.stack.agents.values()
    return replica.voices or tuple(sorted({agent.voice for agent in agents}))


def voice_of(replica: Replica, wanted: str | VoiceId) -> str:
    """The voice to ask the synthesizer for. Raises ApiError 400 for one that it does not have;
    where it tells none, it says so itself. Raises ApiError 503 while it has not told any yet."""
    if not replica.readiness.ready_part("synthesizer"):
        raise ApiError(503, "still loading: synthesizer", code="loading")
    name = wanted.id if isinstance(wanted, VoiceId) else wanted
    default = replica.stack.agents[replica.stack.default_agent].voice
    if not name or not replica.voices:
        return name or default
    if name in replica.voices:
        return name
    if name in OPENAI_VOICES:
        return default
    there = ", ".join(replica.voices)
    raise ApiError(
        400, f"no voice named {name!r}; there are {there}", code="invalid_value", param="voice"
    )


def phrases_of(text: str) -> list[str]:
    """As an agent's reply is spoken: phrase by phrase, without its markup."""
    stream = PhraseStream(markers=False)
    return [*stream.push(text), *stream.finish()]


async def spoken(asks: Asking, phrases: list[str], voice: Voice) -> AsyncGenerator[Samples, None]:
    """int16 samples at 24 kHz."""
    deadline_s = asks.limits.request_timeout_s
    for phrase in phrases:
        speech = asks.backends.synthesizer.synthesize(phrase, voice, deadline_s=deadline_s)
        async with closing(speech) as stretches:
            async for stretch in stretches:
                audio = stretch.audio
                yield (audio if audio.rate_hz == RATE_HZ else resample(audio, RATE_HZ)).samples


async def encoded(sounds: AsyncGenerator[Samples, None], form: str) -> AsyncGenerator[bytes, None]:
    """The file, as far as it is there. Encoded in a thread: the calls' frames do not wait."""
    encoder = await asyncio.to_thread(encoder_of, form, RATE_HZ)
    async with closing(sounds) as each:
        async for samples in each:
            if chunk := await asyncio.to_thread(encoder.push, samples):
                yield chunk
    if rest := await asyncio.to_thread(encoder.finish):
        yield rest


async def told(chunks: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    """The file as server-sent events. Nothing is counted in tokens here."""
    async with closing(chunks) as each:
        async for chunk in each:
            audio = base64.b64encode(chunk).decode()
            yield event({"type": "speech.audio.delta", "audio": audio})
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    yield event({"type": "speech.audio.done", "usage": usage})
