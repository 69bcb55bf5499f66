"""Twilio Media Streams as Twilio speaks it: what a call sends, and what it may be sent. Pure.

Source: twilio.com/docs/voice/media-streams/websocket-messages. Numbers of chunks, times and
sequence are strings there.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from loadtest.wire import FRAME_SAMPLES, Malformed

CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'


@dataclass(frozen=True, slots=True)
class Start:
    """What Twilio tells about a call in `start`."""

    call_sid: str = field(default_factory=lambda: f"CA{secrets.token_hex(16)}")
    account_sid: str = "AC" + "0" * 32
    parameters: dict[str, str] = field(default_factory=dict[str, str])

    def body(self, stream_sid: str) -> dict[str, Any]:
        return {
            "accountSid": self.account_sid,
            "streamSid": stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1},
            "customParameters": self.parameters,
        }


@lru_cache(maxsize=64)
def payloads(sound: bytes) -> tuple[str, ...]:
    """Mu-law cut into frames, each as it stands in `media.payload`. The same object for the same
    sound: a recording is encoded once, however often it is said."""
    frames = range(0, len(sound), FRAME_SAMPLES)
    return tuple(base64.b64encode(sound[at : at + FRAME_SAMPLES]).decode() for at in frames)


def message(event: str, stream_sid: str, sequence: int, **body: Any) -> str:
    """A frame of a call, of any event."""
    sids = {"streamSid": stream_sid, "sequenceNumber": str(sequence)}
    return orjson.dumps({"event": event, **sids, **body}).decode()


def media_message(stream_sid: str, sequence: int, payload: str, at: int) -> str:
    """The `media` message of one of `payloads` that begins at sample `at` of the stream. Written
    out by hand: it is what a simulated caller does most."""
    return (
        f'{{"event":"media","streamSid":"{stream_sid}","sequenceNumber":"{sequence}",'
        f'"media":{{"track":"inbound","chunk":"{at // FRAME_SAMPLES + 1}",'
        f'"timestamp":"{at // 8}","payload":"{payload}"}}}}'
    )


@dataclass(frozen=True, slots=True)
class Media:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    name: str


@dataclass(frozen=True, slots=True)
class Clear: ...


@dataclass(frozen=True, slots=True)
class Parley:
    """Parley's own frame of texts, sent only to callers that ask for it."""

    body: dict[str, Any]


def read(message: str | bytes, stream_sid: str) -> Media | Mark | Clear | Parley:
    """A frame from the server. Raises Malformed where Twilio would report an error."""
    try:
        if isinstance(message, bytes):
            raise ValueError("binary")
        frame = orjson.loads(message)
        if frame["streamSid"] != stream_sid:
            raise ValueError(f"streamSid is {frame['streamSid']!r}, not this stream's")
        match frame["event"]:
            case "media":
                return Media(base64.b64decode(frame["media"]["payload"], validate=True))
            case "mark":
                return Mark(_text(frame["mark"]["name"]))
            case "clear":
                return Clear()
            case "parley":
                return Parley(dict(frame["parley"]))
            case other:
                raise ValueError(f"unknown event {other!r}")
    except KeyError as error:
        raise Malformed(_refusal(message, f"{error} is missing")) from None
    except (ValueError, TypeError, binascii.Error) as error:
        raise Malformed(_refusal(message, str(error))) from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no name")
    return value


def _refusal(message: str | bytes, why: str) -> str:
    return f"Twilio would refuse {message[:100]!r}: {why}"
