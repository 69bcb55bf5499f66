"""Twilio's HTTP side: the webhook that answers a call with TwiML, and status callbacks.

Source: twilio.com/docs/voice/twiml/stream and twilio.com/docs/usage/security.
"""

from collections import OrderedDict
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, HTTPException, Request, Response
from twilio.twiml.voice_response import Connect, Stream, VoiceResponse

from conversation.prompts import PromptError
from ingress.agents import UnknownAgent, agent_of, conversation_of
from ingress.call_log import CallLog, logger
from ingress.replica import Replica
from ingress.security import TOKEN_PARAMETER, StreamTokens, signed_by_twilio

READY_WITHIN_S = 5.0
"""A new replica's first callers wait for its models; Twilio gives a webhook 15 s."""

REMEMBERED_CALLBACKS = 10_000

MAX_FORM_BYTES = 65_536
"""Twilio's forms are some 2 KB."""


def router(replica: Replica) -> APIRouter:
    """`POST /twilio/voice` and `POST /twilio/status`."""
    routes = APIRouter(prefix="/twilio")
    seen: OrderedDict[tuple[str, ...], None] = OrderedDict()

    @routes.post("/voice")
    async def voice(request: Request) -> Response:
        form = await signed_form(replica, request)
        call_sid = form.get("CallSid")
        if not call_sid:
            raise HTTPException(422, "CallSid is missing: is this Twilio?")
        try:
            name, agent = agent_of(replica.stack, request.query_params.get("agent"), form.get("To"))
        except UnknownAgent as error:
            raise HTTPException(422, str(error)) from None
        parameters = {
            "from": form.get("From", ""),
            "to": form.get("To", ""),
            **request.query_params,
            "agent": name,
        }
        try:
            conversation_of(replica.stack, agent, parameters)
        except PromptError as error:
            CallLog(call_sid).warning("misconfigured", agent=name, error=str(error))
            return twiml(farewell(agent.fallback_lines[-1]))
        ready = await replica.readiness.within(READY_WITHIN_S)
        if not ready or not replica.admission.reserve(call_sid, replica.now_s()):
            CallLog(call_sid).warning("busy", ready=ready, active_calls=replica.admission.active)
            replica.metrics.count("parley_calls_total", outcome="refused")
            return twiml(farewell(replica.stack.twilio.busy_line))
        if token := replica.secrets.twilio_auth_token:
            parameters[TOKEN_PARAMETER] = StreamTokens(token).issue(call_sid)
        return twiml(connect(stream_url(replica, request), parameters))

    @routes.post("/status", status_code=204)
    async def status(request: Request) -> Response:
        """Call and stream status alike. Twilio repeats them and changes their order."""
        form = await signed_form(replica, request)
        state = form.get("CallStatus") or form.get("StreamEvent") or ""
        which = (form.get("CallSid", ""), form.get("StreamSid", ""), state)
        if which not in seen:
            seen[which] = None
            if len(seen) > REMEMBERED_CALLBACKS:
                seen.popitem(last=False)
            error = form.get("StreamError")
            CallLog(which[0]).info("status", status=state, error=error)
        return Response(status_code=204)

    return routes


async def signed_form(replica: Replica, request: Request) -> Mapping[str, str]:
    """The form's fields, once Twilio's signature is verified. Raises HTTPException 403."""
    form = dict(parse_qsl(await bounded_body(request), keep_blank_values=True))
    if token := replica.secrets.twilio_auth_token:
        signature = request.headers.get("X-Twilio-Signature", "")
        url = public_url(replica, request, "https")
        if not signed_by_twilio(token, url, form, signature):
            logger.warning("refused %s: X-Twilio-Signature does not fit %s", request.url.path, url)
            raise HTTPException(403, "X-Twilio-Signature does not fit; see public_url")
    return form


async def bounded_body(request: Request) -> str:
    """A form's body, before anybody is known to be Twilio. Raises HTTPException 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise HTTPException(413, f"a form of more than {MAX_FORM_BYTES} bytes")
    return body.decode("utf-8", errors="replace")


def public_url(replica: Replica, request: Request, scheme: str) -> str:
    """The address under which Twilio sees this request, its query included."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{public_base(replica, request, scheme)}{request.url.path}{query}"


def public_base(replica: Replica, request: Request, scheme: str) -> str:
    """`scheme` is https or wss; a plain server's are http and ws."""
    configured = replica.stack.twilio.public_url
    seen = urlsplit(str(configured)) if configured else urlsplit(str(request.base_url))
    plain = {"https": "http", "wss": "ws"}[scheme]
    secure = seen.scheme == "https"
    return f"{scheme if secure else plain}://{seen.netloc}{seen.path.rstrip('/')}"


def stream_url(replica: Replica, request: Request) -> str:
    return f"{public_base(replica, request, 'wss')}/twilio/media"


def connect(url: str, parameters: Mapping[str, str]) -> VoiceResponse:
    """Twilio drops a stream URL's query, so everything travels as a <Parameter>."""
    stream = Stream(url=url)
    for name, value in parameters.items():
        stream.parameter(name=name, value=value)
    connected, response = Connect(), VoiceResponse()
    connected.append(stream)
    response.append(connected)
    return response


def farewell(line: str) -> VoiceResponse:
    response = VoiceResponse()
    response.say(line)
    response.hangup()
    return response


def twiml(response: VoiceResponse) -> Response:
    return Response(str(response), media_type="text/xml")
