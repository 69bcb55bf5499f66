"""The app under uvicorn on a free port, as Serve runs it, and a plain client of it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
import websockets.sync.client
from fastapi import FastAPI
from websockets.exceptions import ConnectionClosed

TIMEOUT_S = 20


class Socket:
    def __init__(self, inner: websockets.sync.client.ClientConnection) -> None:
        self._inner = inner

    def send(self, message: str | bytes) -> None:
        self._inner.send(message)

    def receive(self) -> dict[str, Any]:
        return json.loads(self._inner.recv(timeout=TIMEOUT_S))

    def until(self, event: str) -> dict[str, Any]:
        while (frame := self.receive())["event"] != event:
            pass
        return frame

    def closed(self) -> tuple[int, str]:
        """Read to the end: the close code and its reason."""
        try:
            while True:
                self.receive()
        except ConnectionClosed as end:
            assert end.rcvd is not None
            return end.rcvd.code, end.rcvd.reason


class Client(httpx.Client):
    """HTTP by httpx, and `socket` for a WebSocket."""

    @contextmanager
    def socket(self, path: str, headers: dict[str, str] | None = None) -> Iterator[Socket]:
        url = f"ws://{self.base_url.netloc.decode()}{path}"
        with websockets.sync.client.connect(url, additional_headers=headers) as inner:
            yield Socket(inner)


@contextmanager
def serving(app: FastAPI, port: int = 0) -> Iterator[Client]:
    """On a free port, unless one is given."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the app did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        with Client(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT_S) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(TIMEOUT_S)
        assert not thread.is_alive(), "the app did not stop"
