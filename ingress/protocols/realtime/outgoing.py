"""Outputs of a call as server events. Owns which responses are open; no event ids, no bytes."""

from collections.abc import Iterator

from audio.pcm import Audio, Samples
from audio.resampling import Resampler
from conversation.history import Message
from ingress.protocols.outputs import (
    SERVER_STOPS,
    AgentWrites,
    Answer,
    CallerSaid,
    CallerStarted,
    CallerStopped,
    CallerUnderstood,
    Clear,
    Closed,
    FellBack,
    ItemTold,
    Output,
    Play,
    ReplyBegun,
    ReplySent,
    ToolCalled,
    TurnClosed,
    Used,
)
from ingress.protocols.realtime import items
from ingress.protocols.realtime.errors import Body, Refused
from ingress.protocols.realtime.exchange import Exchange
from ingress.protocols.realtime.responses import End, Response
from ingress.protocols.realtime.sound import encoded, rate_of
from ingress.protocols.realtime.utterances import Utterances

WHOLE = frozenset({"answered", "greeted"})
"""Outcomes of a turn that was not cut off."""

UNHEARD = Message("assistant", "", cut_off=True)
"""What is left of a reply that was interrupted before a word of it was heard. Clients that truncate
an item read from its transcript what they are to show."""


FAREWELLS: dict[str, Body] = {
    "call length limit": {"type": "invalid_request_error", "code": "session_expired"},
    "idle call": {"type": "invalid_request_error", "code": "session_expired"},
    SERVER_STOPS: {"type": "server_error", "code": "server_shutdown"},
}
"""What a client is told before its connection closes, by the reason (`conversation.turns` has those
of time). A session that reached its length OpenAI ends with the same error."""


