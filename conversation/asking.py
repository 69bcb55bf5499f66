"""What the caller's end asks for itself: replies, and how they are made. Pure."""

from dataclasses import replace

from conversation.answering import answer_next, rendered
from conversation.commands import DropAside, ReplyAside
from conversation.events import Configured, ReplyCancelled, ReplyRequested
from conversation.state import Conversation, Step
from conversation.turn_end import discard, drop
from conversation.wishes import Wish

Asked = Configured | ReplyRequested | ReplyCancelled


def ask(state: Conversation, event: Asked) -> Step:
    match event:
        case Configured():
            return configure(state, event)
        case ReplyRequested(wish):
            return request(state, wish)
        case ReplyCancelled(aside):
            if aside:
                return state, (DropAside(aside),)
            state, commands = drop(replace(state, wished=()))
            state, more = answer_next(state)
            return state, (*commands, *more)


def configure(state: Conversation, event: Configured) -> Step:
    """A reply that is prepared was made in the old way."""
    policy = replace(
        state.policy,
        system_prompt=event.system_prompt,
        wish=event.wish,
        answers=event.answers,
        interruptible=event.interruptible,
    )
    return discard(replace(state, policy=policy))


def request(state: Conversation, wish: Wish) -> Step:
    """Reply now, or when what is being said was heard and what was said is known."""
    if wish.aside:
        state = replace(state, asides=state.asides + 1)
        aside = ReplyAside(state.asides, state.aside_item, rendered(state, wish), wish)
        return state, (aside,)
    state, discarded = discard(state)
    state, commands = answer_next(replace(state, wished=(*state.wished, wish)))
    return state, (*discarded, *commands)
