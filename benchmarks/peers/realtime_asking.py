"""Questions asked through somebody else's Realtime client, in real time, and what was waited for
each answer. Runs in .venv-peers too: needs numpy, PyAV and soundfile only.

The ear is the load tester's own (`loadtest.wire.Ear`): what the client hands over plays in order as
it comes, and first audio is its first audible sample after the last voiced one of the question.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from audio import mulaw
from audio.pcm import Samples
from audio.resampling import Resampler
from loadtest.first_audio import RATE_HZ, first_audible, first_audio_ms
from loadtest.utterance import WIDE_HZ, Utterance, read_utterance
from loadtest.wire import Ear

QUESTIONS = Path(__file__).parent.parent / "data"
HUMAN_SHORT = Path(__file__).parents[2] / "tests" / "data" / "librivox-0880.wav"
FRAME_S = 0.02
WIDE_FRAME = round(WIDE_HZ * FRAME_S)
ANSWER_WITHIN_S = 25.0
OVER_AFTER_S = 2.0
"""An answer is over after so much silence: more than between phrases."""


class Asking:
    """A caller who speaks 24 kHz. Whoever gets sound of the agent's calls `hear`."""

    def __init__(self) -> None:
        self._ear, self._filter = Ear(), Resampler(WIDE_HZ, RATE_HZ)
        self._began_s, self._frames = time.monotonic(), 0
        self._to_say: deque[Samples] = deque()

    @property
    def now(self) -> int:
        """The sample of the line, at 8 kHz."""
        return int((time.monotonic() - self._began_s) * RATE_HZ)

    def hear(self, samples: Samples) -> None:
        """int16 at 24 kHz, of any length."""
        self._ear.playout.play(mulaw.encode(self._filter.push(samples)), self.now)

    async def frames(self) -> AsyncIterator[Samples]:
        """What the caller's microphone gives, for ever: 20 ms each, when they were spoken."""
        silence = np.zeros(WIDE_FRAME, np.int16)
        while True:
            self._frames += 1
            due_s = self._began_s + self._frames * FRAME_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            yield self._to_say.popleft() if self._to_say else silence

    async def ask(self, question: Utterance) -> float | None:
        """Milliseconds until the answer, which is heard out; None when none came."""
        samples = np.frombuffer(question.wide, "<i2").astype(np.int16)
        begins = round(self._frames * FRAME_S * RATE_HZ)
        self._to_say.extend(np.split(samples, len(samples) // WIDE_FRAME))
        voiced_until = begins + question.voiced_until
        await self.silence(since=begins + len(question.payload))
        heard = self._ear.playout.heard(voiced_until, self.now)
        self._ear.forget(self.now)
        return first_audio_ms(heard, 0)

    async def silence(self, since: int) -> None:
        """Wait until sound that came after `since` has played and nothing followed."""
        latest = since + ANSWER_WITHIN_S * RATE_HZ
        while self.now < latest:
            await asyncio.sleep(FRAME_S)
            playout = self._ear.playout
            over = self.now > playout.end + OVER_AFTER_S * RATE_HZ
            if over and first_audible(playout.heard(since, self.now)) is not None:
                return


Held = Callable[[Asking, str, Callable[[], Awaitable[None]]], Awaitable[None]]
"""Opens a session at a URL (http://…/v1) and has the caller talk in it."""


def main(hold: Held, what: str) -> None:
    """A client as a program: prints the milliseconds of each answer but the first, as one line of
    JSON."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--url", required=True, help="the stack: http://…")
    parser.add_argument("--turns", type=int, required=True)
    given = parser.parse_args()
    asked = [read_utterance(path) for path in [*sorted(QUESTIONS.glob("*.wav")), HUMAN_SHORT]]
    waits: list[float | None] = []

    async def run() -> None:
        caller = Asking()

        async def talk() -> None:
            for question in islice(cycle(asked), given.turns + 1):
                waits.append(await caller.ask(question))

        await hold(caller, f"{given.url}/v1", talk)

    asyncio.run(run())
    if None in waits:
        sys.exit(f"answers never came: {waits}")
    sys.stdout.write(json.dumps(waits[1:]) + "\n")
