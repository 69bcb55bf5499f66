"""Who else computed meanwhile: a figure of speed on a busy machine is none. Owns no process."""

import os
import time
from collections.abc import Iterable

import psutil

QUIET_CORES = 0.2
"""A tenth of a two-core machine: our choice. Above it, times are seen to grow."""


class Elsewhere:
    """Counts from its making the processor time that neither the stack nor we have used."""

    def __init__(self, stack: Iterable[psutil.Process]) -> None:
        self._ours = [psutil.Process(), *stack]
        self._began_s, self._busy_s, self._ours_s = time.monotonic(), _busy_s(), self._used_s()

    def cores(self) -> float | None:
        """How many cores others kept busy, on average; None when the stack runs elsewhere."""
        if len(self._ours) == 1:
            return None
        busy_s = _busy_s() - self._busy_s - (self._used_s() - self._ours_s)
        return max(0.0, busy_s) / (time.monotonic() - self._began_s)

    def notes(self) -> list[str]:
        """What to say beside figures of speed."""
        cores = self.cores()
        if cores is None or cores <= QUIET_CORES:
            return []
        return [f"others kept {cores:.1f} of {os.cpu_count()} cores busy meanwhile: times are "
                "longer than on a quiet machine"]  # fmt: skip

    def _used_s(self) -> float:
        return sum(_time_of(one) for one in self._ours)


def _time_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def _busy_s() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice
