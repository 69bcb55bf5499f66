"""Changes of sample rate, over libswresample (PyAV). Owns no decision about which rate is wanted.

soxr's streams hold back up to 118 ms of telephone audio; libswresample holds back 2 ms and keeps
the output aligned in time with the input, so it is what a call can afford.
"""

import av
import numpy as np

from audio.pcm import Audio, Samples

_EMPTY: Samples = np.zeros(0, dtype=np.int16)
_EMPTY.setflags(write=False)


class Resampler:
    """A stream's change of rate. `push` holds back at most 2 ms; equal rates cost nothing."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self.from_hz, self.to_hz = from_hz, to_hz
        self._filter = self._new_filter()

    def push(self, samples: Samples) -> Samples:
        """The next piece of the stream, int16 of shape (n,), at the new rate: int16 of (m,)."""
        if self.from_hz == self.to_hz:
            return samples
        if not len(samples):
            return _EMPTY
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples))
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = self.from_hz
        return _joined(self._filter.resample(frame))

    def flush(self) -> Samples:
        """What is still held back, int16 of shape (m,). The next `push` begins a new stream."""
        if self.from_hz == self.to_hz:
            return _EMPTY
        rest = _joined(self._filter.resample(None))
        self._filter = self._new_filter()
        return rest

    def _new_filter(self) -> av.AudioResampler:
        return av.AudioResampler(format="s16", layout="mono", rate=self.to_hz)


def resample(audio: Audio, to_hz: int) -> Audio:
    """A whole stretch of audio at another rate; its length in seconds stays, to one sample."""
    if audio.rate_hz == to_hz:
        return audio
    resampler = Resampler(audio.rate_hz, to_hz)
    return Audio(np.concatenate([resampler.push(audio.samples), resampler.flush()]), to_hz)


def _joined(frames: list[av.AudioFrame]) -> Samples:
    match [frame.to_ndarray()[0] for frame in frames]:
        case []:
            return _EMPTY
        case [one]:
            return one
        case several:
            return np.concatenate(several)
