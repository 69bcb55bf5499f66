"""What the two directions of a Realtime connection share: the session, the items and the replies
that were asked for. Owns no socket and no clock."""

from collections.abc import Callable
from uuid import uuid4

from conversation.wishes import Wish
from ingress.protocols.realtime.errors import Refused
from ingress.protocols.realtime.responses import Response, Terms
from ingress.protocols.realtime.session import Session
from ingress.protocols.realtime.settings import Overrides, VoiceId
from ingress.protocols.realtime.shown import Items
from ingress.protocols.realtime.sound import SoundIn

MAX_ASIDES = 16
"""Responses beside the conversation at once: our choice. Each is a request of its own to the
language model, and whoever holds a client secret may ask."""

NOTHING_ELSE = Overrides()
"""A response that is as the session has it."""


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid4().hex[:24]}"


class Exchange:
    """`track_s`: see `SoundIn`."""

    def __init__(self, session: Session, track_s: Callable[[], float] | None = None) -> None:
        self.session = session
        self.items = Items()
        self.sound = SoundIn(session.settings.audio.input.format, track_s)
        self._open: dict[str, Response] = {}  # by id, in the order of their asking
        self._asides = 0

    @property
    def main(self) -> tuple[Response, ...]:
        """The responses that have the conversation's floor, or wait for it. At most one is asked
        for; another is there when an utterance was answered at the same moment."""
        return tuple(one for one in self._open.values() if one.terms.main)

    @property
    def asides(self) -> tuple[Response, ...]:
        """The responses that are made beside the conversation."""
        return tuple(one for one in self._open.values() if one.aside)

    def asked(self, request: str) -> Response | None:
        """The response that is known by this id and not over."""
        return self._open.get(request)

    def made_aside(self, number: int) -> Response | None:
        """The response beside the conversation that has this number, if it is not over."""
        return next((one for one in self.asides if one.aside == number), None)

    def check_room(self, *, aside: bool) -> None:
        """Raises Refused while no further response may be asked for."""
        active = [one for one in self.main if not one.cancelled]
        if active and not aside:
            raise Refused(
                "Conversation already has an active response in progress: "
                f"{active[0].id}. Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        if aside and len(self.asides) >= MAX_ASIDES:
            raise Refused(
                f"{MAX_ASIDES} responses beside the conversation are being made: wait for one",
                code="rate_limit_exceeded",
            )

    def respond(self, wish: Wish, given: Overrides = NOTHING_ELSE) -> Response:
        """A new response; one that is asked for has its id from the asking. A voice that we do not
        know is shown as it was given, as in the session."""
        output = self.session.settings.audio.output
        voice = given.voice or output.voice
        terms = Terms(
            wish.request or new_id("resp"),
            kept=wish.kept,
            spoken=wish.spoken,
            sound=output.format,
            voice=voice.model_dump() if isinstance(voice, VoiceId) else voice,
            max_tokens="inf" if wish.max_tokens is None else wish.max_tokens,
            metadata=given.metadata,
        )
        response = Response(terms, self.items)
        if wish.aside:
            self._asides += 1
            response.aside = self._asides
        self._open[terms.response_id] = response
        return response

    def ended(self, response: Response) -> None:
        del self._open[response.id]
