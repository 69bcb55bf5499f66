"""The rows of the side-by-side: one figure of one bot each, measured by the same callers. Owns what
is done and counted; not who starts the bots, nor where figures are kept."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import uvloop

from benchmarks.mocks import MS_PER_WORD, REPLIES
from benchmarks.peers.bots import Bot, Running
from benchmarks.peers.caller import Plan, Said, Turn, said_from
from benchmarks.peers.callers import LATE_MS, Held, hold_calls
from benchmarks.peers.ground import Mocks, busy_s, cpu_s, resident_mb
from benchmarks.recordings import DATA

SLOWEST_MS = 1_000.0
"""The 95th percentile of first audio up to which a number of calls is held."""

SAID = ("mountain.wav", "planet.wav", "name.wav")
"""Questions whose recordings begin and end in voice, as the voice detector sees it too; with a
recording that fades out, a bot answers before its last sample."""

TURN_S = 8.0
"""About one question, its answer of 4 s and the pause: calls join evenly over it."""

MOST_SPACING_S = 0.37
BARGE_AFTER_S = (0.7, 2.6)
"""Into an answer of 4 s: in its first sentence, and in its second."""

TRIES = 2
MOST_OTHERS = 0.1
"""Of the bot's core, used by strangers: above it a figure is of the machine and not of the bot."""

Sample = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time until a moment: of the bot, and of everything on the bot's core."""

    at_s: float
    bot_s: float
    core_s: float

    @classmethod
    def on(cls, core: int, running: Running) -> "Spent":
        return cls(time.monotonic(), cpu_s(running.processes), busy_s(core))

    def since(self, began: "Spent") -> dict[str, float]:
        """Cores that the bot has used meanwhile, and `others` on the same core."""
        took_s = self.at_s - began.at_s
        bot = (self.bot_s - began.bot_s) / took_s
        whole = (self.core_s - began.core_s) / took_s
        return {"cores": round(bot, 3), "others": round(max(0.0, whole - bot), 3)}


@dataclass(frozen=True, slots=True)
class Callers:
    """The same for every bot."""

    mocks: Mocks
    bots_core: int
    said: tuple[Said, ...]

    @classmethod
    def new(cls, mocks: Mocks, bots_core: int) -> "Callers":
        return cls(mocks, bots_core, tuple(said_from(DATA / name) for name in SAID))

    def talk(self, running: Running, calls: int, turns: int) -> Sample:
        """So many calls at once, of so many turns each; the first turn of a call warms up."""
        self.mocks.reset()
        began = Spent.on(self.bots_core, running)
        spread_s = min(TURN_S, MOST_SPACING_S * calls)
        held = self._held(running, Plan(self.said, turns + 1), calls, spread_s)
        used = Spent.on(self.bots_core, running).since(began)
        return {"calls": calls, **used, **waits(held), **self.verdict(held, used["others"])}

    def verdict(self, held: Held, others: float) -> Sample:
        """Whether a run counts, and what says so."""
        late_ms = {"callers": held.late_ms, "mocks": self.mocks.log()["late_ms"]["p99"]}
        counts = max(late_ms.values()) <= LATE_MS and others <= MOST_OTHERS
        rounded = {who: round(late, 1) for who, late in late_ms.items()}
        return {"counts": counts, "late_ms": rounded, "faults": sorted(set(held.faults))[:3]}

    def barge_in(self, running: Running, times: int) -> Sample:
        """One call whose caller speaks into every answer but the last."""
        self.mocks.reset()
        plan = Plan(self.said, times + 1, barge_after_s=BARGE_AFTER_S)
        held = self._held(running, plan, 1, 0.0)
        (turns,) = held.calls
        asked = [one for one in self.mocks.log()["asked"] if one["what"] == "llm"]
        found = [interruption(before, after, asked) for before, after in pairwise(turns)]
        return {"interruptions": found, **self.verdict(held, 0)}

    def resident_mb(self, running: Running, calls: int) -> float:
        """Of the bot while so many calls are open that have had two turns each."""
        found: list[float] = []

        async def look() -> None:
            await asyncio.sleep(1)
            found.append(resident_mb(running.processes))

        spread_s = min(TURN_S, MOST_SPACING_S * calls)
        uvloop.run(hold_calls(running.url, Plan(self.said, 2), calls, spread_s, while_open=look))
        return found[0]

    def _held(self, running: Running, plan: Plan, calls: int, spread_s: float) -> Held:
        return uvloop.run(hold_calls(running.url, plan, calls, spread_s))


