"""The one form in which sound travels between our own parts."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Audio:
    """Mono signed 16-bit PCM: `samples` is int16 of shape (n,), `rate_hz` its sample rate."""

    samples: Samples
    rate_hz: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate_hz
