"""The seams over Serve's handles: every way in which a request can end, by causing it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ray import serve
from ray.exceptions import ActorDiedError, GetTimeoutError, RayTaskError
from ray.serve._private.common import DeploymentID
from ray.serve.exceptions import (
    BackPressureError,
    DeploymentUnavailableError,
    RequestCancelledError,
)

from audio.pcm import Audio
from conversation.fallbacks import FailureClass
from conversation.history import Message
from deployments.handles import (
    LanguageModelHandle,
    SynthesizerHandle,
    TranscriberHandle,
    classified,
    failure_of,
)
from ingress.backends import (
    BackendError,
    Piece,
    RecordingOptions,
    ReplyOptions,
    Segment,
    Speech,
    Transcript,
    Voice,
    Word,
)
from tests.deployments.faulty import Faulty, Ledger

LONG_S = 60.0
ARRIVED_S = 5.0
"""A deadline by which a request has reached its replica, on a busy machine too: one that has not
is never cancelled there."""

SPEECH = Audio(np.arange(80, dtype=np.int16), 8_000)


@pytest.fixture(scope="module")
def faulty(ray_cluster: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The deployment's handle, and the ledger of what happened inside."""
    ledger = Ledger(tmp_path_factory.mktemp("ledger"))
    handle = serve.run(Faulty.bind(ledger), name="faulty", route_prefix=None)
    yield SimpleNamespace(handle=handle, ledger=ledger)
    serve.delete("faulty")


async def transcribe(faulty: Any, language: str, deadline_s: float = LONG_S) -> Transcript | None:
    return await TranscriberHandle(faulty.handle).transcribe(
        SPEECH, language=language, final=True, deadline_s=deadline_s
    )


def reply(faulty: Any, text: str, **deadlines: float) -> AsyncIterator[Piece]:
    waits = {"first_token_s": LONG_S, "deadline_s": LONG_S} | deadlines
    messages = [Message("user", text)]
    return LanguageModelHandle(faulty.handle).reply(messages, ReplyOptions(temperature=0), **waits)


async def chatted(faulty: Any, text: str, deadline_s: float = LONG_S, **body: Any) -> list[Any]:
    body = {"messages": [{"role": "user", "content": text}]} | body
    items = LanguageModelHandle(faulty.handle).chat(body, deadline_s=deadline_s)
    return [item async for item in items]


async def spoken(faulty: Any, voice: str, deadline_s: float = LONG_S) -> list[Speech]:
    stretches = SynthesizerHandle(faulty.handle).synthesize(
        "Hi.", Voice(voice, 2.0), deadline_s=deadline_s
    )
    return [speech async for speech in stretches]


@pytest.mark.serve
async def test_requests_and_answers_arrive_whole(faulty: Any) -> None:
    assert await transcribe(faulty, "en") == Transcript("160 bytes at 8000, en")
    assert [piece async for piece in reply(faulty, "Hi")][1:] == ["Hi 0"]
    assert await chatted(faulty, "Hi") == [{"messages": [{"role": "user", "content": "Hi"}]}]
    assert await chatted(faulty, "Hi", stream=True) == ["data: {}\n\n", "data: [DONE]\n\n"]
    [speech] = await spoken(faulty, "anna")
    assert speech.words == (Word("Hi.", 0.0, 0.05),)
    assert speech.audio.samples.tolist() == list(range(10))


def recorded(faulty: Any, language: str) -> AsyncIterator[Segment]:
    options = RecordingOptions(language)
    return TranscriberHandle(faulty.handle).recorded(SPEECH, options, deadline_s=LONG_S)


@pytest.mark.serve
async def test_recordings_and_voices_arrive_whole(faulty: Any) -> None:
    texts = [segment.text async for segment in recorded(faulty, "en")]
    assert texts == ["160 bytes at 8000", "the end"]
    assert await SynthesizerHandle(faulty.handle).voices(deadline_s=LONG_S) == ("anna", "bert")


@pytest.mark.serve
async def test_a_recording_that_nobody_waits_for_is_given_up(faulty: Any) -> None:
    segments = recorded(faulty, "hang:recording")
    await anext(segments)
    await faulty.ledger.read("recording begun")
    await segments.aclose()  # type: ignore[attr-defined]
    await faulty.ledger.read("recording cancelled")


@pytest.mark.serve
async def test_a_skipped_partial_is_none(faulty: Any) -> None:
    handle = TranscriberHandle(faulty.handle)
    assert await handle.transcribe(SPEECH, language="en", final=False, deadline_s=LONG_S) is None


@pytest.mark.serve
@pytest.mark.parametrize(
    ("fault", "failure", "detail"),
    [
        ("value", FailureClass.INVALID, "ValueError: this cannot be"),
        ("runtime", FailureClass.SERVER, "RuntimeError: out of memory"),
        ("backend", FailureClass.AUTH, "no such key"),
        ("die", FailureClass.NETWORK, ""),
    ],
)
async def test_a_fault_in_a_replica_has_its_class(
    faulty: Any, fault: str, failure: FailureClass, detail: str
) -> None:
    async def replied() -> None:
        async for _ in reply(faulty, fault):
            pass

    for request in (
        transcribe(faulty, fault),
        replied(),
        chatted(faulty, fault),
        spoken(faulty, fault),
    ):
        with pytest.raises(BackendError) as caught:
            await request
        assert caught.value.failure is failure
        assert detail in caught.value.detail
        await answered(faulty)


