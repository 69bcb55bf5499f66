"""Connections to OpenAI-compatible endpoints: their failures, their keys, their end."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
import pytest
from fastapi import Request
from fastapi.responses import JSONResponse, Response

from audio.pcm import Audio
from configs.schema import Stack
from conversation.fallbacks import FailureClass
from deployments.engines import connections
from deployments.engines.connections import Endpoint, classified, proxy_of
from deployments.engines.endpoint import (
    EndpointLanguageModel,
    EndpointSynthesizer,
    EndpointTranscriber,
    client_of,
)
from ingress.app import create_app
from ingress.backends import BackendError, Backends
from ingress.security import Secrets
from tests.deployments.endpoint_server import serving

LONG_S = 30.0


async def ask(url: str, key: str | None = None) -> bytes:
    async with Endpoint(url, key) as endpoint:
        with classified():
            async with endpoint.answer("/anything", b"{}") as response:
                return await response.read()


async def failure_at(url: str, key: str | None = None) -> BackendError:
    with pytest.raises(BackendError) as caught:
        await ask(url, key)
    return caught.value


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, FailureClass.INVALID),
        (401, FailureClass.AUTH),
        (404, FailureClass.INVALID),
        (408, FailureClass.TIMEOUT),
        (429, FailureClass.RATE_LIMIT),
        (500, FailureClass.SERVER),
        (503, FailureClass.SERVER),
    ],
)
async def test_a_status_has_its_class_and_is_asked_once(status: int, failure: FailureClass) -> None:
    asked = 0

    async def answer(request: Request) -> Response:
        nonlocal asked
        asked += 1
        return JSONResponse({"error": {"message": "no such\nthing"}}, status_code=status)

    async with serving(answer) as section:
        error = await failure_at(str(section.base_url))
    assert error.failure is failure
    assert f"HTTP {status}" in error.detail and "no such" in error.detail
    assert asked == 1


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A socket on a port of its own, bound, where nobody listens yet."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield held


def address(server: Any) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}/v1"


async def test_nobody_listening_is_the_networks(taken: socket.socket) -> None:
    assert (await failure_at(address(taken))).failure is FailureClass.NETWORK


async def test_a_host_that_does_not_accept_is_the_networks(
    taken: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux answers no more connections than the queue, of one here, can hold."""
    taken.listen(0)
    monkeypatch.setattr(connections, "CONNECT_S", 0.2)
    with ExitStack() as held:
        for _ in range(3):
            waiting = held.enter_context(closing(socket.socket()))
            waiting.setblocking(False)
            waiting.connect_ex(taken.getsockname())
        error = await failure_at(address(taken))
    assert error.failure is FailureClass.NETWORK
    assert "Connection timeout" in error.detail


async def test_leaving_before_there_is_an_answer_closes_the_connection() -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def answer(request: Request) -> Response:
        await request.body()
        asked.set()
        if (await request.receive())["type"] == "http.disconnect":
            gone.set()
        return Response()

    async with serving(answer) as section:
        asking = asyncio.create_task(ask(str(section.base_url)))
        await asyncio.wait_for(asked.wait(), LONG_S)
        asking.cancel()
        await asyncio.wait_for(gone.wait(), LONG_S)
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_a_server_that_has_closed_an_idle_connection_is_met_on_a_new_one() -> None:
    ended: asyncio.Queue[None] = asyncio.Queue()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        ended.put_nowait(None)

    async with await asyncio.start_server(once, "127.0.0.1", 0) as server:
        url = address(server.sockets[0])
        async with Endpoint(url, None) as endpoint:
            for _ in range(3):
                async with endpoint.answer("/anything", b"{}") as response:
                    assert await response.read() == b"{}"
                await ended.get()
                await until_noticed(endpoint)


async def until_noticed(endpoint: Endpoint) -> None:
    """The kernel has the end of the connection; let the loop read it."""
    session = endpoint._session
    assert session and session.connector
    pool = session.connector._conns
    while any(idle.is_connected() for held in pool.values() for idle, *_ in held):  # noqa: ASYNC110
        await asyncio.sleep(0)


@pytest.mark.parametrize("key", ["a-key", None])
async def test_the_key_given_is_sent_and_none_of_the_environments(
    key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "somebody-elses")
    sent: list[str] = []

    async def answer(request: Request) -> Response:
        sent.append(request.headers["authorization"])
        return JSONResponse({})

    async with serving(answer) as section:
        assert await ask(str(section.base_url), key) == b"{}"
    assert sent == [f"Bearer {key or 'none'}"]


@pytest.mark.parametrize("key", ["the-secret\n", "the-secret"])
async def test_no_error_tells_the_key(key: str, taken: socket.socket) -> None:
    error = await failure_at(address(taken), key)
    assert "the-secret" not in f"{error} {error.__cause__!r}"


def test_the_environments_proxy_is_used_but_for_hosts_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("all_proxy", "other.example:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1,inside.example,half.example:8000")
    assert proxy_of("https://api.example/v1") == "http://proxy.example:3128"
    assert proxy_of("http://api.example/v1") == "http://other.example:3128"
    assert proxy_of("https://inside.example/v1") is None
    assert proxy_of("https://127.0.0.1:8000/v1") is None
    assert proxy_of("https://half.example:8000/v1") is None
    assert proxy_of("https://half.example:8001/v1") is not None


async def test_a_proxy_gets_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"{}")).decode().splitlines()[0])
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{port}")
        assert await ask("http://api.example/v1") == b"{}"
    assert asked == ["POST http://api.example/v1/anything HTTP/1.1"]


class Uncounted:
    def count(self, name: str, **tags: str) -> None: ...
    def gauge(self, name: str, value: float) -> None: ...
    def observe(self, name: str, value: float, **tags: str) -> None: ...


async def test_the_ingress_gives_its_connections_up_when_it_ends() -> None:
    opened, gone = 0, asyncio.Queue[None]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"text": ""}')
        while await reader.read(65_536):
            pass
        gone.put_nowait(None)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        section = {"engine": "openai", "base_url": address(server.sockets[0]), "model": "m"}
        agents = {"default": {"prompt": "Be brief."}}
        models = {"stt": section, "llm": section, "tts": section}
        stack = Stack.model_validate({**models, "agents": agents})
        backends = Backends(
            EndpointTranscriber(client_of(stack.stt, None), "m"),
            EndpointLanguageModel(client_of(stack.llm, None), "m"),
            EndpointSynthesizer(client_of(stack.tts, None), "m"),
        )
        app = create_app(stack, backends, Uncounted(), secrets=Secrets(), proxy="none", replica="r")
        async with app.router.lifespan_context(app):
            await backends.transcriber.transcribe(
                Audio(np.zeros(80, np.int16), 8_000), language="en", final=True, deadline_s=LONG_S
            )
        assert opened
        for _ in range(opened):
            await asyncio.wait_for(gone.get(), LONG_S)
