"""Memory that the C library keeps after a pass, given back. Owns no allocation.

torch allocates and frees hundreds of MB a phrase. glibc keeps what a thread other than the main one
has freed, in pieces that the next phrase's other sizes do not fit: 3.4 GB resident after 60 phrases
where 1.3 GB are in use. Other C libraries give it back by themselves and need none of this.
"""

import os
from pathlib import Path

from ingress.memory import give_back

STEP_BYTES = 512 * 2**20
"""Growth that is worth the 10 to 70 ms that giving it back takes, and the new pages that the next
pass then asks for (measured on two cores; a pass of 20 words takes 350 MB for itself)."""

_STATM = Path("/proc/self/statm")


class FreedMemory:
    """Given back whenever the process has grown by `STEP_BYTES` over what it needs."""

    def __init__(self) -> None:
        self._known = _STATM.exists()
        self.give_back()

    def after_pass(self) -> None:
        """Takes microseconds when there is nothing to do."""
        if self._known and resident_bytes() > self._needed + STEP_BYTES:
            self.give_back()

    def give_back(self) -> None:
        if self._known:
            give_back()
            self._needed = resident_bytes()


def resident_bytes() -> int:
    """Of this process (Linux: the second field of /proc/self/statm, in pages)."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