async def answered(faulty: Any) -> None:
    """Ask until a replica answers, as the ingress would."""
    async with asyncio.timeout(LONG_S):
        while True:
            try:
                await transcribe(faulty, "en")
            except BackendError as error:
                assert error.failure is FailureClass.NETWORK
            else:
                return


@pytest.mark.serve
async def test_a_replica_killed_within_a_reply_is_the_networks(faulty: Any) -> None:
    pieces = reply(faulty, "hang:killed")
    pid = int(await anext(pieces))
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(BackendError) as caught:
        await anext(pieces)
    assert caught.value.failure is FailureClass.NETWORK
    await answered(faulty)


@pytest.mark.serve
async def test_closing_a_reply_cancels_it_in_the_replica(faulty: Any) -> None:
    async with aclosing(reply(faulty, "hang:closed")) as pieces:  # type: ignore[type-var]
        await anext(pieces)
        await faulty.ledger.read("closed begun")
    await faulty.ledger.read("closed cancelled")


@pytest.mark.serve
@pytest.mark.parametrize("role", ["transcribe", "reply", "chat", "synthesize"])
async def test_cancelling_a_task_cancels_its_request(faulty: Any, role: str) -> None:
    async def replied() -> None:
        async for _ in reply(faulty, f"hang:{role}"):
            pass

    request: Any = {
        "transcribe": lambda: transcribe(faulty, f"hang:{role}"),
        "reply": replied,
        "chat": lambda: chatted(faulty, f"hang:{role}"),
        "synthesize": lambda: spoken(faulty, f"hang:{role}"),
    }[role]
    task = asyncio.create_task(request())
    await faulty.ledger.read(f"{role} begun")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await faulty.ledger.read(f"{role} cancelled")


@pytest.mark.serve
async def test_a_missed_deadline_is_a_timeout_and_cancels(faulty: Any) -> None:
    async def replied() -> None:
        async for _ in reply(faulty, "hang:late", deadline_s=ARRIVED_S):
            pass

    await answered(faulty)  # a test before has killed replicas
    ends = await asyncio.gather(
        replied(),
        transcribe(faulty, "hang:late transcript", deadline_s=ARRIVED_S),
        chatted(faulty, "hang:late chat", deadline_s=ARRIVED_S),
        spoken(faulty, "hang:late speech", deadline_s=ARRIVED_S),
        return_exceptions=True,
    )
    failures = [end.failure if isinstance(end, BackendError) else end for end in ends]
    assert failures == [FailureClass.TIMEOUT] * 4
    for entry in ("late", "late transcript", "late chat", "late speech"):
        await faulty.ledger.read(f"{entry} cancelled")


@pytest.mark.serve
async def test_a_full_queue_is_a_rate_limit(ray_cluster: int, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    narrow = Faulty.options(
        name="Narrow", num_replicas=1, max_ongoing_requests=1, max_queued_requests=1
    )
    handle = serve.run(narrow.bind(ledger), name="narrow", route_prefix=None)
    full = SimpleNamespace(handle=handle, ledger=ledger)
    running = asyncio.create_task(transcribe(full, "hang:first"))
    await ledger.read("first begun")
    others = [asyncio.create_task(transcribe(full, "en")) for _ in range(3)]
    done, _ = await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED, timeout=LONG_S)
    refused = done.pop().exception()
    for task in (running, *others):
        task.cancel()
    await asyncio.gather(running, *others, return_exceptions=True)
    serve.delete("narrow")
    assert isinstance(refused, BackendError)
    assert refused.failure is FailureClass.RATE_LIMIT


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (BackendError(FailureClass.RATE_LIMIT, "slow down"), FailureClass.RATE_LIMIT),
        (BackPressureError(2, 1), FailureClass.RATE_LIMIT),
        (GetTimeoutError("late"), FailureClass.TIMEOUT),
        (TimeoutError("late"), FailureClass.TIMEOUT),
        (ActorDiedError(), FailureClass.NETWORK),
        (ConnectionResetError("reset"), FailureClass.NETWORK),
        (TypeError("no such argument"), FailureClass.INVALID),
        (KeyError("choices"), FailureClass.SERVER),
        (DeploymentUnavailableError(DeploymentID("LanguageModel")), FailureClass.SERVER),
        (RequestCancelledError("r-1"), FailureClass.NETWORK),
        (RayTaskError("reply", "traceback", ValueError("no")), FailureClass.INVALID),
    ],
)
def test_errors_have_classes(error: Exception, failure: FailureClass) -> None:
    assert failure_of(error).failure is failure


async def test_a_request_that_ray_dropped_is_not_our_cancellation() -> None:
    with pytest.raises(BackendError) as caught, classified():
        raise asyncio.CancelledError
    assert caught.value.failure is FailureClass.NETWORK


async def test_our_cancellation_stays_one() -> None:
    async def waiting() -> None:
        with classified():
            await asyncio.Event().wait()

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
