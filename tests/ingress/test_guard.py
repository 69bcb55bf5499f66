"""What stands before /v1, under uvicorn, with routes of the test's own behind it."""

import asyncio
import socket
import threading

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from starlette.middleware.cors import CORSMiddleware
from websockets.exceptions import InvalidStatus

from configs.schema import Api
from ingress import guard
from ingress.access import Access, chosen_subprotocol
from ingress.client_secrets import ClientSecrets
from ingress.guard import MAX_JSON_BYTES, Guard
from ingress.rest.errors import install_errors
from tests.ingress.server import TIMEOUT_S, serving

KEY = "key-of-sixteen-characters"
BEARER = {"Authorization": f"Bearer {KEY}"}
ORIGIN = "https://app.example.com"


class Routes:
    """A route that echoes, one that waits until it is let go or dropped, and a socket."""

    def __init__(self, access: Access, **api) -> None:
        self.read, self.dropped, self.waiting = 0, threading.Event(), threading.Event()
        self.app = FastAPI()
        install_errors(self.app)
        self.app.add_api_route("/v1/echo", self.echo, methods=["POST"])
        self.app.add_api_route("/v1/audio/transcriptions", self.echo, methods=["POST"])
        self.app.add_api_route("/v1/wait", self.wait, methods=["POST"])
        self.app.add_api_route("/v1/stream", self.stream, methods=["POST"])
        self.app.add_api_route("/v1/models", lambda: {}, methods=["GET"])
        self.app.add_api_route("/other", self.echo, methods=["POST"])
        self.app.add_api_websocket_route("/v1/realtime", self.session)
        self.app.add_middleware(Guard, access=access, api=Api(**api))
        self.app.add_middleware(
            CORSMiddleware, allow_origins=access.allowed_origins, expose_headers=("Location",)
        )

    async def echo(self, request: Request):
        async for chunk in request.stream():
            self.read += len(chunk)
        return {"bytes": self.read}

    async def wait(self, request: Request):
        await request.body()
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.dropped.set()

    async def stream(self, request: Request):
        await request.body()
        return StreamingResponse(self.pieces())

    async def pieces(self):
        try:
            while True:
                await asyncio.sleep(0)  # as a model's next piece is waited for
                yield b"x" * 100_000
        finally:
            self.dropped.set()

    async def session(self, websocket: WebSocket):
        await websocket.accept(chosen_subprotocol(websocket.headers))
        await websocket.send_json({"session": dict(websocket.state.grant.session)})
        await websocket.close()


def serve(access=None, **api):
    routes = Routes(access or Access((KEY,), (ORIGIN,)), **api)
    return routes, serving(routes.app)


def test_a_stranger_is_refused_before_a_byte_of_his_body_is_read():
    routes, served = serve()
    with served as client:
        found = client.post("/v1/echo", content=b"x" * 100_000)
        assert found.status_code == 401
        assert found.headers["www-authenticate"] == "Bearer"
        assert found.json()["error"]["code"] == "invalid_api_key"
        assert routes.read == 0
        assert client.post("/v1/echo", content=b"x", headers=BEARER).json() == {"bytes": 1}
        assert client.post("/other", content=b"x").status_code == 200
        assert client.get("/v1/nothing").status_code == 401
        assert client.get("/v1/nothing", headers=BEARER).json()["error"]["code"] == "unknown_url"


