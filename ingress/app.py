"""The FastAPI app: routes and wiring. Owns no decision and no model."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from audio.turn_completion import SmartTurn
from audio.voice_activity import SileroModel
from configs.schema import Stack
from ingress import twilio_media, twilio_webhooks
from ingress.admission import Admission
from ingress.backends import Backends
from ingress.judging import TurnJudge
from ingress.lines import FixedLines
from ingress.memory import give_back
from ingress.metrics import Metrics
from ingress.readiness import PARTS, Readiness
from ingress.replica import Replica
from ingress.security import Secrets


def create_app(
    stack: Stack,
    backends: Backends,
    metrics: Metrics,
    *,
    secrets: Secrets,
    proxy: str,
    replica: str,
) -> FastAPI:
    """The app of one ingress replica. `proxy` and `replica` name, for `/health`, what stands in
    front of it and which one it is. `app.state.admission` holds its calls."""
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

    app = FastAPI(title="Parley", lifespan=lifespan)
    app.state.admission = shared.admission
    app.include_router(twilio_webhooks.router(shared))
    app.include_router(twilio_media.router(shared))

    @app.get("/health")
    async def health() -> JSONResponse:
        body = {"proxy": proxy, "replica": replica} | state_of(shared)
        if proxy == "python":
            body["warning"] = PYTHON_PROXY_WARNING
        return JSONResponse(body, status_code=503 if body["waiting_for"] else 200)

    return app


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

PYTHON_PROXY_WARNING = (
    "frames go through Serve's Python proxy, which costs 14 times HAProxy's round trip: start the "
    "cluster with RAY_SERVE_ENABLE_HA_PROXY=1 in its environment"
)
