"""The caller's end of OpenAI's Realtime protocol over a WebSocket, as a good client speaks it: it
plays what comes by its own clock, and when the server hears it begin to speak, drops what it has
not played and says how much of the item was heard (`conversation.item.truncate`).

Source of the events: the types of openai-python 3.51, `openai.types.realtime`. What becomes of a
turn is told by Parley's own `parley.turn`, asked for in the session. Texts are those of Twilio's
`parley` frames, a turn being named by its caller's item.
"""

import base64
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from audio import mulaw
from audio.resampling import Resampler
from loadtest.first_audio import RATE_HZ
from loadtest.utterance import WIDE_HZ, Utterance
from loadtest.wire import Ear, Malformed

FRAME_BYTES = 2 * WIDE_HZ // 50
FORMAT = {"type": "audio/pcm", "rate": WIDE_HZ}
SESSION: dict[str, Any] = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {
        "input": {"format": FORMAT, "transcription": {"model": "whisper-1"}},
        "output": {"format": FORMAT},
    },
    "parley": {"events": True},
}
REMEMBERED = 4
"""Replies of which news may still come: the one that plays, and those just cut short."""


@lru_cache(maxsize=64)
def appends(sound: bytes) -> tuple[str, ...]:
    """PCM cut into frames of 20 ms, each as a whole message. The same object for the same sound."""
    pieces = (sound[at : at + FRAME_BYTES] for at in range(0, len(sound), FRAME_BYTES))
    return tuple(
        f'{{"type":"input_audio_buffer.append","audio":"{base64.b64encode(piece).decode()}"}}'
        for piece in pieces
    )


@dataclass(slots=True)
class Reply:
    """An item of the agent's: where on the line its sound begins, and its words so far."""

    item: str
    phrase: dict[str, Any]
    begins: int | None = None
    whole: bool = False
    cut: bool = False
    filter: Resampler = field(default_factory=lambda: Resampler(WIDE_HZ, RATE_HZ))


class RealtimeWire:
    """One call's, as `loadtest.wire.Wire`."""

    def __init__(self) -> None:
        self.ear = Ear()
        self._asked = ""  # the caller's last item
        self._open: list[str] = []  # the caller's items whose turn is not over
        self._replies: dict[str, Reply] = {}

    def opening(self) -> list[str]:
        """The session, without waiting for the server's: messages are taken in order."""
        return [_message("session.update", session=SESSION)]

    def frames(self, utterance: Utterance) -> tuple[str, ...]:
        return appends(utterance.wide)

    def speak(self, frame: str | None, at: int) -> str:
        return frame or appends(bytes(FRAME_BYTES))[0]

    def due(self, now: int) -> list[str]:
        return []

    def received(self, message: str | bytes, now: int) -> list[str]:
        try:
            event = _read(message)
            return self._happened(event, now)
        except Malformed as error:
            self.ear.faults.append(str(error))
        except (KeyError, TypeError, ValueError) as error:
            self.ear.faults.append(f"no client would take {message[:100]!r}: {error!r}")
        return []

    def closing(self) -> list[str]:
        return []

    def _happened(self, event: dict[str, Any], now: int) -> list[str]:
        match event["type"]:
            case "error":
                self.ear.faults.append(f"error: {event['error']['message']}")
            case "input_audio_buffer.speech_started":
                return self._interrupted(now)
            case "conversation.item.truncated":
                return [_message("conversation.item.retrieve", item_id=event["item_id"])]
            case "response.output_audio.delta":
                sound = base64.b64decode(event["delta"], validate=True)
                self._play(self._reply(event["item_id"], now), sound, now)
            case _:
                self._told(event, now)
        return []

    def _told(self, event: dict[str, Any], now: int) -> None:
        """What is said, and what became of it."""
        match event["type"]:
            case "input_audio_buffer.committed":
                self._asked = event["item_id"]
                self._open.append(self._asked)
            case "conversation.item.input_audio_transcription.completed":
                said = {"turn": event["item_id"], "text": event["transcript"], "final": True}
                self.ear.read({"type": "transcript", **said}, now)
            case "conversation.item.input_audio_transcription.failed":
                self.ear.read({"type": "notice", "text": event["error"]["message"]}, now)
            case "response.output_audio_transcript.delta":
                self._reply(event["item_id"], now).phrase["text"] += event["delta"]
            case "response.output_audio.done":
                self._done(event["item_id"], now)
            case "conversation.item.retrieved":
                self._retrieved(event["item"])
            case "parley.turn":
                self._closed(event, now)
            case _:
                pass

    def _reply(self, item: str, now: int) -> Reply:
        if item not in self._replies:
            phrase = {"type": "phrase", "turn": self._asked, "text": ""}
            self._replies[item] = Reply(item, phrase)
            self.ear.read(phrase, now)
            while len(self._replies) > REMEMBERED:
                del self._replies[next(iter(self._replies))]
        return self._replies[item]

    def _play(self, reply: Reply, sound: bytes, now: int) -> None:
        if reply.cut:
            return  # it was on its way when the caller began to speak
        if reply.begins is None:
            reply.begins = max(now, self.ear.playout.end)
        samples = reply.filter.push(np.frombuffer(sound, "<i2").astype(np.int16))
        self.ear.playout.play(mulaw.encode(samples), now)

    def _done(self, item: str, now: int) -> None:
        reply = self._reply(item, now)
        reply.whole = True
        if not reply.cut:
            self.ear.playout.play(mulaw.encode(reply.filter.flush()), now)

    def _interrupted(self, now: int) -> list[str]:
        """The server hears the caller: what is left of the reply is dropped."""
        reply, playout = next(reversed(self._replies.values()), None), self.ear.playout
        if not reply or reply.cut or (reply.whole and not playout.buffered(now)):
            return []
        reply.cut = True
        if reply.begins is None:
            return []
        heard_ms = playout.played(reply.begins, now) * 1_000 // RATE_HZ
        playout.clear(now)
        self.ear.cleared.append(now)
        place = {"item_id": reply.item, "content_index": 0, "audio_end_ms": heard_ms}
        return [_message("conversation.item.truncate", **place)]

    def _retrieved(self, item: dict[str, Any]) -> None:
        """Of a reply that was cut short the words remain that were heard."""
        if reply := self._replies.get(item["id"]):
            parts = (part.get("transcript") or "" for part in item["content"])
            reply.phrase["text"] = " ".join(parts)

    def _closed(self, event: dict[str, Any], now: int) -> None:
        """A turn is over. Earlier utterances that it answers with its own are of this turn too."""
        turn = event["item_id"]
        until = self._open.index(turn) if turn in self._open else 0
        theirs, self._open = self._open[:until], self._open[until + (turn in self._open) :]
        for text in self.ear.texts:
            if text.body.get("turn") in theirs:
                text.body["turn"] = turn
        told = {"outcome": event["outcome"], "stages_ms": event["stages_ms"]}
        self.ear.read({"type": "turn", "turn": turn, **told}, now)


def _message(event: str, **body: Any) -> str:
    return orjson.dumps({"type": event, **body}).decode()


def _read(message: str | bytes) -> dict[str, Any]:
    """Raises Malformed, and ValueError where it is no JSON."""
    if isinstance(message, bytes):
        raise Malformed(f"no client would take {message[:100]!r}: binary")
    event = orjson.loads(message)
    if not isinstance(event, dict):
        raise Malformed(f"no client would take {message[:100]!r}: no object")
    return dict(event)
