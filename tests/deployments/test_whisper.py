"""Whisper on real weights: what it hears over the telephone, and who comes first."""

import asyncio
import json
import threading
import wave
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest

from audio import mulaw
from audio.pcm import Audio, Samples
from audio.resampling import resample
from configs import schema
from conversation.fallbacks import FailureClass
from deployments.engines.whisper import Whisper
from deployments.whisper import Whisper as Deployment
from ingress.backends import BackendError

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests/data"
TRANSCRIPTS: dict[str, str] = json.loads((DATA / "transcripts.json").read_text())
SETTINGS = schema.Whisper(model=str(ROOT / ".weights/whisper-tiny.en"))
RATE_HZ = mulaw.RATE_HZ

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def whisper():
    engine = Whisper(SETTINGS)
    yield engine
    engine.close()


def over_the_telephone(audio: Audio) -> bytes:
    """s16le at 8 kHz, after mu-law."""
    return mulaw.decode(mulaw.encode(resample(audio, RATE_HZ).samples)).astype("<i2").tobytes()


def clip(name: str) -> Audio:
    with wave.open(str(DATA / name)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return Audio(samples, file.getframerate())


def words(text: str) -> str:
    return "".join(c if c.isalnum() else " " for c in text.lower().replace("mr.", "mister"))


async def test_word_error_rate_over_mulaw(whisper: Whisper) -> None:
    heard = [
        await whisper.transcribe(over_the_telephone(clip(name)), RATE_HZ, language="en", final=True)
        for name in TRANSCRIPTS
    ]
    rate = jiwer.wer(list(TRANSCRIPTS.values()), [" ".join(words(t or "").split()) for t in heard])
    assert rate <= 0.15, heard


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 48_000])
async def test_any_rate(whisper: Whisper, rate_hz: int) -> None:
    pcm = resample(clip("librivox-0930.wav"), rate_hz).samples.astype("<i2").tobytes()
    text = await whisper.transcribe(pcm, rate_hz, language="en-US", final=True)
    assert "amiable himself" in (text or "")


async def test_longer_than_a_window(whisper: Whisper) -> None:
    """Both ends of 36 s are heard: the window is 30 s."""
    clips = [clip(name).samples for name in TRANSCRIPTS]
    pcm = np.concatenate([*clips, *clips[:2], clips[4]]).astype("<i2").tobytes()
    text = await whisper.transcribe(pcm, 16_000, language="en", final=True) or ""
    assert "leisure to consider" in text and "amiable himself" in text[-40:]


def tones(*hz: float, seconds: float = 3.0) -> Samples:
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sound = sum(np.sin(2 * np.pi * f * h * t) / h for f in hz for h in (1, 2, 3))
    return (sound / np.abs(sound).max() * 9_000).astype(np.int16)


def noise(level: float, seconds: float = 3.0) -> Samples:
    sound = np.random.default_rng(7).normal(size=int(seconds * RATE_HZ)) * level
    return np.clip(sound, -32_768, 32_767).astype(np.int16)


TRIADS = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))
MUSIC = np.concatenate([tones(*triad, seconds=1.0) for triad in TRIADS * 2])
RINGING = np.where(np.arange(3 * RATE_HZ) % (2 * RATE_HZ) < RATE_HZ, tones(440, 480), 0)
NO_SPEECH = {
    "silence": np.zeros(3 * RATE_HZ, dtype=np.int16),
    "white noise": noise(4_000),
    "quiet noise": noise(40),
    "a burst of noise": noise(3_000, 0.5),
    "25 s of noise": noise(1_000, 25),
    "60 Hz hum": tones(60),
    "quiet hum": (tones(60) / 20).astype(np.int16),
    "music": MUSIC,
    "quiet music": (MUSIC / 8).astype(np.int16),
    "25 s of music": np.tile(MUSIC, 3),
    "a ringing tone": RINGING.astype(np.int16),
}


@pytest.mark.parametrize("sound", NO_SPEECH)
async def test_no_speech_gives_no_words(whisper: Whisper, sound: str) -> None:
    pcm = over_the_telephone(Audio(NO_SPEECH[sound], RATE_HZ))
    assert await whisper.transcribe(pcm, RATE_HZ, language="en", final=True) == ""


async def test_nothing_and_next_to_nothing(whisper: Whisper) -> None:
    for pcm in (b"", b"\0\0" * 10):
        assert await whisper.transcribe(pcm, RATE_HZ, language="en", final=True) == ""


@pytest.mark.parametrize(
    ("pcm", "rate_hz", "language", "said"),
    [
        (b"\0" * 3, 8_000, "en", "3 bytes are no 16-bit samples"),
        (b"\0\0", 4_000, "en", "4000 Hz is not within 8000 to 48000"),
        (b"\0\0", 8_000, "de", "no language 'de' in this model; it knows en"),
    ],
)
async def test_bad_input_is_named(
    whisper: Whisper, pcm: bytes, rate_hz: int, language: str, said: str
) -> None:
    with pytest.raises(BackendError, match=said) as caught:
        await whisper.transcribe(pcm, rate_hz, language=language, final=True)
    assert caught.value.failure is FailureClass.INVALID


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is no folder: prepare the weights"):
        Whisper(SETTINGS.model_copy(update={"model": "./nowhere"}))


