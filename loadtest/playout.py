"""What Twilio does with what it is sent: play it in order in real time, and echo marks. Pure.

Time is counted in samples of the line at 8 kHz since the stream's start and always handed in.
Source: twilio.com/docs/voice/media-streams/websocket-messages: a mark comes back when the audio
before it has played, at once when nothing is buffered; `clear` empties the buffer and brings back
every mark that is still out.
"""

from collections import deque

import numpy as np

from audio.pcm import Samples


class Playout:
    """One line's buffer, and everything that was heard on it."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, Samples]] = []  # where each begins; in order, no overlap
        self._end = 0
        self._marks: deque[tuple[int, str]] = deque()

    def play(self, samples: Samples, at: int) -> None:
        """Media that arrives at `at` plays behind what is buffered."""
        begins = max(at, self._end)
        self._pieces.append((begins, samples))
        self._end = begins + len(samples)

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
        self._pieces = [
            (begins, samples[: at - begins]) for begins, samples in self._pieces if begins < at
        ]
        self._end = min(self._end, at)
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def buffered(self, at: int) -> int:
        """Samples still to be played at `at`."""
        return max(0, self._end - at)

    @property
    def end(self) -> int:
        """The sample at which everything so far has played."""
        return self._end

    def heard(self, since: int, until: int) -> Samples:
        """The line's sound from one sample to another, int16 of shape (until - since,): what
        played, and silence where nothing did."""
        line = np.zeros(max(0, until - since), dtype=np.int16)
        for begins, samples in reversed(self._pieces):
            ends = begins + len(samples)
            if ends <= since:
                break
            first, last = max(begins, since), min(ends, until)
            if first < last:
                line[first - since : last - since] = samples[first - begins : last - begins]
        return line
