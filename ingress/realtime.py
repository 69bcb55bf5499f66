"""`WS /v1/realtime`: a call over one WebSocket. Who may ask is decided before (`ingress.guard`)."""

from collections.abc import Mapping
from functools import partial
from secrets import token_hex
from typing import Any

from fastapi import APIRouter, WebSocket

from ingress.access import chosen_subprotocol
from ingress.call import Call
from ingress.call_log import CallLog
from ingress.protocols.codec import POLICY, TRY_AGAIN
from ingress.realtime_calls import new_call
from ingress.replica import Replica
from ingress.rest.errors import ApiError, error_response
from ingress.socket_calls import SocketCall, shortened

READY_WITHIN_S = 10.0


def router(replica: Replica) -> APIRouter:
    """`WS /v1/realtime?model=AGENT`."""
    routes = APIRouter()

    @routes.websocket("/v1/realtime")
    async def realtime(socket: WebSocket, model: str = "") -> None:
        call_id = f"sess_{token_hex(12)}"
        log = CallLog(call_id)
        granted: Mapping[str, Any] = socket.state.grant.session
        try:
            await check_ready(replica)
            agent = str(granted.get("model") or model)
            call = new_call(replica, call_id, agent, (granted,), log)
            check_room(replica, call_id)
        except ApiError as error:
            log.warning("refused", status=error.status_code, reason=str(error.detail))
            replica.metrics.count("parley_calls_total", outcome="refused")
            await turn_away(socket, error)
            return
        with replica.admission.hold(call_id, call):
            await socket.accept(chosen_subprotocol(socket.headers))
            await SocketCall(socket, replica.metrics, log).answer(partial(hold, call))

    @routes.get("/v1/realtime", include_in_schema=False)
    async def no_upgrade() -> None:
        told = (
            "/v1/realtime is a WebSocket, and this request asks for no upgrade: see "
            "docs/realtime.md, or POST an SDP offer to /v1/realtime/calls for WebRTC"
        )
        raise ApiError(426, told, code="upgrade_required", headers={"Upgrade": "websocket"})

    return routes


async def hold(call: Call, line: SocketCall) -> str:
    """The call itself, and its outcome."""
    await call.run(line.messages(), line.send)
    line.log.info("ended")
    return "completed"


async def check_ready(replica: Replica) -> None:
    """Raises ApiError 503."""
    if not await replica.readiness.within(READY_WITHIN_S):
        loading = ", ".join(replica.readiness.waiting_for)
        raise ApiError(503, f"still loading: {loading}", code="loading")


def check_room(replica: Replica, call_id: str) -> None:
    """Raises ApiError 503."""
    if not replica.admission.reserve(call_id, replica.now_s()):
        raise ApiError(503, "all lines are busy: try again in a moment", code="server_busy")


async def turn_away(socket: WebSocket, error: ApiError) -> None:
    """By the HTTP status, without accepting. A browser's page is shown no status: it reads the
    code and the reason of a socket that closes."""
    if "origin" not in socket.headers and "websocket.http.response" in socket.scope["extensions"]:
        await socket.send_denial_response(error_response(error))
        return
    await socket.accept(chosen_subprotocol(socket.headers))
    code = TRY_AGAIN if error.status_code >= 500 else POLICY
    await socket.close(code, shortened(str(error.detail)))
