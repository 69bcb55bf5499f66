"""`POST /v1/realtime/calls`: a WebRTC call by one request. Owns the request's forms, no call.

Who may ask is decided before (`ingress.guard`). The request goes on, for whoever counts it, until
the call is over: its answer is sent at once and the call is its background task. So Serve takes a
WebRTC call for an ongoing request, as it does a WebSocket: it scales by it and, when the replica
drains, waits for it.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.background import BackgroundTask
from starlette.datastructures import FormData, UploadFile

from ingress.call import Call
from ingress.call_log import CallLog
from ingress.realtime_calls import new_call
from ingress.replica import Replica
from ingress.rest.bodies import portable
from ingress.rest.errors import ApiError, errors_of
from ingress.webrtc.calls import Sessions, WebRtcCalls

SDP = "application/sdp"


def router(replica: Replica) -> APIRouter:
    """`POST /v1/realtime/calls` and `POST /v1/realtime/calls/{id}/hangup`."""

    def begun(
        call_id: str, model: str, sessions: Sessions, log: CallLog, track_s: Callable[[], float]
    ) -> Call:
        return new_call(replica, call_id, model, sessions, log, track_s=track_s)

    return routes_of(WebRtcCalls(replica, begun))


def routes_of(calls: WebRtcCalls) -> APIRouter:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with calls.open():
            yield

    routes = APIRouter(lifespan=lifespan, tags=["Realtime"])

    @routes.post("/v1/realtime/calls", status_code=201, response_class=Response, **BEGIN)
    async def begin(request: Request, model: str = "") -> Response:
        """Begin a call over WebRTC: an SDP offer with one audio section (Opus) and, for events, a
        data channel named `oai-events`. `model` is the name of an agent."""
        offer, session = await read_body(request)
        granted: Mapping[str, Any] = request.state.grant.session
        agent = str(granted.get("model") or model or session.get("model") or "")
        begun = await calls.begin(offer, agent, (granted, session))
        place = {"Location": f"/v1/realtime/calls/{begun.call_id}"}
        return Response(begun.answer, 201, place, SDP, BackgroundTask(begun.wait))

    @routes.post(
        "/v1/realtime/calls/{call_id}/hangup", response_class=Response, responses=errors_of(404)
    )
    async def hang_up(call_id: str) -> Response:
        """End a call of this replica's."""
        if not calls.hang_up(call_id):
            told = f"no call {call_id!r} on this replica: it is over, or another replica holds it"
            raise ApiError(404, told, code="call_not_found")
        return Response(status_code=200)

    return routes


async def read_body(request: Request) -> tuple[str, Mapping[str, Any]]:
    """The SDP offer, and the session that comes with it. Raises ApiError 400."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == SDP:
        return text_of(await request.body(), "sdp"), {}
    if kind == "multipart/form-data":
        try:
            async with request.form(max_files=2, max_fields=2) as form:
                return await field(form, "sdp"), session_of(await field(form, "session", "{}"))
        except UnicodeError as error:  # the client names the charset
            raise ApiError(400, f"the form is no text: {error}", code="invalid_value") from None
    told = f"the body must be {SDP} or multipart/form-data with `sdp` and `session`, not {kind!r}"
    raise ApiError(400, told, code="unsupported_content_type")


async def field(form: FormData, name: str, default: str | None = None) -> str:
    """Raises ApiError 400, and UnicodeError for half of a surrogate pair."""
    value = form.get(name, default)
    if value is None:
        raise ApiError(
            400, f"the form has no {name!r}", code="missing_required_parameter", param=name
        )
    return text_of(await value.read() if isinstance(value, UploadFile) else value.encode(), name)


def text_of(body: bytes, name: str) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise ApiError(400, f"{name} is no UTF-8 text", code="invalid_value", param=name) from None


def session_of(text: str) -> Mapping[str, Any]:
    try:
        session = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ApiError(
            400, f"session is no JSON: {error}", code="invalid_json", param="session"
        ) from None
    if not isinstance(session, dict):
        raise ApiError(400, "session must be an object", code="invalid_value", param="session")
    try:
        return cast(Mapping[str, Any], portable(session))
    except ValueError as error:
        raise ApiError(400, f"session: {error}", code="invalid_value", param="session") from None


BEGIN: dict[str, Any] = {
    "responses": errors_of(400, 503)
    | {201: {"content": {SDP: {"schema": {"type": "string"}}}, "description": "The SDP answer"}},
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                SDP: {"schema": {"type": "string"}},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {"sdp": {"type": "string"}, "session": {"type": "object"}},
                        "required": ["sdp"],
                    }
                },
            },
        }
    },
}
"""What OpenAPI cannot read from the signature."""
