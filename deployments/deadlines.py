"""Deadlines of a stream. Owns neither the stream's connection nor the meaning of its errors."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def within(
    pieces: AsyncIterator[T], first_s: float, whole_s: float
) -> AsyncGenerator[T, None]:
    """Pass `pieces` on: the first within `first_s` seconds from now, the last within `whole_s`.

    Each wait has a time-out of its own, since one held open over a `yield` would also cancel
    whatever the consumer is doing. Raises TimeoutError that says which deadline passed.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + whole_s
    due = min(loop.time() + first_s, end)
    while True:
        try:
            async with asyncio.timeout_at(due):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            late = f"its end within {whole_s:g} s" if due == end else f"a start in {first_s:g} s"
            raise TimeoutError(f"asked for {late}, not met") from error
        yield piece
        due = end
