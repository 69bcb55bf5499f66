"""Twilio Media Streams: wire messages to events, outputs to wire messages.

Source: twilio.com/docs/voice/media-streams/websocket-messages. Owns no socket and no task; the
`start` message is read by `read_start` before there is a call.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audio import mulaw
from audio.pcm import Audio
from conversation.events import CallEnded, DigitPressed, Event, PhraseHeard
from ingress.protocols.codec import POLICY, TOO_BIG, UNSUPPORTED, ProtocolError
from ingress.protocols.outputs import (
    AgentSays,
    CallerSaid,
    Clear,
    Closed,
    Noted,
    Output,
    PhraseEnd,
    Play,
    TurnClosed,
)

MAX_MESSAGE_CHARACTERS = 65_536
"""Twilio's frames are some 400 characters; its parameters are under 500 each."""

CHUNK_BYTES = 4_000
"""Half a second of mu-law a message: Twilio takes any size and buffers it."""

_MARK = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})\Z")
_DIGITS = frozenset("0123456789*#ABCD")


class MediaFormat(BaseModel):
    encoding: str
    sample_rate: int = Field(alias="sampleRate")
    channels: int


class Start(BaseModel):
    """The `start` object of the start message."""

    model_config = ConfigDict(frozen=True)

    stream_sid: str = Field(alias="streamSid", min_length=1)
    call_sid: str = Field(alias="callSid", min_length=1)
    media_format: MediaFormat = Field(alias="mediaFormat")
    parameters: dict[str, str] = Field(alias="customParameters", default={})


def parse(message: str | bytes) -> dict[str, Any]:
    """A wire message as an object with an `event`. Raises ProtocolError."""
    if isinstance(message, bytes):
        raise ProtocolError(UNSUPPORTED, "a binary frame; Media Streams are text")
    if len(message) > MAX_MESSAGE_CHARACTERS:
        raise ProtocolError(TOO_BIG, f"a message of {len(message)} characters")
    try:
        body = orjson.loads(message)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(UNSUPPORTED, f"not JSON: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("event"), str):
        raise ProtocolError(UNSUPPORTED, "not an object with an event")
    return body


def read_start(message: str | bytes) -> Start | None:
    """The call's start, or None for the `connected` message before it. Raises ProtocolError."""
    body = parse(message)
    match body["event"]:
        case "connected":
            return None
        case "start":
            pass
        case other:
            raise ProtocolError(POLICY, f"{other!r} before start")
    try:
        start = Start.model_validate(body.get("start"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "start"
        raise ProtocolError(UNSUPPORTED, f"start: {where}: {first['msg']}") from None
    wanted = MediaFormat(encoding="audio/x-mulaw", sampleRate=8_000, channels=1)
    if start.media_format != wanted:
        raise ProtocolError(UNSUPPORTED, f"media format {start.media_format}; we take {wanted}")
    return start


class TwilioCodec:
    """One stream's translation. Sound is mu-law at 8 kHz both ways. With `texts`, Parley's own
    `parley` frames carry what was said; Twilio itself must never be sent them."""

    def __init__(self, stream_sid: str, *, texts: bool) -> None:
        self._stream_sid, self._texts = stream_sid, texts
        self.rate_hz = mulaw.RATE_HZ

    def opening(self) -> Iterator[Event]:
        """Nothing: Twilio has sent its `start` before there is a call."""
        return iter(())

    def decode(self, message: str | bytes) -> Iterator[Audio | Event]:
        body = parse(message)
        if body.get("streamSid") != self._stream_sid:
            raise ProtocolError(POLICY, f"streamSid {body.get('streamSid')!r} is not this stream's")
        match body["event"]:
            case "media":
                yield Audio(mulaw.decode(_payload(body)), mulaw.RATE_HZ)
            case "mark":
                yield from _heard(_text(body, "mark", "name"))
            case "dtmf":
                digit = _text(body, "dtmf", "digit")
                if digit not in _DIGITS:
                    raise ProtocolError(UNSUPPORTED, f"dtmf.digit is {digit!r}")
                yield DigitPressed(digit)
            case "stop":
                yield CallEnded("caller hung up")
            case "start" | "connected":
                raise ProtocolError(POLICY, f"a second {body['event']}")
            case _:
                return  # Twilio adds events without notice

    def encode(self, output: Output) -> Iterator[str]:
        match output:
            case Play(audio):
                if audio.rate_hz != self.rate_hz:
                    raise ValueError(f"sound at {audio.rate_hz} Hz; the line's is {self.rate_hz}")
                yield from self._media(mulaw.encode(audio.samples))
            case PhraseEnd(turn, generation, phrase):
                yield self._frame("mark", {"name": f"{turn}.{generation}.{phrase}"})
            case Clear():
                yield self._frame("clear")
            case _:
                if self._texts and (body := _text_of(output)):
                    yield self._frame("parley", body)

    def _media(self, payload: bytes) -> Iterator[str]:
        for at in range(0, len(payload), CHUNK_BYTES):
            chunk = base64.b64encode(payload[at : at + CHUNK_BYTES]).decode()
            yield self._frame("media", {"payload": chunk})

    def _frame(self, event: str, body: dict[str, Any] | None = None) -> str:
        frame = {"event": event, "streamSid": self._stream_sid}
        return orjson.dumps(frame if body is None else {**frame, event: body}).decode()


def _payload(body: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(_text(body, "media", "payload"), validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError(UNSUPPORTED, "media.payload is not base64") from None


def _text(body: dict[str, Any], part: str, key: str) -> str:
    inner = body.get(part)
    value = inner.get(key) if isinstance(inner, dict) else None
    if not isinstance(value, str):
        raise ProtocolError(UNSUPPORTED, f"{part}.{key} is missing or not a string")
    return value


def _heard(name: str) -> Iterator[PhraseHeard]:
    """Marks that are not ours in form say nothing: another application may have set them."""
    if found := _MARK.match(name):
        turn, generation, phrase = map(int, found.groups())
        yield PhraseHeard(turn, generation, phrase)


def _text_of(output: Output) -> dict[str, Any] | None:
    match output:
        case CallerSaid(turn, text, final):
            return {"type": "transcript", "turn": turn, "text": text, "final": final}
        case AgentSays(turn, phrase, text):
            return {"type": "phrase", "turn": turn, "phrase": phrase, "text": text}
        case TurnClosed(turn, outcome, stages_ms):
            return {"type": "turn", "turn": turn, "outcome": outcome, "stages_ms": stages_ms}
        case Noted(text):
            return {"type": "notice", "text": text}
        case Closed(reason):
            return {"type": "notice", "text": f"call ended: {reason}"}
        case _:
            return None
