"""One Realtime connection's translation. It owns no socket, no task and no clock."""

from collections.abc import Callable, Iterator
from itertools import count

import orjson

from audio.pcm import Audio
from conversation.events import Event
from ingress.protocols.codec import Wire
from ingress.protocols.inputs import Input
from ingress.protocols.outputs import Answer, Output
from ingress.protocols.realtime.errors import Body
from ingress.protocols.realtime.exchange import Exchange
from ingress.protocols.realtime.incoming import Incoming
from ingress.protocols.realtime.outgoing import Outgoing
from ingress.protocols.realtime.session import Session
from ingress.protocols.realtime.sound import rate_of

TRACK_HZ = 24_000
"""Of sound that does not go in events."""


class RealtimeCodec:
    """A WebSocket's peer is sent texts only. Over WebRTC sound goes as it is to a track, with
    `Clear` to empty that, and the texts are the data channel's; `track_s` tells how many seconds of
    the caller's sound the call was given."""

    def __init__(self, session: Session, *, track_s: Callable[[], float] | None = None) -> None:
        self._exchange = Exchange(session, track_s)
        self._in_events = track_s is None
        self._incoming = Incoming(self._exchange)
        self._outgoing = Outgoing(self._exchange, sound_in_events=self._in_events)
        self._numbers = count(1)

    @property
    def rate_hz(self) -> int:
        if not self._in_events:
            return TRACK_HZ
        return rate_of(self._exchange.session.settings.audio.output.format)

    def opening(self) -> Iterator[Event | Input | Answer]:
        session = self._exchange.session
        yield session.listen()
        yield session.configured()
        yield Answer({"type": "session.created", "session": session.body})

    def decode(self, message: str | bytes) -> Iterator[Audio | Event | Input | Answer]:
        """What cannot be followed is answered by an `error`; it raises nothing."""
        return self._incoming.take(message)

    def encode(self, output: Output) -> Iterator[Wire]:
        for said in self._outgoing.say(output):
            yield self._event(said) if isinstance(said, dict) else said

    def _event(self, body: Body) -> str:
        return orjson.dumps({"event_id": f"event_{next(self._numbers)}", **body}).decode()
