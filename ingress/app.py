"""The FastAPI app: routes and wiring. Owns no decision and no model."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from audio.turn_completion import SmartTurn
from audio.voice_activity import SileroModel
from configs.schema import Stack
from ingress import realtime, twilio_media, twilio_webhooks
from ingress.access import Access
from ingress.admission import Admission
from ingress.backends import Backends
from ingress.guard import Guard
from ingress.judging import TurnJudge
from ingress.lines import FixedLines
from ingress.memory import give_back
from ingress.metrics import Metrics
from ingress.page import page
from ingress.readiness import PARTS, Readiness
from ingress.replica import Replica
from ingress.rest import chat, client_secrets, models, speech, transcriptions
from ingress.rest.errors import install_errors
from ingress.security import Secrets, is_loopback
from ingress.webrtc import routes as webrtc


def create_app(
    stack: Stack,
    backends: Backends,
    metrics: Metrics,
    *,
    secrets: Secrets,
    proxy: str,
    replica: str,
    host: str = "127.0.0.1",
) -> FastAPI:
    """The app of one ingress replica. `proxy` and `replica` name, for `/health`, what stands in
    front of it and which one it is; `host` is the address it is reached by: beyond loopback a
    protocol is served only with its secret. `app.state.admission` holds its calls."""
    shared = replica_of(stack, backends, metrics, secrets)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with asyncio.TaskGroup() as tasks:
            work = shared.readiness.warm_up(stack, backends, shared.lines)
            standing = [
                tasks.create_task(work, name="warm-up"),
                tasks.create_task(keep_house(shared.admission), name="house"),
            ]
            yield
            for task in standing:
                task.cancel()
        await backends.close()

    app = FastAPIOffline(title="Parley", redoc_url=None, lifespan=lifespan)
    app.state.admission = shared.admission
    if secrets.twilio_auth_token or is_loopback(host):
        serve_twilio(app, shared)
    if secrets.api_keys or is_loopback(host):
        serve_openai(app, shared)

    @app.get("/health")
    async def health() -> JSONResponse:
        body = {"proxy": proxy, "replica": replica} | state_of(shared)
        if proxy == "python":
            body["warning"] = PYTHON_PROXY_WARNING
        return JSONResponse(body, status_code=503 if body["waiting_for"] else 200)

    return app


def serve_twilio(app: FastAPI, shared: Replica) -> None:
    app.include_router(twilio_webhooks.router(shared))
    app.include_router(twilio_media.router(shared))


def serve_openai(app: FastAPI, shared: Replica) -> None:
    """The page and /v1. What is added last stands outermost: CORS answers before the guard."""
    install_errors(app)
    app.description = DESCRIPTION
    documented = [Security(HTTPBearer(auto_error=False, description=KEY))]  # Guard is who decides
    app.include_router(page.router())
    for part in (models, chat, transcriptions, speech, client_secrets, webrtc):
        app.include_router(part.router(shared), dependencies=documented)
    app.include_router(realtime.router(shared))
    api = shared.stack.api
    app.add_middleware(Guard, access=Access(shared.secrets.api_keys, api.allowed_origins), api=api)
    if api.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=api.allowed_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("*",),
            expose_headers=("Location",),
        )


async def keep_house(admission: Admission) -> None:
    """Report the gauges, and give memory back when the last call is over."""
    ended = 0
    while True:
        admission.report()
        if admission.ended > ended and not admission.active:
            give_back()
            ended = admission.ended
        await asyncio.sleep(HOUSE_EVERY_S)


def replica_of(stack: Stack, backends: Backends, metrics: Metrics, secrets: Secrets) -> Replica:
    return Replica(
        stack,
        backends,
        metrics,
        secrets,
        SileroModel(),
        FixedLines(),
        Admission(stack.ingress.max_calls, metrics),
        Readiness(),
        time.monotonic,
        judge_of(stack),
    )


def judge_of(stack: Stack) -> TurnJudge | None:
    """Raises FileNotFoundError without the model's weights."""
    if (end_of_turn := stack.listening.end_of_turn) is None:
        return None
    model = SmartTurn(Path(end_of_turn.model))
    return TurnJudge(model, end_of_turn.threshold, end_of_turn.threads)


def state_of(shared: Replica) -> dict[str, Any]:
    waiting_for = dict(shared.readiness.waiting_for)
    return {
        "status": "loading" if waiting_for else "ready",
        "models": list(PARTS),
        "waiting_for": waiting_for,
        "active_calls": shared.admission.active,
        "peak_calls": shared.admission.peak,
        "tasks": len(asyncio.all_tasks()),
    }


HOUSE_EVERY_S = 2.0

DESCRIPTION = (
    "OpenAI's protocols over this server's agents and models. To talk to an agent: a WebSocket at "
    "`/v1/realtime?model=AGENT`, which OpenAPI has no words for, or WebRTC by `POST "
    "/v1/realtime/calls`. Their events are documented in the repository's `docs/realtime.md`."
)

KEY = "One of the server's API keys; without any configured, it is not asked for."

PYTHON_PROXY_WARNING = (
    "frames go through Serve's Python proxy, which costs 14 times HAProxy's round trip: start the "
    "cluster with RAY_SERVE_ENABLE_HA_PROXY=1 in its environment"
)
