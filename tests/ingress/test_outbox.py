"""What waits to go out, when the turn that it belongs to is dropped meanwhile."""

import numpy as np

from audio.pcm import Audio
from conversation.tools import ToolCall
from conversation.wishes import PLAIN
from ingress.outbox import Outbox
from ingress.protocols.outputs import AgentSays, Output, Play, ReplyBegun, ReplySent, ToolCalled

RATE_HZ = 8_000
CALLED = ToolCalled(1, ToolCall("call_1", "get_weather", "{}"))


async def test_a_slow_peer_is_not_told_the_end_of_a_turn_that_was_dropped():
    outbox = Outbox(lambda: RATE_HZ, 10.0, lambda: 0.0, lambda: 0, lambda: None)
    outbox.put(ReplyBegun(1, "a1", PLAIN))
    playout = outbox.new_turn(1)
    number = playout.begin("Let me look.")
    playout.add(number, Audio(np.ones(RATE_HZ, np.int16), RATE_HZ))
    playout.end(number)
    playout.finish(CALLED, ReplySent(1))
    outbox.stir()
    first = [await outbox.get() for _ in range(2)]
    assert isinstance(first[0], ReplyBegun)
    waiting = list(outbox._ready)  # pyright: ignore[reportPrivateUsage]
    assert {Play, ToolCalled, ReplySent} <= {type(one) for one in (*first, *waiting)}
    outbox.put(ReplySent(-1))  # of a reply beside the conversation
    outbox.drop()
    outbox.put(ReplyBegun(2, "a2", PLAIN))
    left: list[Output] = []
    while not left or left[-1] != ReplyBegun(2, "a2", PLAIN):
        left.append(await outbox.get())
    assert not [one for one in left if isinstance(one, Play | ToolCalled)]
    assert [one for one in left if isinstance(one, ReplySent)] == [ReplySent(-1)]
    assert not [one for one in left if isinstance(one, AgentSays)]
