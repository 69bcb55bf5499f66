"""A server of the tests' own on a free port, for what talks to OpenAI-compatible endpoints."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response

from configs.schema import OpenAI

Answer = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[OpenAI]:
    """A server that answers every POST with `answer`."""
    app = FastAPI()
    app.add_api_route("/v1/{path:path}", answer, methods=["POST"])
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=0))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            port = listening.getsockname()[1]
            yield OpenAI(engine="openai", base_url=f"http://127.0.0.1:{port}/v1", model="m-1")
        finally:
            server.should_exit = True
            await running
