"""What one REST request asks its models through. Owns the request's name in the log."""

import secrets
from dataclasses import dataclass

from configs.agents import Agent, Limits
from ingress.backends import Backends
from ingress.call_log import CallLog
from ingress.replica import Replica
from ingress.retrying import retrying


@dataclass(frozen=True, slots=True)
class Asking:
    """The models, each request repeated as on a call, under the default agent's limits."""

    backends: Backends
    agent: Agent
    log: CallLog

    @property
    def limits(self) -> Limits:
        return self.agent.limits


def asking(replica: Replica) -> Asking:
    agent = replica.stack.agents[replica.stack.default_agent]
    log = CallLog(f"req_{secrets.token_hex(8)}")
    again = retrying(replica.backends, agent.limits.retries, replica.metrics, log)
    return Asking(again, agent, log)