def waits(held: Held) -> Sample:
    """Percentiles over all turns, in ms; an answer that never came is the longest of all."""
    waits_ms = held.waits_ms()
    p50, p95 = np.percentile(waits_ms, (50, 95), method="higher").tolist()
    return {
        "turns": len(waits_ms),
        "missed": waits_ms.count(float("inf")),
        "p50_ms": rounded(p50),
        "p95_ms": rounded(p95),
    }


def rounded(value: float) -> float | None:
    """JSON has no infinity: None stands for it."""
    return round(value, 1) if np.isfinite(value) else None


def capacity(
    callers: Callers, running: Running, bot: Bot, turns: int, tell: Callable[[Sample], None]
) -> list[Sample]:
    """Runs of a search over the bot's levels for the most calls with a quick 95th percentile. The
    result is `most_calls` of them."""
    runs: list[Sample] = []
    low, high = -1, len(bot.levels)
    while high - low > 1:
        level = (low + high) // 2
        run = counted(callers, running, bot.levels[level], turns)
        runs.append(run)
        tell(run)
        if quick_enough(run):
            low = level
        else:
            high = level
    return runs


def counted(callers: Callers, running: Running, calls: int, turns: int) -> Sample:
    """A run that counts, if one of two does. One that was quick enough needs no second: late
    callers and strangers on the core make answers later, never sooner."""
    run: Sample = {}
    for _ in range(TRIES):
        run = callers.talk(running, calls, turns)
        if run["counts"] or quick_enough(run):
            break
    return run


def quick_enough(run: Sample) -> bool:
    p95_ms = run["p95_ms"]
    return p95_ms is not None and p95_ms <= SLOWEST_MS and not run["faults"]


def most_calls(runs: Sequence[Sample]) -> int:
    """0 when not even the lowest level was quick enough."""
    return max((run["calls"] for run in runs if quick_enough(run)), default=0)


def interruption(before: Turn, after: Turn, asked: Sequence[Sample]) -> Sample:
    """An answer and the utterance that was spoken into it: how long it sounded on (None: it was
    not stopped), words heard, and words of it in the next request."""
    cleared, answered = after.cleared, after.answered
    heard = before.heard_s * 1_000 / MS_PER_WORD
    found: Sample = {
        "clear_ms": None if cleared is None else round(1_000 * (cleared - after.spoke_from), 1),
        "heard": round(heard, 1),
        "kept": None,
    }
    requests = [one for one in asked if answered is not None and one["at"] < answered]
    if before.answered is not None and requests:
        found["kept"] = words_kept(requests[-1]["messages"])
    return found


def words_kept(messages: Sequence[Any]) -> int:
    """Words of the reply before the caller's last words that the model is told it has said."""
    last_user = max(at for at, one in enumerate(messages) if one["role"] == "user")
    before = messages[last_user - 1] if last_user else {"role": "none"}
    if before["role"] != "assistant":
        return 0
    said = plain(text_of(before["content"]))
    return max(same_beginning(said, plain(reply)) for reply in REPLIES.values())


def text_of(content: Any) -> str:
    """A message's text, which may come in parts."""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content)


def plain(text: str) -> list[str]:
    bare = ("".join(filter(str.isalnum, word)).lower() for word in text.split())
    return [word for word in bare if word]


def same_beginning(some: Sequence[str], others: Sequence[str]) -> int:
    count = 0
    while count < min(len(some), len(others)) and some[count] == others[count]:
        count += 1
    return count