def test_a_body_is_bounded_by_what_it_declares_and_by_what_comes():
    routes, served = serve(max_body_mb=2)

    def chunks(count):
        yield from (b"x" * 100_000 for _ in range(count))

    with served as client:
        for path, most in (("/v1/echo", MAX_JSON_BYTES), ("/v1/audio/transcriptions", 2_000_000)):
            for body in (b"x" * (most + 1), chunks(most // 100_000 + 1)):
                found = client.post(path, content=body, headers=BEARER)
                assert found.status_code == 413
                assert found.json()["error"]["code"] == "request_too_large"
            routes.read = 0
            for body in (b"x" * most, chunks(most // 100_000)):
                assert client.post(path, content=body, headers=BEARER).status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(guard, "BODY_S", 0.05)
    _, served = serve()
    with served as client:
        raw = socket.create_connection((client.base_url.host, client.base_url.port), TIMEOUT_S)
        with raw:
            head = f"POST /v1/echo HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {KEY}\r\n"
            raw.sendall(f"{head}Content-Length: 100\r\n\r\nabc".encode())
            assert raw.recv(1_000).startswith(b"HTTP/1.1 408 ")


def test_no_more_requests_at_once_than_configured():
    routes, served = serve(max_requests=1)
    with (
        served as client,
        socket.create_connection((client.base_url.host, client.base_url.port), TIMEOUT_S) as raw,
    ):
        head = f"POST /v1/wait HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {KEY}\r\n"
        raw.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())
        assert routes.waiting.wait(TIMEOUT_S)
        found = client.post("/v1/echo", headers=BEARER)
        assert found.status_code == 429
        assert found.headers["retry-after"] == "1"
        assert found.json()["error"]["type"] == "rate_limit_error"
        assert client.get("/v1/models", headers=BEARER).status_code == 200
        raw.close()
        assert routes.dropped.wait(TIMEOUT_S)
        while client.post("/v1/echo", headers=BEARER).status_code == 429:
            pass


def test_the_work_ends_with_its_client():
    routes, served = serve()
    with served as client:
        with client.stream("POST", "/v1/stream", headers=BEARER) as answer:
            next(answer.iter_raw())
        assert routes.dropped.wait(TIMEOUT_S)


def test_a_client_that_does_not_read_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(guard, "PEER_S", 0.05)
    routes, served = serve()
    with served as client, client.stream("POST", "/v1/stream", headers=BEARER) as answer:
        assert answer.status_code == 200
        assert routes.dropped.wait(TIMEOUT_S)


def test_a_socket_is_refused_with_a_status_and_words():
    _, served = serve()
    with served as client:
        for headers, status in (({}, 401), (BEARER | {"Origin": "https://evil.example"}, 403)):
            with pytest.raises(InvalidStatus) as caught, client.socket("/v1/realtime", headers):
                pass
            assert caught.value.response.status_code == status
            assert b'"invalid_request_error"' in caught.value.response.body
        with client.socket("/v1/realtime", BEARER) as opened:
            assert opened.receive() == {"session": {}}


def test_a_client_secret_opens_sessions_and_mints_no_other():
    _, served = serve()
    secret = ClientSecrets([KEY]).issue({"model": "sales"}, 2**40)
    with served as client:
        bearer = {"Authorization": f"Bearer {secret}"}
        with client.socket("/v1/realtime", bearer) as opened:
            assert opened.receive() == {"session": {"model": "sales"}}
        for path in ("/v1/realtime/client_secrets", "/v1/realtime/../echo", "/v1/echo"):
            assert client.post(path, headers=bearer).status_code == 401


def test_pages_of_allowed_origins_may_ask_and_read():
    _, served = serve()
    with served as client:
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
        allowed = client.options("/v1/models", headers=asked)
        assert allowed.headers["access-control-allow-origin"] == ORIGIN
        found = client.get("/v1/models", headers=BEARER | {"Origin": ORIGIN})
        assert found.headers["access-control-allow-origin"] == ORIGIN
        assert found.headers["access-control-expose-headers"] == "Location"
        evil = {"Origin": "https://evil.example"}
        told = client.options("/v1/models", headers=asked | evil).headers
        assert "access-control-allow-origin" not in told
        assert client.get("/v1/models", headers=BEARER | evil).status_code == 403


def test_without_keys_a_name_that_dns_may_move_is_refused():
    _, served = serve(Access())
    with served as client:
        assert client.get("/v1/models").status_code == 200
        rebound = client.get("/v1/models", headers={"Host": "evil.example"})
        assert rebound.status_code == 403
        assert rebound.json()["error"]["code"] == "host_not_allowed"
