"""`POST /v1/audio/transcriptions`: a recording in, its text out, whole or while it is heard.

Source: platform.openai.com/docs/api-reference/audio/createTranscription.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Response, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from starlette.datastructures import UploadFile as Uploaded

from audio.decoding import TooLongAudio, UnreadableAudio, decoded
from audio.pcm import Audio
from ingress.backends import RecordingOptions, Segment, closing
from ingress.replica import Replica
from ingress.rest.asking import asking
from ingress.rest.bodies import portable
from ingress.rest.errors import ASKING_A_MODEL, ApiError, errors_of
from ingress.rest.streaming import EVENTS, begun, event, events
from ingress.rest.transcripts import srt, text_of, verbose, vtt

RATE_HZ = 16_000
"""Whisper's own."""

FORM = "multipart/form-data"

BINARY: dict[str, Any] = {"format": "binary"}
"""How OpenAPI 3.0 writes a file, which many generators of clients go by; FastAPI adds 3.1's."""


Text = Annotated[str, AfterValidator(portable)]
"""The client names its form's charset, and some decode to what is no text."""


class TranscriptionForm(BaseModel):
    """`model` may be any name: there is one transcriber. Other fields of OpenAI's are not read."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    file: Annotated[UploadFile, Field(json_schema_extra=BINARY)]
    model: str = ""
    language: Text = Field(default="", description="ISO 639-1; found out where it is not given")
    prompt: Text = ""
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.0
    timestamp_granularities: list[Literal["word", "segment"]] = Field(
        default=[], alias="timestamp_granularities[]", description="of verbose_json; else segment"
    )
    stream: bool = False

    @field_validator("file", mode="before")
    @classmethod
    def _uploaded(cls, file: Any) -> Any:
        if not isinstance(file, Uploaded):
            raise ValueError("must be an uploaded file")
        return file

    @field_validator("stream", mode="before")
    @classmethod
    def _nothing(cls, stream: Any) -> Any:
        """OpenAI's schema lets it be null, which in a form is a word."""
        return False if stream in ("", "null") else stream

    @field_validator("timestamp_granularities", mode="before")
    @classmethod
    def _chosen(cls, granularities: list[Any]) -> list[Any]:
        """A form from which none was chosen has an empty field, as that of /docs."""
        return [each for each in granularities if each != ""]


def router(replica: Replica) -> APIRouter:
    routes = APIRouter(prefix="/v1/audio", tags=["Audio"])

    @routes.post(
        "/transcriptions",
        response_class=JSONResponse,
        responses=errors_of(*ASKING_A_MODEL)
        | {
            200: {
                "description": "The text in the form that was asked for",
                "content": {"application/json": {}, "text/plain": {}, "text/vtt": {}, EVENTS: {}},
            }
        },
    )
    async def transcription(form: Annotated[TranscriptionForm, Form(media_type=FORM)]) -> Response:
        """Transcribe a recording: wav, mp3, flac, ogg, webm, mp4 and their kin."""
        asks = asking(replica)
        recording = await opened(form.file, replica.stack.api.max_audio_s)
        options = RecordingOptions(
            form.language, form.prompt, form.temperature, "word" in form.timestamp_granularities
        )
        deadline_s = asks.limits.request_timeout_s + recording.seconds
        found = asks.backends.transcriber.recorded(recording, options, deadline_s=deadline_s)
        if form.stream:
            return events(await begun(told(found)), asks.log)
        async with closing(found) as each:
            segments = [segment async for segment in each]
        return answer_of(form, segments, recording.seconds)

    return routes


async def opened(file: UploadFile, longest_s: float) -> Audio:
    """The upload's sound at 16 kHz, decoded in a thread that ends with the request. Raises
    ApiError 400."""
    data, gone = await file.read(), threading.Event()
    try:
        return await asyncio.to_thread(decoded, data, RATE_HZ, longest_s, gone.is_set)
    except UnreadableAudio as error:
        raise ApiError(400, f"file: {error}", code="invalid_value", param="file") from None
    except TooLongAudio as error:
        raise ApiError(400, f"file: {error}", code="audio_too_long", param="file") from None
    finally:
        gone.set()


def answer_of(form: TranscriptionForm, segments: list[Segment], seconds: float) -> Response:
    match form.response_format:
        case "text":
            return PlainTextResponse(text_of(segments) + "\n")
        case "srt":
            return PlainTextResponse(srt(segments))
        case "vtt":
            return Response(vtt(segments), media_type="text/vtt")
        case "verbose_json":
            wanted = form.timestamp_granularities or ["segment"]
            return JSONResponse(verbose(segments, seconds, wanted, form.language))
        case "json":
            usage = {"type": "duration", "seconds": round(seconds, 2)}
            return JSONResponse({"text": text_of(segments), "usage": usage})


async def told(segments: AsyncIterator[Segment]) -> AsyncGenerator[str, None]:
    """Server-sent events: a delta a segment, with the blank before it, then the whole."""
    texts: list[str] = []
    async with closing(segments) as each:
        async for segment in each:
            delta = f" {segment.text}" if texts else segment.text
            texts.append(segment.text)
            yield event({"type": "transcript.text.delta", "delta": delta})
    yield event({"type": "transcript.text.done", "text": " ".join(texts)})
