"""One call of several turns in real time, from its placing on, and what became of each turn."""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from audio.pcm import Samples
from benchmarks.recordings import Recording
from loadtest.phone import Phone
from loadtest.placing import Called, Protocol, placed
from loadtest.script import Plan, Script, Turn
from loadtest.webhook import Server

TURN_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One turn of a call: what was said to the agent, what the caller noticed, and the line's
    sound (int16 at 8 kHz) from the end of the caller's voice to the reply's end. `pieces` is how
    many turns the server made of the utterance: over 1, it was split at a pause."""

    said: Recording
    noticed: Turn
    heard: Samples
    pieces: int


@dataclass(slots=True)
class Held:
    """A call that is over. `late_frames` and `latest_ms` are the caller's own fault, `faults` what
    a client of the protocol would have refused."""

    answers: list[Answer] = field(default_factory=list[Answer])
    late_frames: int = 0
    latest_ms: float = 0.0
    faults: list[str] = field(default_factory=list[str])

    @property
    def errors(self) -> list[str]:
        return [*self.faults, *(e for answer in self.answers for e in answer.noticed.errors)]


async def at_once() -> None:
    """Hang up without waiting."""


async def hold_call(
    url: str,
    said: Sequence[Recording],
    told: Callable[[Answer], None] = lambda _: None,
    *,
    protocol: Protocol = "twilio",
    pace: float = 1.0,
    before_hanging_up: Callable[[], Awaitable[None]] = at_once,
) -> Held:
    """Say each recording in turn, and hear each reply out. `told` is called after each turn;
    `pace` as for `loadtest.phone.held`. Raises CallRefused."""
    held = Held()
    async with open_call(url, said, held, protocol=protocol, pace=pace) as answers:
        async for answer in answers:
            told(answer)
        await before_hanging_up()
    return held


@asynccontextmanager
async def open_call(
    url: str,
    said: Sequence[Recording],
    held: Held,
    *,
    protocol: Protocol = "twilio",
    pace: float = 1.0,
) -> AsyncGenerator[AsyncIterator[Answer]]:
    """A call whose turns are taken when they are asked for: each says the next recording and hears
    the reply out; between them the line is silent. `held` is filled. Raises CallRefused."""
    called = Called(Server(url, url), protocol)
    plan = Plan(tuple(one.utterance for one in said), len(said), timeout_s=TURN_WITHIN_S, pace=pace)
    async with placed(called, f"CA{secrets.token_hex(16)}", pace=pace) as phone:
        yield _answers(phone, Script(phone, plan), said, held)
        held.late_frames, held.latest_ms = phone.late_frames, phone.latest_ms
        held.faults = list(phone.faults)


async def _answers(
    phone: Phone, script: Script, said: Sequence[Recording], held: Held
) -> AsyncGenerator[Answer]:
    async for turn in script.run():
        answer = _answer(phone, script, turn, said[turn.turn - 1])
        held.answers.append(answer)
        yield answer


def _answer(phone: Phone, script: Script, turn: Turn, said: Recording) -> Answer:
    if turn.turn > len(script.spoken):
        return Answer(said, turn, phone.playout.heard(0, 0), 0)
    spoken = script.spoken[turn.turn - 1]
    heard = phone.playout.heard(spoken.voiced_until, phone.now)
    pieces = {body.get("turn") for body in phone.texts_of("transcript", spoken.begins)}
    return Answer(said, turn, heard, len(pieces))
