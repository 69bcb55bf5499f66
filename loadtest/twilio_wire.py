"""The caller's end of Twilio Media Streams: numbers what is sent, plays what comes, sends marks
back. The messages themselves are `loadtest.media_streams`'s."""

import secrets
from typing import Any

from audio import mulaw
from loadtest import media_streams
from loadtest.media_streams import Start
from loadtest.utterance import Utterance
from loadtest.wire import FRAME_SAMPLES, Ear, Malformed

_SILENCE = media_streams.payloads(bytes([mulaw.SILENCE]) * FRAME_SAMPLES)[0]


class TwilioWire:
    """One call's, as `loadtest.wire.Wire`."""

    def __init__(self, start: Start) -> None:
        self.start, self.stream_sid = start, f"MZ{secrets.token_hex(16)}"
        self.ear = Ear()
        self.marks: list[str] = []
        """Names of the marks that were sent back."""
        self._sequence = 0

    def opening(self) -> list[str]:
        """`connected` and `start`."""
        return [
            media_streams.CONNECTED,
            self._message("start", start=self.start.body(self.stream_sid)),
        ]

    def frames(self, utterance: Utterance) -> tuple[str, ...]:
        return media_streams.payloads(utterance.payload)

    def speak(self, frame: str | None, at: int) -> str:
        self._sequence += 1
        payload = frame or _SILENCE
        return media_streams.media_message(self.stream_sid, self._sequence, payload, at)

    def due(self, now: int) -> list[str]:
        """Marks before which everything has played."""
        return self._echoes(self.ear.playout.due(now))

    def received(self, message: str | bytes, now: int) -> list[str]:
        ear = self.ear
        try:
            match media_streams.read(message, self.stream_sid):
                case media_streams.Media(payload):
                    ear.playout.play(payload, now)
                case media_streams.Mark(name):
                    ear.playout.mark(name, now)
                    return self.due(now)
                case media_streams.Clear():
                    ear.cleared.append(now)
                    return self._echoes(ear.playout.clear(now))
                case media_streams.Parley(body):
                    ear.read(body, now)
        except Malformed as error:
            ear.faults.append(str(error))
        return []

    def pressed(self, digit: str) -> str:
        """The message of a key."""
        return self._message("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    def closing(self) -> list[str]:
        """`stop`, as Twilio says when the caller hangs up."""
        sids = {"accountSid": self.start.account_sid, "callSid": self.start.call_sid}
        return [self._message("stop", stop=sids)]

    def _echoes(self, names: list[str]) -> list[str]:
        self.marks += names
        return [self._message("mark", mark={"name": name}) for name in names]

    def _message(self, event: str, **body: Any) -> str:
        self._sequence += 1
        return media_streams.message(event, self.stream_sid, self._sequence, **body)
