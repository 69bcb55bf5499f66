"""Answers that are sent while they are made. Owns how one begins and how one breaks off."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, TypeVar

import orjson
from fastapi.responses import StreamingResponse

from ingress.backends import BackendError, closing
from ingress.call_log import CallLog
from ingress.rest.errors import of_backend

T = TypeVar("T")

EVENTS = "text/event-stream"


class BrokenOff(Exception):
    """The answer cannot be finished, and no status can say so any more: the connection is cut, so
    that nobody takes a part for the whole."""


async def begun(items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """The same items, once the first is there: what fails before it can still have a status.
    Raises what `items` raises."""
    return _from(await anext(items, None), items)


async def _from(first: T | None, items: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    async with closing(items) as rest:
        if first is not None:
            yield first
            async for item in rest:
                yield item


def events(texts: AsyncIterator[str], log: CallLog) -> StreamingResponse:
    """Server-sent events; a failure of a model is the last of them, as OpenAI's clients expect."""

    async def sent() -> AsyncGenerator[str, None]:
        try:
            async with closing(texts) as each:
                async for text in each:
                    yield text
        except BackendError as error:
            log.warning("broken_off", detail=str(error))
            yield event(of_backend(error).body())

    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(sent(), media_type=EVENTS, headers=headers)


def event(body: Any) -> str:
    return f"data: {orjson.dumps(body).decode()}\n\n"


def sound(chunks: AsyncIterator[bytes], media_type: str, log: CallLog) -> StreamingResponse:
    """A file as it grows; cut off when a model fails."""

    async def sent() -> AsyncGenerator[bytes, None]:
        try:
            async with closing(chunks) as each:
                async for chunk in each:
                    yield chunk
        except BackendError as error:
            log.warning("broken_off", detail=str(error))
            raise BrokenOff from error

    return StreamingResponse(sent(), media_type=media_type)
