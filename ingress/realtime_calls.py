"""Calls that speak OpenAI's Realtime protocol, over whatever carries them. Owns their beginning."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from secrets import token_hex
from typing import Any

from configs.agents import Agent
from configs.schema import can_call_tools
from conversation.prompts import PromptError, filled
from ingress.agents import agent_of, conversation_of
from ingress.call import Call
from ingress.call_log import CallLog
from ingress.hearing import Hearing, thresholds_of
from ingress.protocols.realtime.codec import RealtimeCodec
from ingress.protocols.realtime.errors import Refused
from ingress.protocols.realtime.session import Defaults, Session
from ingress.protocols.realtime.sound import HEARD_HZ
from ingress.replica import Replica
from ingress.rest.errors import ApiError
from ingress.retrying import retrying
from ingress.surroundings import Surroundings


def new_call(
    replica: Replica,
    call_id: str,
    model: str,
    sessions: Sequence[Mapping[str, Any]],
    log: CallLog,
    *,
    track_s: Callable[[], float] | None = None,
    wall_s: Callable[[], float] = time.time,
) -> Call:
    """A call with the agent that `model` names, the default one for any other name. `sessions`
    are what a client secret and an offer bring with them, each changing what the one before has;
    `track_s` tells how much sound came where that has a way of its own (`RealtimeCodec`); `wall_s`
    is Unix time in seconds. Raises ApiError 400."""
    stack = replica.stack
    name, agent = agent_of(stack, model if model in stack.agents else None, None)
    expires_at = int(wall_s() + agent.limits.call_length_s)
    try:
        conversation = conversation_of(stack, agent, {}, item_prefix=f"item_{token_hex(6)}")
        begun = Session.begin(defaults_of(replica, agent, model or name), call_id, expires_at)
        asked = reduce(Session.updated, sessions, begun)
        codec = RealtimeCodec(asked, track_s=track_s)
    except PromptError as error:
        raise ApiError(400, str(error), param="model") from None
    except Refused as refused:
        raise ApiError(400, refused.message, code=refused.code, param=refused.param) from None
    hearing = Hearing(replica.silero, thresholds_of(stack.listening), HEARD_HZ)
    log.info("started", agent=name)
    return Call(codec, hearing, agent, conversation, surroundings(replica, agent, log), log)


def defaults_of(replica: Replica, agent: Agent, model: str) -> Defaults:
    """What a session with the agent begins with. Raises PromptError."""
    stack = replica.stack
    return Defaults(
        model=model,
        system_prompt=filled(agent.prompt, agent.variables).strip(),
        voice=agent.voice,
        speed=agent.speed,
        voices=frozenset(replica.voices),
        thresholds=thresholds_of(stack.listening),
        judged=stack.listening.end_of_turn is not None,
        interruptible=agent.interruptible,
        markers=agent.phrase_markers,
        tools=can_call_tools(stack),
    )


def surroundings(replica: Replica, agent: Agent, log: CallLog) -> Surroundings:
    return Surroundings(
        retrying(replica.backends, agent.limits.retries, replica.metrics, log),
        replica.lines,
        replica.metrics,
        replica.now_s,
        replica.stack.speaking.realtime_lead_ms / 1_000,
        replica.stack.listening.partial_every_ms,
        replica.judge,
    )
