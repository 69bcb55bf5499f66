"""One simulated caller on Twilio's protocol: what it says when, and what it hears. Pure but for the
frames it gives; time is handed in, in seconds of one clock.

A frame's sound is on the line for the 20 ms that follow its sending, and what comes back plays in
real time behind what is buffered, as at Twilio; `clear` empties the buffer.
"""

import base64
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import soundfile

from audio import mulaw
from audio.pcm import Audio
from audio.resampling import resample
from benchmarks.peers.line import head, text

FRAME_S = mulaw.FRAME_BYTES / mulaw.RATE_HZ
SILENT_CODES = b"\xff\x7f"
"""Both zeros of mu-law."""

QUIET = 0.02
"""Of the peak: where a recording's first and last voiced samples are sought."""

PLACES = 8
"""At which a frame of 20 ms can begin in a window of 32 ms."""

LEAD_S, ANSWER_WITHIN_S = 1.5, 8.0


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance as frames of base64, and how far into its last frame there is voice (s)."""

    frames: tuple[bytes, ...]
    last_voiced_s: float


def said_from(recording: Path) -> Said:
    """A recording from its first voiced sample to its last, at 0.8 of full scale."""
    samples, rate_hz = soundfile.read(recording, dtype="float32", always_2d=True)
    whole = Audio((samples[:, 0] * 32_767).astype(np.int16), rate_hz)
    line = resample(whole, mulaw.RATE_HZ).samples.astype(np.float32)
    line *= 0.8 / np.abs(line).max()
    voiced = np.flatnonzero(np.abs(line) > QUIET)
    speech = line[voiced[0] : voiced[-1] + 1]
    codes = mulaw.encode((speech * 32_767).astype(np.int16))
    codes += bytes([mulaw.SILENCE]) * (-len(codes) % mulaw.FRAME_BYTES)
    starts = range(0, len(codes), mulaw.FRAME_BYTES)
    frames = tuple(base64.b64encode(codes[at : at + mulaw.FRAME_BYTES]) for at in starts)
    return Said(frames, (len(speech) - (len(frames) - 1) * mulaw.FRAME_BYTES) / mulaw.RATE_HZ)


def line_noise(seed: int = 1) -> tuple[bytes, ...]:
    """A second of what a line carries while nobody speaks, as frames of base64."""
    noise = np.random.default_rng(seed).normal(0, NOISE, mulaw.RATE_HZ)
    codes = mulaw.encode(np.rint(noise).astype(np.int16))
    starts = range(0, len(codes), mulaw.FRAME_BYTES)
    return tuple(base64.b64encode(codes[at : at + mulaw.FRAME_BYTES]) for at in starts)


NOISE = 33.0
"""Root mean square, -60 dBFS: a quiet telephone line. Digital silence would be a gift to whoever
does not ask its voice detector about it, as Parley."""

_QUIET = line_noise()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a caller does: `turns` utterances of `said` (over and over), each `gap_s` after the
    answer before has ended; or, with `barge_after_s`, into it, that long after it began."""

    said: tuple[Said, ...]
    turns: int = 3
    gap_s: float = 1.0
    barge_after_s: tuple[float, ...] = ()


@dataclass(slots=True)
class Turn:
    """One utterance and its answer: moments on the clock in seconds, None when they never came.
    `heard_s` is how much of the answer has sounded."""

    spoke_from: float
    spoke_until: float | None = None
    answered: float | None = None
    cleared: float | None = None
    heard_s: float = 0.0


class Phase(Enum):
    LEAD = auto()
    SPEAK = auto()
    WAIT = auto()
    LISTEN = auto()
    DONE = auto()


@dataclass(slots=True)
class Earpiece:
    """What plays at the caller's end."""

    ends: float = 0.0
    marks: deque[tuple[float, bytes]] = field(default_factory=deque[tuple[float, bytes]])
    sounds: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def play(self, codes: bytes, now: float) -> float | None:
        """When the first audible sample of it plays; None when it is silent."""
        begins = max(now, self.ends)
        self.ends = begins + len(codes) / mulaw.RATE_HZ
        audible = codes.lstrip(SILENT_CODES)
        if not audible:
            return None
        first = begins + (len(codes) - len(audible)) / mulaw.RATE_HZ
        self.sounds.append((first, first + len(audible.rstrip(SILENT_CODES)) / mulaw.RATE_HZ))
        return first

    def clear(self, now: float) -> None:
        self.ends = min(self.ends, now)
        self.sounds = [(begins, min(ends, now)) for begins, ends in self.sounds if begins < now]

    def heard_s(self, now: float) -> float:
        return sum(min(ends, now) - begins for begins, ends in self.sounds if begins < now)


