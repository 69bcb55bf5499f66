"""A conversation whose peer names its items, for tests."""

from conversation.events import PlayedOut, ReplyEnded
from conversation.tools import ToolCall
from tests.conversation.talking import phrase, run, started

CALL = ToolCall("call_1", "get_weather", "{}", item="fc_1")


def begun(**changes):
    return started(item_prefix="i", **changes)


def kinds(commands):
    return [type(command) for command in commands]


def said(state):
    """What has words; the places of those that have none are there besides."""
    return [(m.role, m.text, m.item) for m in state.history if m.text]


def texts(state):
    return [text for _, text, _ in said(state)]


def answered(state, *texts):
    """The reply that is under way is written, and plays out."""
    attempt = state.attempt
    events = [phrase(attempt, number, text) for number, text in enumerate(texts)]
    return run(state, *events, ReplyEnded(attempt), PlayedOut())
