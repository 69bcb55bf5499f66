"""First audio, measured where it counts: on the waveform at the caller's ear. Pure.

From the caller's last voiced sample to the first audible sample of what then plays. Not from an
event, and not to a packet: silence that is played is no answer.
"""

import numpy as np
import numpy.typing as npt

from audio.pcm import Samples

RATE_HZ = 8_000

AUDIBLE = 328
"""1 % of full scale, -40 dBFS: below speech on a telephone line, above its noise. Our choice: on
the recorded clips it ends a voice within 150 ms of where Silero does."""

_WINDOW = RATE_HZ * 5 // 1_000  # 5 ms


def first_audible(samples: Samples, after: int = 0) -> int | None:
    """Index of the first sample of sound at or after `after` in int16 of shape (n,) at 8 kHz, or
    None. Sound is 5 ms with a mean magnitude of `AUDIBLE` or more, so that a click is none."""
    heard = np.abs(samples[after:].astype(np.int64))
    loud = np.flatnonzero(_sums(heard) >= AUDIBLE * _WINDOW)
    if not len(loud):
        return None
    begins = int(loud[0])
    within = np.flatnonzero(heard[begins : begins + _WINDOW] >= AUDIBLE)
    return after + begins + int(within[0])


def last_voiced(samples: Samples) -> int:
    """Index just behind the last sample of sound of int16 of shape (n,) at 8 kHz; 0 if all is
    silent."""
    reversed_index = first_audible(samples[::-1])
    return 0 if reversed_index is None else len(samples) - reversed_index


def first_audio_ms(heard: Samples, spoken_until: int) -> float | None:
    """Milliseconds from the caller's last voiced sample to the first audible one after it, both
    counted in samples of the same line; None if nothing was heard."""
    begins = first_audible(heard, spoken_until)
    return None if begins is None else (begins - spoken_until) * 1_000 / RATE_HZ


def _sums(magnitudes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Over the 5 ms that begin at each sample; the end counts as followed by silence."""
    total = np.concatenate([[0], np.cumsum(magnitudes)])
    ends = np.minimum(np.arange(len(magnitudes)) + _WINDOW, len(magnitudes))
    return total[ends] - total[:-1]
