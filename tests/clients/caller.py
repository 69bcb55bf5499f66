"""The caller of every client written in Python, and the dialogue that each client holds.

The caller says one sentence, cuts the answer off with another, hears that answer whole, and asks in
writing for what only a tool knows. Needs nothing but PyAV, numpy and soundfile, so that it runs in
the other projects' environment too.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from audio.pcm import Audio, Samples
from audio.resampling import resample

RATE_HZ = 24_000
FRAME_S = 0.02
BARGE_IN_AFTER_S = 0.5
WITHIN_S = 45
AUDIBLE = 300
"""Of a full scale of 32,768."""
QUESTION = "What is the weather in Berlin?"
TOOL: dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
WEATHER = "sunny with 21 degrees"


@dataclass
class Answer:
    """One of the agent's, as the client got it."""

    text: str = ""
    seconds: float = 0.0
    loudest: int = 0
    first_audio_ms: float | None = None
    """From the last sample of the caller's sentence to the first audible one of the answer, as the
    client's own user gets it. None for an answer to something written."""
    cut_off: bool = False
    done: bool = False

    def hear(self, samples: Samples) -> None:
        """Sound of the answer, int16 at 24 kHz."""
        self.seconds += len(samples) / RATE_HZ
        self.loudest = max(self.loudest, int(np.abs(samples.astype(np.int32)).max(initial=0)))


@dataclass
class Report:
    """What the client made of the dialogue. `kept` is what is left of the answer that was cut
    off, where the client can tell; `tool` the arguments that its tool was called with."""

    said: list[str] = field(default_factory=list[str])
    answers: list[Answer] = field(default_factory=list[Answer])
    tool: dict[str, Any] | None = None
    kept: str | None = None
    events: int = 0
    errors: list[str] = field(default_factory=list[str])


class Caller:
    """Speaks in real time: silence unless there is a sentence to say. Whoever tells it of
    something calls `noticed`, and whoever waits for something waits with `until`. `tools` are what
    the agent is offered; without any, nothing is asked that would need one."""

    def __init__(self, tools: Sequence[dict[str, Any]] = (TOOL,)) -> None:
        self.report, self.tools = Report(), tools
        self._saying: deque[Samples] = deque()
        self._spoken_at_s: float | None = None
        self._news = asyncio.Event()

    async def frames(self) -> AsyncIterator[Samples]:
        """20 ms each, int16 of shape (480,) at 24 kHz, for ever."""
        begun, count = time.monotonic(), 0
        silence = np.zeros(round(RATE_HZ * FRAME_S), np.int16)
        while True:
            if self._saying:
                self._spoken_at_s = time.monotonic()
                yield self._saying.popleft()
            else:
                yield silence
            count += 1
            await asyncio.sleep(max(0.0, begun + count * FRAME_S - time.monotonic()))

    def say(self, sentence: Audio) -> None:
        size = round(RATE_HZ * FRAME_S)
        samples = np.pad(sentence.samples, (0, -len(sentence.samples) % size))
        self._saying.extend(np.split(samples, len(samples) // size))

    def begin_answer(self) -> Answer:
        self.report.answers.append(answer := Answer())
        return answer

    def hear(self, samples: Samples) -> None:
        """Sound of the last answer."""
        answer = self.report.answers[-1]
        begun = answer.loudest > AUDIBLE
        answer.hear(samples)
        if not begun and answer.loudest > AUDIBLE and self._spoken_at_s is not None:
            answer.first_audio_ms = (time.monotonic() - self._spoken_at_s) * 1_000
            self._spoken_at_s = None
        self.noticed()

    def noticed(self) -> None:
        self._news.set()

    async def until(self, holds: Callable[[], object], what: str) -> None:
        """Raises AssertionError after 45 s without `what`."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{what} never came: {self.report}") from None

    async def hold_dialogue(
        self,
        sentences: list[Audio],
        ask: Callable[[str], Awaitable[object]],
        *,
        greeted: bool = False,
    ) -> None:
        """`ask` sends the question, by a text or otherwise, and has it answered. With `greeted`
        the agent speaks first, and is cut off."""
        first, report = int(greeted), self.report
        if greeted:
            await self._answering(0)
        self.say(sentences[0])
        await self._answering(first)
        self.say(sentences[1])
        await self.until(lambda: report.answers[first].cut_off, "the barge-in")
        await self._answered(first + 1)
        await self.until(lambda: len(report.said) > 1, "what the caller said")
        if self.tools:
            await ask(QUESTION)
            await self._answered(first + 2)

    async def _answering(self, turn: int) -> None:
        await self.until(
            lambda: self._has(turn) and self.report.answers[turn].seconds > BARGE_IN_AFTER_S,
            f"answer {turn}",
        )

    async def _answered(self, turn: int) -> None:
        await self.until(
            lambda: self._has(turn) and self.report.answers[turn].done, f"the end of answer {turn}"
        )

    def _has(self, turn: int) -> bool:
        return len(self.report.answers) > turn


def sentence(path: Path) -> Audio:
    """A recording of one channel, at 24 kHz."""
    samples, rate_hz = soundfile.read(path, dtype="int16")
    return resample(Audio(np.asarray(samples, np.int16), rate_hz), RATE_HZ)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """`work` runs until the block ends; what it raises ends the block."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        yield
        task.cancel()


def run(converse: Callable[[Caller, str, str, list[Audio]], Awaitable[None]], what: str) -> None:
    """The client as a program: prints its report as one line of JSON. `converse` is given the
    caller, the base URL (http://…/v1), the API key and the sentences."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--url", default="http://127.0.0.1:8000/v1")
    parser.add_argument("--key", default="none")
    parser.add_argument("sentences", type=Path, nargs=2)
    parser.add_argument("--no-tools", action="store_true", help="for models that call none")
    options = parser.parse_args()
    caller = Caller(() if options.no_tools else (TOOL,))

    async def main() -> None:
        await converse(caller, options.url, options.key, [sentence(p) for p in options.sentences])

    asyncio.run(main())
    sys.stdout.write(json.dumps(asdict(caller.report)) + "\n")
