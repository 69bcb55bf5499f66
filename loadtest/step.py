"""One step of a load test, as far as one process holds it: so many calls for so long. Owns the
placing of calls; what they say is `loadtest.talking`'s."""

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from loadtest.network import Network
from loadtest.noticed import Beat, Kind, Own, Record, Trouble
from loadtest.phone import Phone
from loadtest.placing import Called, Protocol, placed
from loadtest.talking import Habits, Talk
from loadtest.utterance import read_utterance
from loadtest.webhook import CallRefused, server_of, web_client
from loadtest.wheel import Wheel

BEAT_S = 0.5

AGAIN_AFTER_S = 2.0
"""A call that was refused or lost is placed again, so that the load stays what it is called."""


@dataclass(frozen=True, slots=True)
class Load:
    """What all steps of a run have in common. `pace` as for `loadtest.phone.held`, not 0;
    `seed` makes pauses, barge-ins, jitter and loss the same again."""

    url: str
    wavs: list[str]
    public_url: str | None = None
    auth_token_env: str | None = None
    protocol: Protocol = "twilio"
    api_key_env: str | None = None
    agent: str | None = None
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    think_ms: float = 500.0
    barge_in_rate: float = 0.0
    barge_in_after_ms: float = 300.0
    timeout_s: float = 20.0
    jitter_ms: float = 0.0
    loss_percent: float = 0.0
    pace: float = 1.0
    seed: int = 1

    def called(self) -> Called:
        """Raises CallRefused when a secret's variable is not set."""
        secrets_of = self.auth_token_env, self.api_key_env
        server = server_of(self.url, self.public_url, *secrets_of)
        return Called(server, self.protocol, self.agent, self.parameters)

    def habits(self) -> Habits:
        """Raises UnreadableRecording."""
        said = tuple(read_utterance(Path(wav)) for wav in self.wavs)
        barging = self.barge_in_rate, self.barge_in_after_ms
        return Habits(said, self.think_ms, *barging, self.timeout_s)


@dataclass(frozen=True, slots=True)
class Step:
    """`calls` begin one by one, `ramp_s` apart, and talk until `duration_s` after the last has
    begun; then each hears its last answer out. `begins_s` is `time.monotonic`."""

    calls: int
    ramp_s: float
    duration_s: float
    begins_s: float

    @property
    def ramped_s(self) -> float:
        """When the last call begins, after the step's beginning."""
        return self.ramp_s * (self.calls - 1)


@dataclass(slots=True)
class Caller:
    """The calls of one process during one step."""

    load: Load
    step: Step
    called: Called
    habits: Habits
    note: Callable[[Record], None]
    client: httpx.AsyncClient
    wheel: Wheel
    own: Own = field(default_factory=Own)
    active: int = 0

    async def keep_calling(self, number: int) -> None:
        """One caller: holds a call until the step is over, and places it again when it is lost."""
        await asyncio.sleep(self.step.begins_s + number * self.step.ramp_s - time.monotonic())
        ends_s = self.step.begins_s + self.step.ramped_s + self.step.duration_s
        chance = random.Random(f"{self.load.seed} {self.step.calls} {number}")
        while time.monotonic() < ends_s:
            try:
                await self._call(number, ends_s, chance)
            except CallRefused as refused:
                self.trouble(number, Kind.REFUSED, str(refused))
            await asyncio.sleep(min(AGAIN_AFTER_S, max(0.0, ends_s - time.monotonic())))

    async def _call(self, number: int, ends_s: float, chance: random.Random) -> None:
        load, call_sid = self.load, f"CA{secrets.token_hex(16)}"
        network = Network(load.jitter_ms, load.loss_percent, chance.randrange(1 << 32))
        line = placed(
            self.called, call_sid, pace=load.pace, network=network, client=self.client,
            wheel=self.wheel,
        )  # fmt: skip
        async with line as phone:
            self.active += 1
            try:
                began_s = self.step.begins_s
                await Talk(phone, self.habits, number, began_s, ends_s, self.note, chance).run()
            finally:
                self.active -= 1
                self._account(number, phone)

    def _account(self, number: int, phone: Phone) -> None:
        self.own.add(Own(phone.late_ms, phone.latest_ms))
        for fault in phone.faults:
            self.trouble(number, Kind.FAULT, fault)

    def trouble(self, number: int, kind: Kind, text: str) -> None:
        self.note(Trouble(number, self._now_s(), kind, text))

    async def beat(self) -> None:
        """Tell how many calls there are, until cancelled."""
        while True:
            self.note(Beat(self._now_s(), self.active))
            await asyncio.sleep(BEAT_S)

    def _now_s(self) -> float:
        return round(time.monotonic() - self.step.begins_s, 3)


async def hold_calls(
    load: Load, habits: Habits, step: Step, mine: Sequence[int], note: Callable[[Record], None]
) -> Own:
    """Hold those of a step's calls whose numbers are `mine`. Raises CallRefused only for a secret
    that is not set."""
    called, began_s = load.called(), time.process_time()
    wheel = Wheel(load.pace)
    async with web_client() as client, asyncio.TaskGroup() as around:
        caller = Caller(load, step, called, habits, note, client, wheel)
        always = [around.create_task(wheel.turn()), around.create_task(caller.beat())]
        async with asyncio.TaskGroup() as calls:
            for number in mine:
                calls.create_task(caller.keep_calling(number))
        for task in always:
            task.cancel()
    note(Beat(round(time.monotonic() - step.begins_s, 3), 0))
    caller.own.cpu_s = time.process_time() - began_s
    return caller.own
