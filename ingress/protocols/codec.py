"""The seam between a wire protocol and a call."""

from collections.abc import Iterator
from typing import Protocol

from audio.pcm import Audio
from conversation.events import Event
from ingress.protocols.outputs import Output


class ProtocolError(Exception):
    """The peer broke the protocol; `code` is the WebSocket close code (RFC 6455, 7.4)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


UNSUPPORTED = 1003
POLICY = 1008
TOO_BIG = 1009
INTERNAL = 1011
TRY_AGAIN = 1013


class Codec(Protocol):
    """One instance a call; it owns no socket and no task. `rate_hz` is that of the sound it sends:
    `encode` takes no other."""

    rate_hz: int

    def decode(self, message: str | bytes) -> Iterator[Audio | Event]:
        """What a message from the peer says. Raises ProtocolError."""
        ...

    def encode(self, output: Output) -> Iterator[str]:
        """The messages that say `output`; none when the protocol has no word for it."""
        ...
