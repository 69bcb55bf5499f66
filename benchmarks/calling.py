"""One call of several turns in real time, from the webhook on, and what became of each turn."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from audio.pcm import Samples
from benchmarks.recordings import Recording
from loadtest.call import connected
from loadtest.media_streams import Start
from loadtest.phone import Phone
from loadtest.script import Plan, Script, Turn
from loadtest.webhook import Server, place_call

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
    Twilio would have refused."""

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
    pace: float = 1.0,
    before_hanging_up: Callable[[], Awaitable[None]] = at_once,
) -> Held:
    """Say each recording in turn, and hear each reply out. `told` is called after each turn;
    `pace` as for `loadtest.phone.dial`. Raises CallRefused."""
    server, call_sid, held = Server(url, url), f"CA{secrets.token_hex(16)}", Held()
    stream = await place_call(server, call_sid, {})
    parameters = {**stream.parameters, "parley_events": "1"}
    start = Start(call_sid=call_sid, parameters=parameters)
    plan = Plan(tuple(one.utterance for one in said), len(said), timeout_s=TURN_WITHIN_S, pace=pace)
    async with connected(server, stream, start, pace) as phone:
        script = Script(phone, plan)
        async for turn in script.run():
            answer = _answer(phone, script, turn, said[turn.turn - 1])
            held.answers.append(answer)
            told(answer)
        await before_hanging_up()
        held.late_frames, held.latest_ms = phone.late_frames, phone.latest_ms
        held.faults = list(phone.faults)
    return held


def _answer(phone: Phone, script: Script, turn: Turn, said: Recording) -> Answer:
    if turn.turn > len(script.spoken):
        return Answer(said, turn, phone.playout.heard(0, 0), 0)
    spoken = script.spoken[turn.turn - 1]
    heard = phone.playout.heard(spoken.voiced_until, phone.now)
    pieces = {body.get("turn") for body in phone.texts_of("transcript", spoken.begins)}
    return Answer(said, turn, heard, len(pieces))
