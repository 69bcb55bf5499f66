"""A turn's speech on its way to the caller: what is due, what has played, what can be taken back.

Pure: the time is handed in. Speech is paced a little ahead of real time, so that falling silent is
immediate, and kept until it has played, so that the agent can go on where it fell silent.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audio.pcm import Audio, Samples
from audio.resampling import Resampler
from conversation.spoken import BEGINNING, Position
from ingress.protocols.outputs import AgentSays, Output, PhraseEnd, Play

MIN_CHUNK_S = 0.02
"""Never less: a telephone's frame."""

UNDERRUN_S = 0.02
"""A silence within a reply that is heard as one: more than a frame."""


class Line:
    """A phrase's sound, as far as it is there, at the line's own rate."""

    def __init__(self, text: str, rate_hz: int) -> None:
        self.text, self.whole = text, False
        self._rate_hz = rate_hz
        self._resampler: Resampler | None = None
        self._samples: Samples = np.zeros(0, np.int16)

    @property
    def seconds(self) -> float:
        return len(self._samples) / self._rate_hz

    def add(self, audio: Audio) -> None:
        """A phrase's pieces have one rate."""
        if self._resampler is None:
            self._resampler = Resampler(audio.rate_hz, self._rate_hz)
        self._join(self._resampler.push(audio.samples))

    def end(self) -> None:
        if self._resampler:
            self._join(self._resampler.flush())
        self.whole = True

    def forget(self) -> None:
        self._samples = self._samples[:0]

    def _join(self, more: Samples) -> None:
        self._samples = np.concatenate([self._samples, more]) if len(self._samples) else more

    def cut(self, begin_s: float, length_s: float) -> Audio | None:
        """At most `length_s` seconds from `begin_s` on; None behind the end. What would be left too
        short to be sent is taken along; of a phrase that grows still, a frame is kept back."""
        shortest = round(MIN_CHUNK_S * self._rate_hz)
        first = round(begin_s * self._rate_hz)
        there = len(self._samples) - (0 if self.whole else shortest)
        if first >= there or (not self.whole and there - first < shortest):
            return None
        end = first + round(length_s * self._rate_hz)
        end = there if there - end < shortest else end
        return Audio(self._samples[first:end], self._rate_hz)


@dataclass(frozen=True, slots=True)
class Sent:
    """A chunk that plays from `plays_s` on, by our clock."""

    plays_s: float
    seconds: float
    position: Position


class Playout:
    """One turn's, at the rate of the line. Made shut when the turn is only prepared: nothing is
    due before `open`."""

    def __init__(self, turn: int, rate_hz: int, lead_s: float, *, shut: bool) -> None:
        self.turn = turn
        self._rate_hz = rate_hz
        self._underruns = 0
        self._shut = shut
        self._lead_s, self._chunk_s = lead_s, max(lead_s / 2, MIN_CHUNK_S)
        self._ahead: deque[Output] = deque()  # what goes out before any sound, like its texts
        self._last: tuple[Output, ...] | None = None  # what goes out behind everything
        self._lines: list[Line] = []
        self._next = BEGINNING  # to be sent
        self._sent: deque[Sent] = deque()
        self._ends_s = 0.0  # when what was sent will have played
        self._flows = False  # from the first chunk on, until it is taken back
        self._told_out = True

    @property
    def phrases_waiting(self) -> int:
        """Phrases of which nothing was sent yet."""
        begun = self._next.phrase + (self._next.seconds > 0)
        return max(0, len(self._lines) - begun)

    def take_underruns(self) -> int:
        """How often a silence was heard for want of speech, since this was asked last."""
        number, self._underruns = self._underruns, 0
        return number

    def tell(self, output: Output) -> None:
        """To go out as soon as anything of the turn may."""
        self._ahead.append(output)

    def finish(self, *last: Output) -> None:
        """Nothing more will be said: these go out behind everything."""
        self._last = last

    def begin(self, text: str) -> int:
        """A new phrase: its number."""
        self._lines.append(Line(text, self._rate_hz))
        return len(self._lines) - 1

    def add(self, number: int, audio: Audio) -> float:
        """More of a phrase's sound; its seconds so far."""
        self._lines[number].add(audio)
        return self._lines[number].seconds

    def end(self, number: int) -> None:
        self._lines[number].end()

    def open(self) -> None:
        """Let the speech go out, from the first sample that was not heard."""
        self._shut = False

    def due(self, now_s: float, generation: int) -> Iterator[Output]:
        """What is to be sent now, in order."""
        self._forget(now_s)
        if self._shut:
            return
        while self._ahead:
            yield self._ahead.popleft()
        while self._next.phrase < len(self._lines):
            number, seconds = self._next.phrase, self._next.seconds
            line = self._lines[number]
            chunk = line.cut(seconds, self._chunk_s)
            if chunk is None and not line.whole:
                return
            if chunk is None:
                self._next = Position(number + 1)
                yield PhraseEnd(self.turn, generation, number)
            elif self._flows and self._ends_s - now_s > self._lead_s - self._chunk_s:
                return
            else:
                if not seconds:
                    yield AgentSays(self.turn, number, line.text)
                self._send(chunk.seconds, now_s)
                yield Play(chunk)
        if self._last is not None:
            self._told_out = False
            yield from self._last
            self._last = None

    def _send(self, seconds: float, now_s: float) -> None:
        if self._flows and now_s - self._ends_s > UNDERRUN_S:
            self._underruns += 1
        self._flows, self._told_out = True, False
        plays_s = max(self._ends_s, now_s)
        self._sent.append(Sent(plays_s, seconds, self._next))
        self._ends_s = plays_s + seconds
        self._next = Position(self._next.phrase, self._next.seconds + seconds)

    @property
    def _more(self) -> bool:
        """Whether there is sound that was not sent."""
        if self._next.phrase >= len(self._lines):
            return False
        return self._lines[self._next.phrase].cut(self._next.seconds, self._chunk_s) is not None

    def due_s(self) -> float | None:
        """When to ask `due` and `played_out` again, should nothing be added before."""
        if self._shut or not self._flows:
            return None
        if self._more:
            return self._ends_s - (self._lead_s - self._chunk_s)
        return None if self._told_out else self._ends_s

    def played_out(self, now_s: float) -> bool:
        """Whether everything sent has played; told once."""
        if self._shut or self._told_out or now_s < self._ends_s or self._more:
            return False
        self._told_out = True
        return True

    def position(self, now_s: float) -> Position:
        """What has played by now, by our clock."""
        self._forget(now_s)
        if not self._sent:
            return self._next
        chunk = self._sent[0]
        played_s = min(max(now_s - chunk.plays_s, 0.0), chunk.seconds)
        at = Position(chunk.position.phrase, chunk.position.seconds + played_s)
        line = self._lines[at.phrase]
        if line.whole and line.cut(at.seconds, MIN_CHUNK_S) is None:
            return Position(at.phrase + 1)
        return at

    def _forget(self, now_s: float) -> None:
        """Chunks before the one that plays, and the sound of phrases before its own."""
        while len(self._sent) > 1 and self._sent[1].plays_s <= now_s:
            gone = self._sent.popleft().position.phrase
            if gone < self._sent[0].position.phrase:
                self._lines[gone].forget()

    def hold(self, now_s: float) -> bool:
        """Fall silent, to go on from here; whether anything was sent that must be cleared."""
        cleared = bool(self._sent)
        self._next = self.position(now_s)
        self._sent.clear()
        self._shut, self._flows, self._ends_s = True, False, now_s
        return cleared
