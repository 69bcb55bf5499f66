"""Kokoro on real weights: what it says, how it says no, and who is next."""

import asyncio
import importlib.util
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs import schema
from conversation.fallbacks import FailureClass
from deployments.engines.english import PACKAGES, load_spacy_model
from deployments.engines.kokoro import RATE_HZ, Kokoro
from deployments.engines.trimming import AUDIBLE
from deployments.engines.whisper import Whisper
from deployments.kokoro import Kokoro as Deployment
from ingress.backends import BackendError, Speech

WEIGHTS = Path(__file__).parents[2] / ".weights"
SETTINGS = schema.Kokoro(model=str(WEIGHTS / "kokoro-82m"))

pytestmark = pytest.mark.models


def refuses(*args: Any) -> None:
    raise AssertionError(f"the network was asked for: {args}")


@pytest.fixture(scope="module")
def kokoro():
    """Built and used without a network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuses)
        patch.setattr(socket, "getaddrinfo", refuses)
        engine = Kokoro(SETTINGS)
        yield engine
        engine.close()


async def said(kokoro: Kokoro, phrase: str, voice: str = "af_heart", speed: float = 1.0):
    return [speech async for speech in kokoro.synthesize(phrase, voice, speed)]


def bare(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split()


@pytest.mark.parametrize("voice", ["af_heart", "am_michael", "bf_emma"])
async def test_whisper_hears_what_kokoro_says(kokoro: Kokoro, voice: str) -> None:
    phrase = "Of course, I can move your appointment to Thursday afternoon."
    (speech,) = await said(kokoro, phrase, voice)
    whisper = Whisper(schema.Whisper(model=str(WEIGHTS / "whisper-tiny.en")))
    pcm = speech.audio.samples.astype("<i2").tobytes()
    heard = await whisper.transcribe(pcm, speech.audio.rate_hz, language="en", final=True) or ""
    whisper.close()
    wanted = bare(phrase)
    assert sum(word in bare(heard) for word in wanted) >= 0.8 * len(wanted), heard


async def test_words_and_their_times(kokoro: Kokoro) -> None:
    phrase = "Well, Dr. O'Neil's state-of-the-art e-mail cost $5.50 — OK?"
    (speech,) = await said(kokoro, phrase)
    assert speech.audio.samples.dtype == np.int16 and speech.audio.rate_hz == RATE_HZ
    assert [word.text for word in speech.words] == phrase.split()
    times = [second for word in speech.words for second in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert 0 <= times[0] < 0.15 and times[-1] <= speech.audio.seconds
    assert all(word.end_s > word.start_s for word in speech.words)


@pytest.mark.parametrize("phrase", ["It is Berlin.", "Sure, I can help with that.", "Half?"])
async def test_no_wait_before_the_first_word(kokoro: Kokoro, phrase: str) -> None:
    (speech,) = await said(kokoro, phrase)
    loud = np.flatnonzero(np.abs(speech.audio.samples) > AUDIBLE * 32_767)
    assert loud[0] / RATE_HZ <= 0.04
    assert (len(speech.audio.samples) - loud[-1]) / RATE_HZ <= 0.125


async def test_speed(kokoro: Kokoro) -> None:
    slow, fast = [
        (await said(kokoro, "It is the capital of Germany.", speed=speed))[0].audio.seconds
        for speed in (0.5, 2.0)
    ]
    assert slow > 2.5 * fast


@pytest.mark.parametrize("phrase", ["", "...", "😀", "—"])
async def test_nothing_to_say_is_no_error(kokoro: Kokoro, phrase: str) -> None:
    assert await said(kokoro, phrase) == []


async def test_every_line_is_said(kokoro: Kokoro) -> None:
    speeches = await said(kokoro, "One moment.\n\nHere it is.")
    assert [" ".join(w.text for w in s.words) for s in speeches] == ["One moment.", "Here it is."]


async def test_unknown_words_are_spoken(kokoro: Kokoro) -> None:
    """Through espeak, which comes with kokoro."""
    (speech,) = await said(kokoro, "Frobnicatzle qwerplonk.")
    assert speech.audio.seconds > 0.8 and len(speech.words) == 2


@pytest.mark.parametrize(
    ("voice", "speed", "says"),
    [
        ("nobody", 1.0, r"no voice named 'nobody'; there are af_alloy, .*am_michael.*bf_emma"),
        ("../voices/af_heart", 1.0, "no voice named"),
        ("af_heart", 2.5, "speed 2.5 is not within 0.5 to 2.0"),
        ("af_heart", 0.1, "speed 0.1 is not within"),
    ],
)
async def test_what_it_cannot_do_is_named(
    kokoro: Kokoro, voice: str, speed: float, says: str
) -> None:
    with pytest.raises(BackendError, match=says) as caught:
        await said(kokoro, "Hello.", voice, speed)
    assert caught.value.failure is FailureClass.INVALID


@pytest.mark.parametrize(
    ("name", "says"),
    [("qf_nobody", "a voice's first letter is its language: a .*; not 'q'"), ("jf_x", "Japanese")],
)
async def test_a_language_it_cannot_speak_is_named(
    kokoro: Kokoro, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.setitem(kokoro._voices, name, kokoro._voices["af_heart"])
    with pytest.raises(BackendError, match=says) as caught:
        await said(kokoro, "Hello.", name)
    assert caught.value.failure is FailureClass.INVALID


async def test_a_queued_phrase_of_a_gone_caller_is_never_spoken(
    kokoro: Kokoro, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, may_go_on, passes = threading.Event(), threading.Event(), []
    forward = kokoro._model.forward

    def held(phonemes: str, *args: Any, **options: Any) -> Any:
        passes.append(phonemes)
        runs.set()
        assert may_go_on.wait(20)
        return forward(phonemes, *args, **options)

    monkeypatch.setattr(kokoro._model, "forward", held)
    first = asyncio.create_task(said(kokoro, "First."))
    await asyncio.to_thread(runs.wait)
    gone = asyncio.create_task(said(kokoro, "Gone."))
    last = asyncio.create_task(said(kokoro, "Last."))
    await asyncio.sleep(0)
    gone.cancel()
    may_go_on.set()
    assert await first and await last
    assert gone.cancelled() and len(passes) == 2


async def test_a_failing_model_is_a_server_error(
    kokoro: Kokoro, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any, **options: Any) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(kokoro._model, "forward", fails)
    with pytest.raises(BackendError, match="out of memory") as caught:
        await said(kokoro, "Hello.")
    assert caught.value.failure is FailureClass.SERVER


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is no folder: prepare the weights"):
        Kokoro(SETTINGS.model_copy(update={"model": "./nowhere"}))


def test_a_missing_spacy_model_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in PACKAGES else found(name)
    )
    with pytest.raises(RuntimeError, match="install one of en_core_web_sm, "):
        load_spacy_model()


async def test_the_deployment_speaks() -> None:
    replica = Deployment.func_or_class(SETTINGS)
    (speech,) = [s async for s in replica.synthesize("It is Berlin.", "af_heart", 1.0)]
    assert isinstance(speech, Speech) and speech.audio.seconds > 0.5
    assert "bf_emma" in await replica.voices()
    replica.check_health()
