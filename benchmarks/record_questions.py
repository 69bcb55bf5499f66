"""`python -m benchmarks.record_questions`: speak the callers' questions anew, with Kokoro."""

import asyncio
import json

import numpy as np
import soundfile

from audio.pcm import Audio
from audio.resampling import resample
from benchmarks.recordings import DATA, ROOT
from configs.schema import Kokoro as Settings
from deployments.engines.kokoro import Kokoro
from loadtest.first_audio import RATE_HZ

PEAK = 16_384


async def main() -> None:
    kokoro = Kokoro(Settings(model=str(ROOT / ".weights" / "kokoro-82m")))
    for name, said in json.loads((DATA / "questions.json").read_text()).items():
        spoken = [s.audio async for s in kokoro.synthesize(said["words"], said["voice"], 1.0)]
        sound = np.concatenate([audio.samples for audio in spoken])
        telephone = resample(Audio(sound, spoken[0].rate_hz), RATE_HZ).samples.astype(np.float64)
        samples = (telephone * (PEAK / np.abs(telephone).max())).astype(np.int16)
        soundfile.write(DATA / name, samples, RATE_HZ, subtype="PCM_16")
        print(f"{name:<16} {len(samples) / RATE_HZ:.2f} s  {said['voice']:<12} {said['words']}")
    kokoro.close()


if __name__ == "__main__":
    asyncio.run(main())
