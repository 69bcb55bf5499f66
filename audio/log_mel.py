"""Whisper's log-mel spectrogram of 8 s of sound, in numpy.

Owns the arithmetic that `transformers.WhisperFeatureExtractor(chunk_length=8)` does with
`do_normalize=True`, without transformers, which is far too heavy for the process that holds the
calls. What is made of the spectrogram is `audio.turn_completion`'s.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from audio.pcm import Samples

RATE_HZ = 16_000
SECONDS = 8
SAMPLES = SECONDS * RATE_HZ

# openai/whisper, `whisper/audio.py`: windows of 25 ms every 10 ms, 80 mel bands up to 8 kHz.
_WINDOW, _HOP = 400, 160
BANDS, FRAMES = 80, SAMPLES // _HOP
_POWER_FLOOR = 1e-10
_RANGE = 8.0  # powers of ten below the loudest, as far down as the spectrogram tells apart
_VARIANCE_FLOOR = 1e-7  # transformers, `zero_mean_unit_var_norm`

# Slaney's scale (Auditory Toolbox, 1998): linear up to 1 kHz, logarithmic from there.
_HZ_PER_MEL = 200 / 3
_BREAK_HZ, _BREAK_MEL = 1_000.0, 15.0
_MELS_PER_E = 27 / np.log(6.4)

Floats = npt.NDArray[np.float32]


def log_mel(samples: Samples) -> Floats:
    """float32 of shape (80, 800) of the last 8 s of int16 samples (n,) at 16 kHz.

    Shorter sound is preceded by silence. The waveform is first brought to mean 0 and variance 1,
    the silence included.
    """
    sound = samples[-SAMPLES:].astype(np.float32) / 32_768
    silent = SAMPLES - len(sound)
    mean = sound.sum() / SAMPLES
    variance = np.square(sound - mean).sum() + silent * np.square(mean)
    scale = 1 / np.sqrt(variance / SAMPLES + _VARIANCE_FLOOR)
    # Every frame that lies in the silence before is the same: one of them is enough.
    alike = max(0, (silent - _WINDOW // 2) // _HOP)
    padded = np.pad(sound, (silent - alike * _HOP, 0))
    power = _mel_power((padded - mean) * scale)
    log_power = np.log10(np.maximum(power, _POWER_FLOOR))
    log_power = np.maximum(log_power, log_power.max() - _RANGE)
    scaled = ((log_power + 4) / 4).astype(np.float32)
    return np.pad(scaled, ((0, 0), (alike, 0)), mode="edge")


def _mel_power(sound: Floats) -> Floats:
    """float32 (80, n // 160) of float32 (n,): frames around every 160th sample."""
    padded = np.pad(sound, _WINDOW // 2, mode="reflect")
    windows = sliding_window_view(padded, _WINDOW)[: len(sound) : _HOP]
    hann, bands = _tables()
    spectrum = np.fft.rfft(windows * hann)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    # Band by band, since a band is narrow, and since a product of whole matrices would wake the
    # threads of BLAS, which spin for longer than all of this takes.
    return np.stack([power[:, first : first + len(band)] @ band for first, band in bands])


@cache
def _tables() -> tuple[Floats, tuple[tuple[int, Floats], ...]]:
    """A periodic Hann window (400,), and for each of 80 mel bands the first of the 201 frequencies
    that it holds, with the weights from there on."""
    hann = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    edges = _hertz(np.linspace(0, _mel(RATE_HZ / 2), BANDS + 2))
    hertz = np.linspace(0, RATE_HZ / 2, _WINDOW // 2 + 1)
    rise = (hertz - edges[:-2, np.newaxis]) / np.diff(edges)[:-1, np.newaxis]
    fall = (edges[2:, np.newaxis] - hertz) / np.diff(edges)[1:, np.newaxis]
    triangles = np.maximum(0, np.minimum(rise, fall))
    area = 2 / (edges[2:] - edges[:-2])  # Slaney: every band has the same area
    weights = (triangles * area[:, np.newaxis]).astype(np.float32)
    held = [np.flatnonzero(band) for band in weights]
    return hann, tuple(
        (int(i[0]), band[i[0] : i[-1] + 1]) for i, band in zip(held, weights, strict=True)
    )


def _mel(hertz: float) -> float:
    """Of a frequency above the break."""
    return float(_BREAK_MEL + np.log(hertz / _BREAK_HZ) * _MELS_PER_E)


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _BREAK_HZ * np.exp((mels - _BREAK_MEL) / _MELS_PER_E)
    return np.where(mels < _BREAK_MEL, mels * _HZ_PER_MEL, above)
