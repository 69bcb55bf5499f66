"""Which agent takes a call, and the conversation that it begins. Owns no state."""

from collections.abc import Mapping

from configs.agents import Agent
from configs.schema import OpenAI, Stack, Vllm
from conversation.backchannels import BACKCHANNELS
from conversation.prompts import filled, system_prompt
from conversation.state import Conversation, Policy


class UnknownAgent(ValueError):
    """A call asks for an agent that is not configured; the message lists those that are."""


def agent_of(stack: Stack, name: str | None, dialled: str | None) -> tuple[str, Agent]:
    """The agent by its name, else by the dialled number, else the default. Raises UnknownAgent."""
    chosen = name or stack.agent_by_number.get(dialled or "", stack.default_agent)
    if chosen not in stack.agents:
        raise UnknownAgent(f"no agent named {chosen!r}; there is {', '.join(sorted(stack.agents))}")
    return chosen, stack.agents[chosen]


def conversation_of(
    stack: Stack, agent: Agent, parameters: Mapping[str, str], *, item_prefix: str = ""
) -> Conversation:
    """A new conversation with the agent, its prompt filled from the call's parameters over the
    agent's own defaults. With an `item_prefix`, for a protocol that names items: such a peer asks
    for a greeting itself. Raises PromptError."""
    backchannels = agent.backchannels
    if backchannels is None:
        backchannels = BACKCHANNELS.get(agent.language.lower().split("-")[0], ())
    variables = {**agent.variables, **parameters}
    limits = agent.limits
    policy = Policy(
        system_prompt=system_prompt(agent.prompt, variables, phrase_markers=agent.phrase_markers),
        greeting=filled(agent.greeting, variables) if agent.greeting and not item_prefix else None,
        interruptible=agent.interruptible,
        fallback_lines=agent.fallback_lines,
        max_queued_turns=limits.max_queued_turns,
        max_history_messages=limits.max_history_messages,
        max_history_tokens=limits.max_history_tokens,
        idle_call_s=limits.idle_call_s,
        call_length_s=limits.call_length_s,
        prepares=stack.listening.prepare_after_ms > 0,
        warms_prefix=isinstance(stack.llm, Vllm | OpenAI) and stack.llm.warm_prefix,
        resume_within_ms=stack.listening.resume_within_ms,
        backchannels=backchannels,
        interruption_min_words=agent.interruption_min_words,
        item_prefix=item_prefix,
    )
    return Conversation(policy)


def farewell(line: str) -> Conversation:
    """A conversation that is over once `line` was heard."""
    return Conversation(Policy(greeting=line, interruptible=False), leaving=True)
