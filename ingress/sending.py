"""The way out of a call: a peer that does not read is gone. Owns no socket."""

import asyncio
from collections.abc import Awaitable

from ingress.protocols.codec import POLICY, ProtocolError

SEND_TIMEOUT_S = 10.0
"""A peer that has not read for as long as this is gone; Twilio itself drops audio long before."""


async def within_time(sending: Awaitable[None]) -> None:
    """Raises ProtocolError for a peer that does not read."""
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await sending
    except TimeoutError:
        raise ProtocolError(POLICY, f"not read for {SEND_TIMEOUT_S:g} s") from None
