"""A caller's part in a load test: talks until its time is over, and notes what it notices. Owns
one call's conversation; `loadtest.step` places the calls."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from loadtest.first_audio import RATE_HZ, first_audio_ms
from loadtest.noticed import Kind, Noticed, Trouble
from loadtest.phone import CallEnded, Phone, Spoken
from loadtest.script import Said, answered, greeting_over, over, said_between
from loadtest.utterance import Utterance

GAP_MS = 60
"""A dry buffer of less than three frames passes for a pause between sounds."""

EARLY_MS = 20
"""Sound within a frame of the caller's last was there before it."""

IGNORED_AFTER_MS = 1_000
"""An agent that talks on for so long into a barge-in, and sends no `clear`, ignores it."""

ENDED_BEFORE_MS = 200
"""A `clear` when nothing has played for so long, more than between words, cleared no reply."""

_MS = RATE_HZ // 1_000


@dataclass(frozen=True, slots=True)
class Habits:
    """How callers talk: utterances in a cycle, a pause of `think_ms` (give or take half) after
    each answer; into a share of the answers they speak, `barge_in_after_ms` after its first
    sound."""

    utterances: tuple[Utterance, ...]
    think_ms: float = 500.0
    barge_in_rate: float = 0.0
    barge_in_after_ms: float = 300.0
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Asked:
    """An utterance whose answer is not over; `barged`: it was spoken into the last one's."""

    spoken: Spoken
    barged: bool


@dataclass(slots=True)
class Talk:
    """One call's conversation. No utterance begins after `ends_s` (`time.monotonic`); `clock_s`
    is where `at_s` of the records is counted from."""

    phone: Phone
    habits: Habits
    call: int
    clock_s: float
    ends_s: float
    note: Callable[[Noticed | Trouble], None]
    chance: random.Random = field(default_factory=random.Random)
    _open: Asked | None = None

    async def run(self) -> None:
        """Talk until the time is over or the server ends the call. Each call begins elsewhere in
        the cycle of utterances."""
        every = self.habits.utterances
        utterances = itertools.islice(itertools.cycle(every), self.call % len(every), None)
        try:
            await greeting_over(self.phone)
            while self._open or time.monotonic() < self.ends_s:
                await self._turn(next(utterances))
        except CallEnded as ended:
            self._trouble(Kind.CLOSED, str(ended))
            self._close(None)

    async def _turn(self, utterance: Utterance) -> None:
        """Speak and hear the answer out, or leave it open: it is to be spoken into."""
        cut_short = self._open
        spoken = await self.phone.say(utterance)
        if cut_short:
            self._close(spoken.begins)
        self._open = Asked(spoken, barged=cut_short is not None)
        try:
            async with asyncio.timeout(self.habits.timeout_s):
                if await self._answer(spoken):
                    return
        except TimeoutError:
            silent = self.phone.sound_from(spoken.voiced_until)() is None
            kind = Kind.MISSED if silent else Kind.ENDLESS
            self._trouble(kind, f"after {self.habits.timeout_s:g} s")
        self._close(None)
        await self.phone.silent(self.habits.think_ms * self.chance.uniform(0.5, 1.5))

    async def _answer(self, spoken: Spoken) -> bool:
        """Whether the caller shall interrupt it now; else it is over."""
        phone, is_over = self.phone, over(self.phone, spoken)
        begins = await phone.until(answered(phone, spoken))
        if begins < 0:
            return False
        wanted = self.chance.random() < self.habits.barge_in_rate
        if wanted and time.monotonic() < self.ends_s:
            at = begins + int(self.habits.barge_in_after_ms * _MS)
            await phone.until(lambda: True if phone.now >= at else is_over())
            if not is_over():
                return True
        await phone.until(is_over)
        return False

    def _close(self, ends: int | None) -> None:
        """Note what became of the open utterance; `ends` is where the caller cut its answer."""
        if not (asked := self._open):
            return
        self._open = None
        said = said_between(self.phone, asked.spoken.begins, ends)
        until = self.phone.now if ends is None else ends
        first_ms = self._first_audio_ms(asked.spoken, until)
        early = first_ms is not None and first_ms < EARLY_MS
        self.note(
            Noticed(
                self.call,
                self._at_s(asked.spoken.voiced_until),
                None if early else first_ms,
                early,
                said.stages_ms,
                self._gaps_ms(asked.spoken.voiced_until, until),
                asked.barged,
                self._barge_in_ms(asked.spoken) if asked.barged else None,
            )
        )
        self._complain(said)
        self.phone.forget(asked.spoken.begins)

    def _first_audio_ms(self, spoken: Spoken, until: int) -> float | None:
        since = spoken.voiced_until
        return first_audio_ms(self.phone.playout.heard(since, until), 0)

    def _gaps_ms(self, since: int, until: int) -> list[float]:
        """Within one reply: where the server took speech back, or closed a turn, another began."""
        closed = [text.at for text in self.phone.texts if text.body.get("type") == "turn"]
        borders = [*self.phone.cleared, *closed]
        return [
            (ends - begins) / _MS
            for begins, ends in self.phone.playout.gaps(since, until)
            if ends - begins > GAP_MS * _MS and not any(begins <= at <= ends for at in borders)
        ]

    def _barge_in_ms(self, spoken: Spoken) -> float | None:
        """None where the reply ended by itself, before a `clear`, and where it went on."""
        since, longest = spoken.voiced_from, IGNORED_AFTER_MS * _MS
        played, lately = self.phone.playout.played, ENDED_BEFORE_MS * _MS
        clears = [at for at in self.phone.cleared if at >= since]
        if clears and played(clears[0] - lately, clears[0]):
            return (clears[0] - since) / _MS
        if played(since, since + longest) > 0.9 * longest:
            self._trouble(Kind.BARGE_IN_IGNORED, f"no clear within {IGNORED_AFTER_MS} ms")
        return None

    def _complain(self, said: Said) -> None:
        if said.outcome == "empty":
            self._trouble(Kind.NOT_UNDERSTOOD, "the agent understood nothing")
        if said.outcome == "failed":
            self._trouble(Kind.FAILED, "the agent could not answer and said so")
        for notice in said.notices:
            self._trouble(Kind.NOTICE, notice)

    def _trouble(self, kind: Kind, text: str) -> None:
        at_s = round(time.monotonic() - self.clock_s, 3)
        self.note(Trouble(self.call, at_s, kind, text))

    def _at_s(self, sample: int) -> float:
        """When a sample of the line was spoken."""
        return round(self.phone.time_s(sample) - self.clock_s, 3)