class Caller:
    """`send` takes whole WebSocket frames. `tick` is to be called every 20 ms. `number` tells one
    caller's pauses from another's."""

    def __init__(self, plan: Plan, send: Callable[[bytes], None], number: int = 0) -> None:
        self._plan, self._send, self._number = plan, send, number
        self._stream, self._call = f"MZ{uuid.uuid4().hex}", f"CA{uuid.uuid4().hex}"
        self._media = media_head(self._stream)
        self._ear = Earpiece()
        self._phase, self._frame, self._began = Phase.LEAD, 0, 0.0
        self.turns: list[Turn] = []

    @property
    def done(self) -> bool:
        return self._phase is Phase.DONE

    def start(self, now: float) -> None:
        self._began = now
        self._send(text(orjson.dumps({"event": "connected", "protocol": "Call"})))
        self._send(text(start_of(self._stream, self._call)))

    def hear(self, message: bytes, now: float) -> None:
        """A message of the agent."""
        body: dict[str, Any] = orjson.loads(message)
        match body["event"]:
            case "media":
                self._sound(base64.b64decode(body["media"]["payload"]), now)
            case "mark":
                echo = text(orjson.dumps({**body, "streamSid": self._stream}))
                self._ear.marks.append((max(now, self._ear.ends), echo))
            case "clear":
                self._cleared(now)
            case _:
                pass

    def tick(self, now: float) -> None:
        """Send the frame of the next 20 ms, and the marks that have played."""
        marks = self._ear.marks
        while marks and marks[0][0] <= now:
            self._send(marks.popleft()[1])
        self._send(self._media + self._next(now) + b'"}}')

    def _next(self, now: float) -> bytes:
        if self._speaks_now(now):
            self._hang_on(now)
            self.turns.append(Turn(now))
            self._phase, self._frame = Phase.SPEAK, 0
        if self._phase is not Phase.SPEAK:
            self._frame = (self._frame + 1) % len(_QUIET)
            return _QUIET[self._frame]
        said = self._plan.said[(len(self.turns) - 1) % len(self._plan.said)]
        sent = said.frames[self._frame]
        self._frame += 1
        if self._frame == len(said.frames):
            self.turns[-1].spoke_until = now + said.last_voiced_s
            self._phase, self._frame = Phase.WAIT, 0
        return sent

    def _speaks_now(self, now: float) -> bool:
        match self._phase:
            case Phase.LEAD:
                return now - self._began >= LEAD_S
            case Phase.WAIT:
                over = self._waited_too_long(now)
            case Phase.LISTEN:
                over = self._heard_enough(now)
            case _:
                return False
        if over and len(self.turns) == self._plan.turns:
            self._hang_on(now)
            self._phase = Phase.DONE
        return over and not self.done

    def _waited_too_long(self, now: float) -> bool:
        spoke_until = self.turns[-1].spoke_until
        return spoke_until is not None and now - spoke_until > ANSWER_WITHIN_S

    def _heard_enough(self, now: float) -> bool:
        turn, barges = self.turns[-1], self._plan.barge_after_s
        last = len(self.turns) == self._plan.turns
        if barges and not last and turn.answered is not None:
            return now >= turn.answered + barges[(len(self.turns) - 1) % len(barges)]
        # Voice detectors look at 32 ms at a time: utterances must not all end at the same place.
        frames = (self._number + 3 * len(self.turns)) % PLACES
        return now - self._ear.ends >= self._plan.gap_s + frames * FRAME_S

    def _hang_on(self, now: float) -> None:
        """Note how much of the answer has sounded so far; more may sound until a `clear`."""
        if self.turns:
            self.turns[-1].heard_s = self._ear.heard_s(now)

    def _sound(self, codes: bytes, now: float) -> None:
        audible = self._ear.play(codes, now)
        if audible is not None and self._phase is Phase.WAIT:
            self.turns[-1].answered = audible
            self._ear.sounds = self._ear.sounds[-1:]
            self._phase = Phase.LISTEN

    def _cleared(self, now: float) -> None:
        self._ear.clear(now)
        while self._ear.marks:
            self._send(self._ear.marks.popleft()[1])
        if self.turns and self.turns[-1].cleared is None:
            self.turns[-1].cleared = now
            if self._phase in (Phase.SPEAK, Phase.WAIT) and len(self.turns) > 1:
                self.turns[-2].heard_s = self._ear.heard_s(now)


def start_of(stream: str, call: str) -> bytes:
    media_format = {"encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1}
    start = {"streamSid": stream, "callSid": call, "accountSid": f"AC{'0' * 32}"}
    start |= {"tracks": ["inbound"], "mediaFormat": media_format, "customParameters": {}}
    return orjson.dumps(
        {"event": "start", "sequenceNumber": "1", "start": start, "streamSid": stream}
    )


def media_head(stream: str) -> bytes:
    """A media message up to its payload, which is always a frame. Numbers stay as they are:
    nobody of those measured reads them."""
    before = (
        f'{{"event":"media","sequenceNumber":"1000","streamSid":"{stream}","media":'
        '{"track":"inbound","chunk":"1000","timestamp":"20000","payload":"'
    ).encode()
    return head(0x1, len(before) + len(_QUIET[0]) + 3) + before
