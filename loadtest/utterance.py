"""What a caller says: a recording as the telephone takes it, and as a browser does."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from audio import mulaw
from audio.pcm import Audio, Samples
from audio.resampling import resample
from loadtest.first_audio import first_audible, last_voiced

DEFAULT_WAV = Path(__file__).parent / "data" / "librivox-0880.wav"
"""'He was not an ill-disposed young man', read for LibriVox (public domain)."""

DEFAULT_WAVS = sorted(DEFAULT_WAV.parent.glob("*.wav"))
"""What callers of a load test say: sentences of that book without a pause of a quarter second."""


WIDE_HZ = 24_000
"""The one rate of `audio/pcm` in OpenAI's Realtime protocol."""


class UnreadableRecording(Exception):
    """A file is no recording of speech; the message says why."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Whole 20 ms frames of mu-law, the index just behind the last voiced sample, and that of the
    first; and the same sound, as long, at `WIDE_HZ` as int16 in little endian."""

    payload: bytes
    voiced_until: int
    voiced_from: int = 0
    wide: bytes = b""


def utterance_of(audio: Audio) -> Utterance:
    """Any mono audio as an utterance, padded with silence to whole frames."""
    samples: Samples = resample(audio, mulaw.RATE_HZ).samples
    payload = mulaw.encode(samples)
    padding = -len(payload) % mulaw.FRAME_BYTES
    silence = bytes([mulaw.SILENCE]) * padding
    wide = np.zeros((len(payload) + padding) * WIDE_HZ // mulaw.RATE_HZ, "<i2")
    same = resample(audio, WIDE_HZ).samples[: len(wide)]
    wide[: len(same)] = same
    voiced = last_voiced(samples), first_audible(samples) or 0
    return Utterance(payload + silence, *voiced, wide.tobytes())


def read_utterance(path: Path) -> Utterance:
    """A sound file of any rate and number of channels. Raises UnreadableRecording."""
    try:
        samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise UnreadableRecording(f"cannot read {path}: {error}") from None
    utterance = utterance_of(Audio(samples.mean(axis=1).astype(np.int16), rate_hz))
    if not utterance.voiced_until:
        raise UnreadableRecording(f"nothing is said in {path}: all of it is below -40 dBFS")
    return utterance
