"""What Twilio does with what it is sent: play it in order in real time, and echo marks. Pure.

Time is counted in samples of the line at 8 kHz since the stream's start and always handed in.
Source: twilio.com/docs/voice/media-streams/websocket-messages: a mark comes back when the audio
before it has played, at once when nothing is buffered; `clear` empties the buffer and brings back
every mark that is still out.
"""

from collections import deque

import numpy as np

from audio import mulaw
from audio.pcm import Samples


class Playout:
    """One line's buffer, and everything that was heard on it. Sound is mu-law, a byte a sample."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytes]] = []  # where each begins; in order, no overlap
        self._end = 0
        self._marks: deque[tuple[int, str]] = deque()

    def play(self, payload: bytes, at: int) -> None:
        """Media that arrives at `at` plays behind what is buffered."""
        begins = max(at, self._end)
        self._pieces.append((begins, payload))
        self._end = begins + len(payload)

    def mark(self, name: str, at: int) -> None:
        self._marks.append((max(at, self._end), name))

    def due(self, at: int) -> list[str]:
        """Marks to be echoed by `at`, each given once."""
        names: list[str] = []
        while self._marks and self._marks[0][0] <= at:
            names.append(self._marks.popleft()[1])
        return names

    def clear(self, at: int) -> list[str]:
        """Drop what has not played by `at`: every mark that is still out."""
        while self._pieces and _ends(self._pieces[-1]) > at:
            begins, payload = self._pieces.pop()
            if begins < at:
                self._pieces.append((begins, payload[: at - begins]))
        self._end = min(self._end, at)
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def forget(self, before: int) -> None:
        """Drop the memory of what had played by a sample, in whole pieces."""
        kept = 0
        while kept < len(self._pieces) and _ends(self._pieces[kept]) <= before:
            kept += 1
        del self._pieces[:kept]

    def buffered(self, at: int) -> int:
        """Samples still to be played at `at`."""
        return max(0, self._end - at)

    @property
    def end(self) -> int:
        """The sample at which everything so far has played."""
        return self._end

    def gaps(self, since: int, until: int) -> list[tuple[int, int]]:
        """Where the buffer ran dry between two pieces that play in a window: each gap's first
        sample, and the first after it."""
        found: list[tuple[int, int]] = []
        previous = None
        for begins, payload in self._pieces:
            ends = begins + len(payload)
            if ends <= since or begins >= until:
                continue
            if previous is not None and begins > previous:
                found.append((previous, begins))
            previous = ends
        return found

    def played(self, since: int, until: int) -> int:
        """How many samples of a window the server has filled, with sound or with silence."""
        spans = [(begins, begins + len(payload)) for begins, payload in self._pieces]
        return sum(max(0, min(ends, until) - max(begins, since)) for begins, ends in spans)

    def heard(self, since: int, until: int) -> Samples:
        """The line's sound from one sample to another, int16 of shape (until - since,): what
        played, and silence where nothing did."""
        line = np.zeros(max(0, until - since), dtype=np.int16)
        for begins, payload in reversed(self._pieces):
            ends = begins + len(payload)
            if ends <= since:
                break
            first, last = max(begins, since), min(ends, until)
            if first < last:
                sound = mulaw.decode(payload[first - begins : last - begins])
                line[first - since : last - since] = sound
        return line


def _ends(piece: tuple[int, bytes]) -> int:
    return piece[0] + len(piece[1])
