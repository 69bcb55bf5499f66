import asyncio
from collections.abc import AsyncIterator

import pytest

from deployments.deadlines import within

LONG_S = 60.0


async def letters(text: str, *, then_hang: bool = False) -> AsyncIterator[str]:
    for letter in text:
        yield letter
    if then_hang:
        await asyncio.Event().wait()


async def test_pieces_pass_in_order() -> None:
    assert [piece async for piece in within(letters("abc"), LONG_S, LONG_S)] == list("abc")


async def test_an_empty_stream_ends() -> None:
    assert [piece async for piece in within(letters(""), LONG_S, LONG_S)] == []


async def test_a_late_start_is_told() -> None:
    with pytest.raises(TimeoutError, match=r"a start in 0\.01 s"):
        await anext(within(letters("", then_hang=True), 0.01, LONG_S))


async def test_a_late_end_is_told_after_what_came() -> None:
    came: list[str] = []
    with pytest.raises(TimeoutError, match=r"its end within 0\.05 s"):
        async for piece in within(letters("ab", then_hang=True), LONG_S, 0.05):
            came.append(piece)
    assert came == ["a", "b"]


async def test_the_first_deadline_is_over_with_the_first_piece() -> None:
    pieces = within(letters("ab"), 0.01, LONG_S)
    assert await anext(pieces) == "a"
    await asyncio.sleep(0.02)
    assert await anext(pieces) == "b"


async def test_a_consumer_is_never_cancelled_by_a_deadline() -> None:
    pieces = within(letters("ab"), 0.01, 0.01)
    await anext(pieces)
    await asyncio.sleep(0.02)  # a time-out held over the yield would end here
    with pytest.raises(TimeoutError):
        async for _ in within(letters("", then_hang=True), 0.0, LONG_S):
            pass


async def test_a_deadline_reaches_the_stream_as_a_cancellation() -> None:
    cleaned = asyncio.Event()

    async def hanging() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
            yield ""
        finally:
            cleaned.set()

    with pytest.raises(TimeoutError):
        await anext(within(hanging(), 0.01, LONG_S))
    assert cleaned.is_set()
