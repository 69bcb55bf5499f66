"""What waits to go out to the caller. Owns the order and the pace; the codec owns the words."""

import asyncio
from collections import deque
from collections.abc import Callable

from conversation.spoken import BEGINNING, Position
from ingress.playout import Playout
from ingress.protocols.outputs import Clear, Output, Play, ReplySent, ToolCalled


def of_turn(output: Output, turn: int) -> bool:
    """Whether it is speech of a turn, or what stands behind it."""
    match output:
        case Play():
            return True  # there is never that of two
        case ToolCalled(spoken) | ReplySent(spoken):
            return spoken == turn
        case _:
            return False


class Outbox:
    """Texts leave at once, a turn's speech at its pace and at the rate that `rate_hz` tells when it
    begins (`Playout`). `generation` tells that of the marks, `played_out` is told each time when
    everything sent has played."""

    def __init__(
        self,
        rate_hz: Callable[[], int],
        lead_s: float,
        now_s: Callable[[], float],
        generation: Callable[[], int],
        played_out: Callable[[], None],
    ) -> None:
        self._rate_hz, self._lead_s, self._now_s = rate_hz, lead_s, now_s
        self._generation, self._played_out = generation, played_out
        self._ready: deque[Output] = deque()
        self.playout: Playout | None = None
        """The speech of the turn that is prepared or spoken."""
        self._news = asyncio.Event()  # for the writer
        self._begun = asyncio.Event()  # for who waits for room

    def put(self, output: Output) -> None:
        self._ready.append(output)
        self._news.set()

    def new_turn(self, turn: int, *, shut: bool = False) -> Playout:
        """The speech of an attempt at a turn, from now on the one that goes out; of one that is
        shut, not before `open`. Whoever adds to it tells by `stir`."""
        self.playout = Playout(turn, self._rate_hz(), self._lead_s, shut=shut)
        return self.playout

    def stir(self) -> None:
        """There is something new to be sent, perhaps."""
        self._news.set()

    def position(self, now_s: float) -> Position:
        """How much of the turn has played, by our own clock."""
        return self.playout.position(now_s) if self.playout else BEGINNING

    def open(self) -> None:
        """Let the turn's speech go out, from the first sample that was not heard."""
        if self.playout:
            self.playout.open()
            self._news.set()

    def hold(self, now_s: float) -> None:
        """Fall silent, here and, by `Clear`, at the caller's end; keep what was not heard."""
        if self.playout and self.playout.hold(now_s):
            self.put(Clear())

    def drop(self) -> None:
        """Fall silent and forget the turn's speech, and the end of it that was about to go out: to
        a peer that takes its time, a turn must not be told as whole that was cut off meanwhile."""
        self.hold(self._now_s())
        if self.playout:
            turn = self.playout.turn
            kept = [output for output in self._ready if not of_turn(output, turn)]
            self._ready = deque(kept)
        self.playout = None

    def forget(self) -> None:
        """The turn's speech was heard, or never will be: its sound is kept no longer."""
        self.playout = None

    def underruns(self) -> int:
        """How often the turn's speech has run dry, counted once."""
        return self.playout.take_underruns() if self.playout else 0

    async def room(self, playout: Playout) -> None:
        """Wait until the caller begins to hear the last phrase that is ready."""
        while playout.phrases_waiting:
            self._begun.clear()
            await self._begun.wait()

    async def get(self) -> Output:
        """The next output, when it is due."""
        while True:
            if self._ready:
                return self._ready.popleft()
            self._news.clear()
            if (playout := self.playout) is not None:
                self._ready.extend(playout.due(self._now_s(), self._generation()))
                self._begun.set()
                if not self._ready and playout.played_out(self._now_s()):
                    self._played_out()
            if not self._ready:
                await self._wait(self.playout.due_s() if self.playout else None)

    async def _wait(self, until_s: float | None) -> None:
        timer = None
        if until_s is not None:
            wait_s = max(until_s - self._now_s(), 0.001)
            timer = asyncio.get_running_loop().call_later(wait_s, self._news.set)
        try:
            await self._news.wait()
        finally:
            if timer:
                timer.cancel()
