"""The REST endpoints over Whisper and Kokoro themselves, without Ray between."""

import asyncio
import io
import json
import threading
import wave
from pathlib import Path

import jiwer
import numpy as np
import openai
import pytest
import soundfile

from audio.decoding import decoded
from audio.encoding import encoder_of
from audio.pcm import Audio
from audio.resampling import resample
from configs import schema
from configs.schema import Stack
from deployments.engines.kokoro import Kokoro
from deployments.engines.whisper import Whisper
from ingress.app import create_app
from ingress.backends import Backends, RecordingOptions
from ingress.security import Secrets
from tests.ingress.line import Counts, Models
from tests.ingress.rest.app import SETTINGS, strict
from tests.ingress.server import serving

ROOT = Path(__file__).parents[3]
DATA, WEIGHTS = ROOT / "tests/data", ROOT / ".weights"
SAID: dict[str, str] = json.loads((DATA / "transcripts.json").read_text())

pytestmark = pytest.mark.models


class Real:
    """Both engines behind the seams."""

    def __init__(self) -> None:
        self.whisper = Whisper(schema.Whisper(model=str(WEIGHTS / "whisper-tiny.en")))
        self.kokoro = Kokoro(schema.Kokoro(model=str(WEIGHTS / "kokoro-82m")))

    async def transcribe(self, speech, *, language, final, deadline_s):
        return None

    def recorded(self, recording, options, *, deadline_s):
        return self.whisper.recorded(recording.samples.tobytes(), recording.rate_hz, options)

    def synthesize(self, phrase, voice, *, deadline_s):
        return self.kokoro.synthesize(phrase, voice.name, voice.speed)

    async def voices(self, *, deadline_s):
        return tuple(self.kokoro.voices())


@pytest.fixture(scope="module")
def real():
    engines = Real()
    yield engines
    engines.whisper.close()
    engines.kokoro.close()


@pytest.fixture(scope="module")
def client(real):
    app = create_app(
        Stack.model_validate(SETTINGS),
        Backends(real, Models(), real),
        Counts(),
        secrets=Secrets(),
        proxy="haproxy",
        replica="r1",
    )
    with serving(app) as inner:
        while inner.get("/health").status_code != 200:
            pass
        yield strict(inner)


def clip(name: str) -> np.ndarray:
    samples, rate_hz = soundfile.read(DATA / name, dtype="int16")
    return resample(Audio(samples, rate_hz), 24_000).samples


def mp3_of(samples: np.ndarray) -> bytes:
    encoder = encoder_of("mp3", 24_000)
    return encoder.push(samples) + encoder.finish()


def words(text: str) -> str:
    bare = "".join(c if c.isalnum() else " " for c in text.lower().replace("mr.", "mister"))
    return " ".join(bare.split())


def test_a_recording_longer_than_a_window_becomes_text_with_times(client):
    pause = np.zeros(24_000, np.int16)
    sound = np.concatenate([np.concatenate([clip(name), pause]) for name in SAID] * 3)
    assert len(sound) / 24_000 > 60
    found = client.audio.transcriptions.create(
        model="whisper-1",
        file=("speech.mp3", mp3_of(sound)),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    said = words(" ".join([*SAID.values()] * 3))
    assert jiwer.wer(said, words(found.text)) <= 0.15, found.text
    assert found.language == "en"
    assert found.duration == pytest.approx(len(sound) / 24_000, abs=0.1)
    times = [time for one in found.words for time in (one.start, one.end)]
    assert times == sorted(times) and times[-1] <= found.duration + 0.1
    assert words(" ".join(one.word for one in found.words)) == words(found.text)
    ends = [segment.end for segment in found.segments]
    assert ends == sorted(ends) and len(ends) >= len(SAID)


def test_a_text_becomes_an_mp3_that_says_it(client):
    text = (
        "The weather in Berlin is sunny today. Bring a hat, and drink a lot of water. "
        "We will meet you at the station at nine."
    )
    file = client.audio.speech.create(model="tts-1", voice="af_heart", input=text).content
    sound = decoded(file, 16_000, 60)
    assert sound.seconds == pytest.approx(len(text) / 15, rel=0.35)
    heard = client.audio.transcriptions.create(model="m", file=("speech.mp3", file))
    assert jiwer.wer(words(text), words(heard.text)) <= 0.15, heard.text
    faster = client.audio.speech.create(model="m", voice="alloy", input=text, speed=2.0).content
    assert decoded(faster, 16_000, 60).seconds < 0.7 * sound.seconds
    with pytest.raises(openai.BadRequestError, match="af_heart"):
        client.audio.speech.create(model="m", voice="darth_vader", input=text)


def test_silence_has_no_words(client):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(bytes(32_000 * 40))
    found = client.audio.transcriptions.create(model="m", file=("silence.wav", file.getvalue()))
    assert found.text == ""


def test_a_language_that_the_model_does_not_know_is_named(client):
    with pytest.raises(openai.BadRequestError, match="no language 'tlh'"):
        client.audio.transcriptions.create(
            model="m", file=("a.mp3", mp3_of(clip(next(iter(SAID))))), language="tlh"
        )


async def test_a_recording_waits_while_a_callers_words_are_heard(real, monkeypatch):
    """No window of a recording begins before the final that runs has ended."""
    heard, go, order = real.whisper._heard, threading.Event(), []

    def slowly(*arguments):
        go.wait(20)
        order.append("final")
        return heard(*arguments)

    monkeypatch.setattr(real.whisper, "_heard", slowly)
    pcm = resample(Audio(clip(next(iter(SAID))), 24_000), 16_000).samples.tobytes()
    steps = real.whisper._recordings.steps
    monkeypatch.setattr(
        real.whisper._recordings, "steps", lambda *a: watched(steps(*a), order.append)
    )
    idle, waiting = real.whisper._finals.idle, asyncio.Event()

    async def noticed():
        waiting.set()
        await idle()

    monkeypatch.setattr(real.whisper._finals, "idle", noticed)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(real.whisper.transcribe(pcm, 16_000, language="en", final=True))
        await asyncio.sleep(0)
        told = real.whisper.recorded(pcm, 16_000, RecordingOptions())
        listening = tasks.create_task(anext(told))
        await waiting.wait()
        go.set()
        assert (await listening).text
    await told.aclose()
    assert order[:2] == ["final", "window"]


def watched(steps, tell):
    tell("window")
    yield from steps
