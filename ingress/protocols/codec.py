"""The seam between a wire protocol and a call."""

from collections.abc import Iterator
from typing import Protocol

from audio.pcm import Audio
from conversation.events import Event
from ingress.protocols.inputs import Input
from ingress.protocols.outputs import Answer, Clear, Closed, Output

Wire = str | Audio | Clear | Closed
"""What goes over the line: a text, or, where sound has a way of its own, sound, or the word to play
no more of what was sent; at last, why a WebSocket is to be closed."""


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
    """One instance a call; it owns no socket and no task. `rate_hz` is that of the sound it sends
    in the next turn: `encode` takes no other in it."""

    @property
    def rate_hz(self) -> int: ...

    def opening(self) -> Iterator[Event | Input | Answer]:
        """What there is before the peer has said anything."""
        ...

    def decode(self, message: str | bytes) -> Iterator[Audio | Event | Input | Answer]:
        """What a message from the peer says; an answer is the codec's own, and goes out in its
        turn. Raises ProtocolError."""
        ...

    def encode(self, output: Output) -> Iterator[Wire]:
        """The messages that say `output`; none when the protocol has no word for it."""
        ...
