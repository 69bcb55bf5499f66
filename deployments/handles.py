"""The three seams to the models, over Serve's deployment handles.

Owns the way a request ends: its deadline, its cancellation (which Ray carries to the replica, and
vLLM's deployment to vLLM's abort), and what Ray's errors mean. Does not retry: the ingress does,
and it alone knows whether the caller has heard something already.
"""

import asyncio
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any, Protocol, cast

from ray.exceptions import (
    LocalRayletDiedError,
    NodeDiedError,
    ObjectLostError,
    RayActorError,
    RayError,
    RayTaskError,
    RpcError,
    TaskCancelledError,
    WorkerCrashedError,
)
from ray.serve.exceptions import BackPressureError, RayServeException, ReplicaUnavailableError
from ray.serve.handle import DeploymentHandle, DeploymentResponse, DeploymentResponseGenerator

from audio.pcm import Audio
from conversation.fallbacks import FailureClass
from conversation.history import Message
from deployments.deadlines import within
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

LOST_REPLICA = (
    RayActorError,
    WorkerCrashedError,
    NodeDiedError,
    ObjectLostError,
    LocalRayletDiedError,
    RpcError,
    ReplicaUnavailableError,
    TaskCancelledError,
)


class Cancellable(Protocol):
    def cancel(self) -> None: ...


class TranscriberHandle:
    """`ingress.backends.Transcriber` over the Transcriber deployment."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = handle.options(method_name="transcribe")
        self._recordings = handle.options(method_name="recorded", stream=True)

    async def transcribe(
        self, speech: Audio, *, language: str, final: bool, deadline_s: float
    ) -> Transcript | None:
        pcm = speech.samples.astype("<i2", copy=False).tobytes()
        with classified():
            request = self._handle.remote(pcm, speech.rate_hz, language=language, final=final)
            response = cast(DeploymentResponse[str | None], request)
            with aborting(response):
                async with asyncio.timeout(deadline_s):
                    text = await response
        return None if text is None else Transcript(text)

    async def recorded(
        self, recording: Audio, options: RecordingOptions, *, deadline_s: float
    ) -> AsyncIterator[Segment]:
        pcm = recording.samples.astype("<i2", copy=False).tobytes()
        with classified():
            request = self._recordings.remote(pcm, recording.rate_hz, options)
            response = cast(DeploymentResponseGenerator[Segment], request)
            with aborting(response):
                async with aclosing(within(response, deadline_s, deadline_s)) as segments:
                    async for segment in segments:
                        yield segment


class LanguageModelHandle:
    """`ingress.backends.LanguageModel` and `ChatCompletions` over the LanguageModel deployment."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._replies = handle.options(method_name="reply", stream=True)
        self._chats = handle.options(method_name="chat_completions", stream=True)

    async def reply(
        self,
        messages: Sequence[Message],
        options: ReplyOptions,
        *,
        first_token_s: float,
        deadline_s: float,
    ) -> AsyncIterator[Piece]:
        first_s = first_token_s if options.stream else deadline_s
        with classified():
            request = self._replies.remote(list(messages), options)
            response = cast(DeploymentResponseGenerator[Piece], request)
            with aborting(response):
                async with aclosing(within(response, first_s, deadline_s)) as pieces:
                    async for piece in pieces:
                        yield piece

    async def chat(
        self, body: dict[str, Any], *, deadline_s: float
    ) -> AsyncIterator[str | dict[str, Any]]:
        with classified():
            request = self._chats.remote(body)
            response = cast(DeploymentResponseGenerator[str | dict[str, Any]], request)
            with aborting(response):
                async with aclosing(within(response, deadline_s, deadline_s)) as items:
                    async for item in items:
                        yield item


class SynthesizerHandle:
    """`ingress.backends.Synthesizer` over the Synthesizer deployment."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = handle.options(method_name="synthesize", stream=True)
        self._voices = handle.options(method_name="voices")

    async def synthesize(
        self, phrase: str, voice: Voice, *, deadline_s: float
    ) -> AsyncIterator[Speech]:
        with classified():
            request = self._handle.remote(phrase, voice.name, voice.speed)
            response = cast(DeploymentResponseGenerator[Speech], request)
            with aborting(response):
                async with aclosing(within(response, deadline_s, deadline_s)) as stretches:
                    async for speech in stretches:
                        yield speech

    async def voices(self, *, deadline_s: float) -> tuple[str, ...]:
        with classified():
            response = cast(DeploymentResponse[list[str]], self._voices.remote())
            with aborting(response):
                async with asyncio.timeout(deadline_s):
                    return tuple(await response)


@contextmanager
def aborting(response: Cancellable) -> Generator[None, None, None]:
    """Cancel the request unless the body runs to its end."""
    ended = False
    try:
        yield
        ended = True
    finally:
        if not ended:
            response.cancel()


@contextmanager
def classified() -> Generator[None, None, None]:
    """Turn what Ray raises into BackendError; a cancellation of our own task stays one."""
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Nobody cancelled us: Ray says in this way that the replica dropped the request.
        raise BackendError(FailureClass.NETWORK, "the replica dropped the request") from error
    except (RayError, RayServeException, OSError) as error:
        raise failure_of(error) from error


def failure_of(error: BaseException) -> BackendError:
    """What an error of Ray, or one raised inside a replica, means for a call."""
    if isinstance(error, RayTaskError) and isinstance(error.cause, BaseException):
        return failure_of(error.cause)
    detail = f"{type(error).__name__}: {error}".splitlines()[0]
    match error:
        case BackendError(failure=failure, detail=detail):
            return BackendError(failure, detail)
        case TimeoutError():
            return BackendError(FailureClass.TIMEOUT, detail)
        case BackPressureError():
            return BackendError(FailureClass.RATE_LIMIT, detail)
        case ValueError() | TypeError():
            return BackendError(FailureClass.INVALID, detail)
        case OSError():
            return BackendError(FailureClass.NETWORK, detail)
        case _ if isinstance(error, LOST_REPLICA):
            return BackendError(FailureClass.NETWORK, detail)
        case Exception():
            return BackendError(FailureClass.SERVER, detail)
        case _:
            return BackendError(FailureClass.UNKNOWN, detail)
