"""Twilio's media socket: from the upgrade to the last frame of a call."""

import asyncio
from functools import partial

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from configs.agents import Agent
from conversation.prompts import PromptError
from conversation.state import Conversation
from ingress.agents import UnknownAgent, agent_of, conversation_of, farewell
from ingress.call import Call
from ingress.call_log import CallLog, logger
from ingress.hearing import Hearing, thresholds_of
from ingress.protocols.codec import POLICY, TRY_AGAIN, ProtocolError
from ingress.protocols.twilio import Start, TwilioCodec, read_start
from ingress.replica import Replica
from ingress.retrying import retrying
from ingress.security import TOKEN_PARAMETER, StreamTokens, upgrade_signed_by_twilio
from ingress.socket_calls import SocketCall
from ingress.surroundings import Surroundings

START_WITHIN_S = 10.0
"""Twilio sends `start` at once; who does not is a stranger holding a socket."""

READY_WITHIN_S = 10.0


def router(replica: Replica) -> APIRouter:
    """`WS /twilio/media`."""
    routes = APIRouter()

    @routes.websocket("/twilio/media")
    async def media(socket: WebSocket) -> None:
        if not upgrade_allowed(replica, socket):
            logger.warning("refused a stream: X-Twilio-Signature does not fit its upgrade")
            await socket.close()  # before accept: HTTP 403
            return
        await socket.accept()
        line = SocketCall(socket, replica.metrics, CallLog("?"))
        await line.answer(partial(hold, replica))

    return routes


def upgrade_allowed(replica: Replica, socket: WebSocket) -> bool:
    token, base = replica.secrets.twilio_auth_token, replica.stack.twilio.public_url
    if not token:
        return True
    url = f"{str(base).rstrip('/')}/twilio/media".replace("http", "ws", 1)
    return upgrade_signed_by_twilio(token, url, socket.headers.get("x-twilio-signature", ""))


async def first_start(line: SocketCall) -> Start:
    """Read up to the `start` message. Raises ProtocolError, WebSocketDisconnect."""
    try:
        async with asyncio.timeout(START_WITHIN_S):
            async for message in line.messages():
                if start := read_start(message):
                    return start
    except TimeoutError:
        raise ProtocolError(POLICY, f"no start within {START_WITHIN_S:g} s") from None
    raise WebSocketDisconnect


async def hold(replica: Replica, line: SocketCall) -> str:
    """The call itself, and its outcome: completed, or refused for want of room. Raises
    ProtocolError, alone or in a group, and WebSocketDisconnect."""
    start = await first_start(line)
    log = line.log = CallLog(start.call_sid)
    check(replica, start)
    if not await replica.readiness.within(READY_WITHIN_S):
        raise ProtocolError(TRY_AGAIN, f"still loading: {', '.join(replica.readiness.waiting_for)}")
    if replica.admission.holds(start.call_sid):
        raise ProtocolError(POLICY, "a second stream for a call that is under way")
    try:
        name, agent = agent_of(
            replica.stack, start.parameters.get("agent"), start.parameters.get("to")
        )
        conversation = conversation_of(replica.stack, agent, start.parameters)
    except (UnknownAgent, PromptError) as error:
        raise ProtocolError(POLICY, str(error)) from None
    full = replica.admission.full
    if full:
        conversation = farewell(replica.stack.twilio.busy_line)
        log.warning("busy", active_calls=replica.admission.active)
    call = new_call(replica, start, agent, conversation, log)
    log.info("started", agent=name, stream=start.stream_sid)
    with replica.admission.hold(start.call_sid, call):
        await call.run(line.messages(), line.send)
    log.info("ended")
    return "refused" if full else "completed"


def check(replica: Replica, start: Start) -> None:
    """Raises ProtocolError for a stream that our webhook has not announced."""
    token = replica.secrets.twilio_auth_token
    given = start.parameters.get(TOKEN_PARAMETER, "")
    if token and not StreamTokens(token).accept(given, start.call_sid):
        raise ProtocolError(POLICY, f"{TOKEN_PARAMETER} is missing, expired or of another call")


def new_call(
    replica: Replica, start: Start, agent: Agent, conversation: Conversation, log: CallLog
) -> Call:
    wanted = start.parameters.get("parley_events") == "1"
    around = Surroundings(
        retrying(replica.backends, agent.limits.retries, replica.metrics, log),
        replica.lines,
        replica.metrics,
        replica.now_s,
        replica.stack.speaking.lead_ms / 1_000,
        replica.stack.listening.partial_every_ms,
        replica.judge,
    )
    codec = TwilioCodec(start.stream_sid, texts=wanted and replica.stack.twilio.parley_events)
    hearing = Hearing(replica.silero, thresholds_of(replica.stack.listening))
    return Call(codec, hearing, agent, conversation, around, log)
