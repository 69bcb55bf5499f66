"""One simulated call. What is said and when is the caller's script (`loadtest.script`,
`loadtest.talking`, or a test); how it is put on the wire is the protocol's (`loadtest.wire`).

    async with dial(url, start) as phone:
        spoken = await phone.say(utterance)
        begins = await phone.audible(after=spoken.voiced_until)
        await phone.silent(500)
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from loadtest.handset import LATE_MS, CallEnded, Phone, Spoken
from loadtest.line import open_line
from loadtest.media_streams import Start
from loadtest.network import Network
from loadtest.twilio_wire import TwilioWire
from loadtest.wheel import Wheel
from loadtest.wire import Text, Wire

__all__ = ["LATE_MS", "CallEnded", "Phone", "Spoken", "Text", "dial", "held"]


def dial(url: str, start: Start, *, pace: float = 1.0) -> AbstractAsyncContextManager[Phone]:
    """A call over Twilio Media Streams. `pace`, and what is raised, as for `held`."""
    return held(url, TwilioWire(start), pace=pace)


@asynccontextmanager
async def held(
    url: str,
    wire: Wire,
    *,
    pace: float = 1.0,
    headers: dict[str, str] | None = None,
    open_timeout_s: float = 10.0,
    network: Network = Network(),  # noqa: B008 (frozen)
    wheel: Wheel | None = None,
) -> AsyncGenerator[Phone]:
    """Open a call's socket and hold it; the caller hangs up on leaving.

    `pace` is how long a second of the line takes: 1.0 is real time. With 0 the line's clock is
    the caller's own frames: they leave as fast as the server takes them while the caller speaks,
    for two seconds of silence after, and while something plays; else one every 20 ms. A `wheel`
    that someone else turns, of the same pace, serves many calls. Raises OSError, TimeoutError and
    websockets' InvalidHandshake and InvalidURI when nobody answers.
    """
    async with open_line(url, headers, open_timeout_s) as line:
        phone = Phone(line, wire, pace, network)
        phone.open()
        try:
            if wheel:
                with wheel.joined(phone.tick) as begins_s:
                    phone.begin(begins_s)
                    yield phone
            else:
                async with _alone(phone, pace):
                    yield phone
        finally:
            await phone.hang_up()


@asynccontextmanager
async def _alone(phone: Phone, pace: float) -> AsyncGenerator[None]:
    """The phone's own timer."""
    try:
        async with asyncio.TaskGroup() as tasks:
            if not pace:
                task = tasks.create_task(phone.hurry())
                yield
            else:
                wheel = Wheel(pace)
                task = tasks.create_task(wheel.turn())
                with wheel.joined(phone.tick) as begins_s:
                    phone.begin(begins_s)
                    yield
            task.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:  # the script's own, seen through the task group
            raise group.exceptions[0] from None
        raise