class Outgoing:
    """One call's. With `sound_in_events` sound is part of the events, else it has its own way."""

    def __init__(self, exchange: Exchange, *, sound_in_events: bool) -> None:
        self._exchange, self._in_events = exchange, sound_in_events
        self._utterances = Utterances(exchange.items)
        self._turns: dict[int, Response] = {}  # those whose turn is not closed
        self._asked: dict[int, str] = {}  # turn → the utterance that it answers
        self._speaking: Response | None = None
        self._resampler: Resampler | None = None
        self._sounding: str | None = None  # the response that the client's buffer plays

    def say(self, output: Output) -> Iterator[Body | Audio | Clear | Closed]:
        match output:
            case Answer(body):
                yield from self._answer(body)
            case Play(audio):
                yield from self._play(audio)
            case Clear():
                yield from self._clear()
            case CallerStarted() | CallerStopped() | CallerSaid() | CallerUnderstood():
                yield from self._caller(output)
            case ItemTold():
                yield self._told(output)
            case TurnClosed():
                yield from self._close(output)
            case ReplyBegun():
                yield from self._begin(output)
            case Closed():
                yield from self._part(output)
            case _:
                yield from self._reply(output)

    def _caller(
        self, output: CallerStarted | CallerStopped | CallerSaid | CallerUnderstood
    ) -> Iterator[Body]:
        session = self._exchange.session
        transcribes, settings = session.transcribes, session.settings
        unnamed = settings.parley.events and settings.audio.input.turn_detection is None
        match output:
            case CallerStarted():
                yield from self._utterances.start(output)
            case CallerStopped(by_hand=by_hand):
                if not by_hand:  # else `Incoming` has, and sound since then is the next one's
                    self._exchange.sound.take()
                yield from self._utterances.stop(output)
            case CallerSaid(_, text, False, item) if transcribes:
                yield from self._utterances.preview(item, text, unnamed=unnamed)
            case CallerUnderstood() if transcribes:
                yield from self._utterances.understand(output)
            case _:
                pass

    def _begin(self, begun: ReplyBegun) -> Iterator[Body]:
        response = self._exchange.asked(begun.wish.request)
        if response is None:
            response = self._exchange.respond(begun.wish)
        yield from response.create()
        response.begin(begun.item)
        if response.aside:
            return
        self._turns[begun.turn] = self._speaking = response
        self._resampler = None
        self._asked[begun.turn] = self._utterances.take_latest()

    def _reply(self, output: Output) -> Iterator[Body]:
        """More of a reply. What comes after its end (it was interrupted, say) is not told."""
        if not isinstance(output, AgentWrites | ToolCalled | Used | FellBack | ReplySent):
            return
        response = self._response(output.turn)
        if response is None or response.ended:
            return
        match output:
            case AgentWrites(_, text):
                yield from response.write(text)
            case ToolCalled(_, call):
                yield from response.call(call)
            case Used(_, usage):
                response.use(usage)
            case FellBack(_, detail):
                response.failed = detail
            case ReplySent():
                yield from self._end(response, "failed" if response.failed else "completed")

    def _response(self, turn: int) -> Response | None:
        """Replies beside the conversation are negative turns."""
        return self._exchange.made_aside(-turn) if turn < 0 else self._turns.get(turn)

    def _end(self, response: Response, end: End) -> Iterator[Body]:
        yield from response.end(end)
        self._exchange.ended(response)
        yield from self._tell_waiting()

    def _tell_waiting(self) -> Iterator[Body]:
        """One response at a time: a reply that was asked for while an utterance was about to be
        answered is told of when that answer is over."""
        main = self._exchange.main
        if not any(one.told for one in main):
            for response in main[:1]:
                yield from response.create()

    def _play(self, audio: Audio) -> Iterator[Body | Audio]:
        response = self._speaking
        if response is not None and not response.ended:
            if self._in_events:
                delta = encoded(self._at_its_rate(audio, response), response.terms.sound)
                yield from response.sound(delta)
                return
            yield from response.open()
            if self._sounding != response.id:
                self._sounding = response.id
                yield {"type": "output_audio_buffer.started", "response_id": response.id}
        if not self._in_events:
            yield audio

    def _at_its_rate(self, audio: Audio, response: Response) -> Samples:
        """The format may have changed since the reply's sound was made ready."""
        if self._resampler is None:
            self._resampler = Resampler(audio.rate_hz, rate_of(response.terms.sound))
        return self._resampler.push(audio.samples)

    def _clear(self) -> Iterator[Body | Clear]:
        """A client whose sound comes in events forgets it by itself."""
        if not self._in_events:
            yield Clear()
            yield from self._silent("cleared")

    def _silent(self, how: str) -> Iterator[Body]:
        if self._sounding is not None:
            yield {"type": f"output_audio_buffer.{how}", "response_id": self._sounding}
        self._sounding = None

    def _close(self, closed: TurnClosed) -> Iterator[Body]:
        response = self._response(closed.turn)
        self._turns.pop(closed.turn, None)
        whole = closed.outcome in WHOLE
        if response is not None:
            if not response.ended:
                end: End = "completed" if whole else "cancelled"
                yield from self._end(response, "failed" if response.failed else end)
            if response is self._speaking:
                self._speaking = None
            if response.id == self._sounding:
                yield from self._silent("stopped" if closed.outcome != "interrupted" else "cleared")
        if closed.turn >= 0:
            yield from self._tell_turn(closed, response)

    def _tell_turn(self, closed: TurnClosed, response: Response | None) -> Iterator[Body]:
        """Parley's own event, for who has asked for it."""
        answered = closed.turn in self._asked
        asked = self._asked.pop(closed.turn) if answered else self._utterances.take_latest()
        if self._exchange.session.settings.parley.events:
            yield {
                "type": "parley.turn",
                "turn": closed.turn,
                "outcome": closed.outcome,
                "stages_ms": closed.stages_ms,
                "heard": closed.heard,
                "item_id": asked or None,
                "response_id": response.id if response else None,
            }

    def _answer(self, body: Body) -> Iterator[Body]:
        """What the client's own message led to. Where an item stands is known only now."""
        shown = self._exchange.items
        match body["type"]:
            case "conversation.item.added":
                item = body["item"]
                before = shown.place(item["id"], body["previous_item_id"])
                placed = {"previous_item_id": before, "item": item}
                yield {"type": "conversation.item.added", **placed}
                yield {"type": "conversation.item.done", **placed}
            case "conversation.item.deleted":
                shown.remove(body["item_id"])
                yield body
            case "input_audio_buffer.cleared":
                yield from self._utterances.clear(self._exchange.sound.heard_s)
            case "response.created":
                response = self._exchange.asked(body["response_id"])
                if response is not None and response.aside:
                    yield from response.create()
                yield from self._tell_waiting()
            case "response.cancel":
                for response in map(self._exchange.asked, body["response_ids"]):
                    if response is not None and not response.begun:
                        yield from self._end(response, "cancelled")
            case _:
                yield body

    def _part(self, closed: Closed) -> Iterator[Body | Closed]:
        """Why, and for a WebSocket how: another connection has a close of its own."""
        if (error := FAREWELLS.get(closed.reason)) is not None:
            told = {"message": f"the session is over: {closed.reason}", "param": None}
            yield {"type": "error", "error": {**error, **told, "event_id": None}}
        if self._in_events:
            yield closed

    def _told(self, told: ItemTold) -> Body:
        shown, message = self._exchange.items, told.message
        if told.item not in shown or message is None:
            gone = "not in" if told.item not in shown else "too old for the agent's limits of"
            error = Refused(
                f"item {told.item!r} is {gone} the conversation",
                code="item_retrieve_invalid_item_id",
                param="item_id",
            )
            return error.event(told.request or None)
        if not (message.says or message.phrases):
            message = None
        kind, status = shown.kind(told.item), shown.status(told.item)
        if message is None and status != "in_progress" and kind.startswith("assistant"):
            message = UNHEARD
        if message is None and (words := self._utterances.words(told.item)) is not None:
            message = Message("user", words)  # noise, or not a part of the conversation yet
        if message is not None and message.cut_off:
            status = "incomplete"
        item = items.shape(told.item, kind, message, status)
        return {"type": "conversation.item.retrieved", "item": item}
