"""How every bot listens: one uvicorn for all, with what was found fastest for ours. In any of the
environments."""

import argparse
from typing import Any

import uvicorn


def options(what: str | None) -> argparse.ArgumentParser:
    """Of a peer's bot: where it listens and where the models are."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--models", required=True, help="base URL of an OpenAI-compatible server")
    parser.add_argument("--silence-s", type=float, default=0.2, help="of the voice detector")
    return parser


def serve(app: Any, port: int) -> None:
    """An ASGI app on loopback, until a signal."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
    )