class Held:
    """Holds the model's encoder at its end, a pass at a time, and keeps the order of events."""

    def __init__(self, whisper: Whisper, monkeypatch: pytest.MonkeyPatch) -> None:
        self._encode = whisper._model.encode
        self.order: list[str] = []
        self.partial_encoded, self.partial_may_go_on = threading.Event(), threading.Event()
        self.final_encoded, self.final_may_go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(whisper._model, "encode", self.encode)

    def encode(self, features: Any) -> Any:
        kind = threading.current_thread().name.split("_")[0].removeprefix("whisper-")
        encoded = self._encode(features)
        self.order.append(kind)
        there, go_on = {
            "partial": (self.partial_encoded, self.partial_may_go_on),
            "final": (self.final_encoded, self.final_may_go_on),
        }[kind]
        there.set()
        assert go_on.wait(20)
        return encoded


@pytest.fixture
def held(whisper: Whisper, monkeypatch: pytest.MonkeyPatch):
    held = Held(whisper, monkeypatch)
    yield held
    held.partial_may_go_on.set()
    held.final_may_go_on.set()


PCM = over_the_telephone(clip("librivox-0930.wav"))


def asked(whisper: Whisper, *, final: bool) -> asyncio.Task[str | None]:
    return asyncio.create_task(whisper.transcribe(PCM, RATE_HZ, language="en", final=final))


async def test_a_partial_is_heard_when_nothing_else_runs(whisper: Whisper) -> None:
    assert "amiable" in (await asked(whisper, final=False) or "")


async def test_a_final_does_not_wait_behind_a_partial(whisper: Whisper, held: Held) -> None:
    """The final ends while the partial is still in the model; the partial then gives up."""
    partial = asked(whisper, final=False)
    await asyncio.to_thread(held.partial_encoded.wait)
    held.final_may_go_on.set()
    assert "amiable" in (await asked(whisper, final=True) or "")
    assert not partial.done() and held.order == ["partial", "final"]
    held.partial_may_go_on.set()
    assert await partial is None


async def test_a_partial_is_skipped_while_anything_runs(whisper: Whisper, held: Held) -> None:
    partial = asked(whisper, final=False)
    await asyncio.to_thread(held.partial_encoded.wait)
    assert await asked(whisper, final=False) is None
    held.partial_may_go_on.set()
    assert await partial is not None
    final = asked(whisper, final=True)
    await asyncio.to_thread(held.final_encoded.wait)
    assert await asked(whisper, final=False) is None
    held.final_may_go_on.set()
    assert await final
    assert held.order == ["partial", "final"]


async def test_a_queued_final_of_a_gone_caller_never_starts(whisper: Whisper, held: Held) -> None:
    first = asked(whisper, final=True)
    await asyncio.to_thread(held.final_encoded.wait)
    gone, stays = asked(whisper, final=True), asked(whisper, final=True)
    await asyncio.sleep(0)
    gone.cancel()
    held.final_may_go_on.set()
    assert await first and await stays
    assert gone.cancelled() and held.order == ["final", "final"]


@pytest.fixture
def windows(whisper: Whisper, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Mel frames of each window that the encoder gets."""
    encode, frames = whisper._model.encode, []

    def encoded(features: Any) -> Any:
        frames.append(features.shape[-1])
        return encode(features)

    monkeypatch.setattr(whisper._model, "encode", encoded)
    return frames


async def test_clear_speech_is_heard_once_and_in_a_short_window(
    whisper: Whisper, windows: list[int]
) -> None:
    seconds = len(PCM) / 2 / RATE_HZ
    twice = whisper.heard_twice
    assert "amiable" in (await asked(whisper, final=True) or "")
    assert len(windows) == 1 and windows[0] < (seconds + 1.1) * 100
    assert whisper.heard_twice == twice


@pytest.mark.parametrize("final", [True, False])
async def test_a_doubt_is_heard_again_in_the_whole_window(
    whisper: Whisper, windows: list[int], final: bool
) -> None:
    pcm = over_the_telephone(Audio(NO_SPEECH["white noise"], RATE_HZ))
    twice = whisper.heard_twice
    assert await whisper.transcribe(pcm, RATE_HZ, language="en", final=final) == ""
    assert windows[0] < 500 and windows[1:] == [3_000]
    assert whisper.heard_twice == twice + 1


async def test_long_speech_gets_the_whole_window_at_once(
    whisper: Whisper, windows: list[int]
) -> None:
    pcm = np.concatenate([clip(name).samples for name in list(TRANSCRIPTS)[:4]])
    heard = await whisper.transcribe(pcm.astype("<i2").tobytes(), 16_000, language="en", final=True)
    assert "leisure" in (heard or "") and windows == [3_000]


async def test_to_compare_with_every_utterance_may_get_the_whole_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = Whisper(SETTINGS, always_whole=True)
    encode, frames = whole._model.encode, []
    monkeypatch.setattr(
        whole._model,
        "encode",
        lambda features: frames.append(features.shape[-1]) or encode(features),
    )
    assert "amiable" in (await asked(whole, final=True) or "")
    assert frames == [3_000]
    whole.close()


async def test_a_failing_model_is_a_server_error(
    whisper: Whisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(features: Any) -> None:
        raise RuntimeError("CUDA failed with error out of memory")

    monkeypatch.setattr(whisper._model, "encode", fails)
    with pytest.raises(BackendError, match="out of memory") as caught:
        await asked(whisper, final=True)
    assert caught.value.failure is FailureClass.SERVER


async def test_the_deployment_hears() -> None:
    replica = Deployment.func_or_class(SETTINGS)
    text = await replica.transcribe(PCM, RATE_HZ, language="en", final=True)
    assert "amiable" in text
    replica.check_health()
