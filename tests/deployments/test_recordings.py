"""Recordings: how a long one is divided, what an endpoint's answer is, and who comes first."""

import asyncio
import threading
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from fastapi import Request
from fastapi.responses import JSONResponse

from audio.pcm import Audio
from configs.schema import ScriptedTranscriber
from conversation.fallbacks import FailureClass
from deployments.engines.endpoint import (
    EndpointSynthesizer,
    EndpointTranscriber,
    client_of,
)
from deployments.engines.endpoint_recordings import fields_of, segments_of
from deployments.engines.lanes import Lane
from deployments.engines.recordings import PART_S, RATE_HZ, Recordings
from deployments.engines.scripted import Script
from ingress.backends import BackendError, RecordingOptions
from tests.deployments.endpoint_server import serving

OPTIONS = RecordingOptions()


@dataclass
class Said:
    """One of faster-whisper's segments."""

    text: str
    start: float
    end: float
    no_speech_prob: float = 0.1
    avg_logprob: float = -0.2
    compression_ratio: float = 1.1
    temperature: float = 0.0
    tokens: tuple[int, ...] = (1, 2)
    words: None = None


class Sentences:
    """A model that hears one sentence each ten seconds, and only half of what a part cuts."""

    def __init__(self, every_s: float = 10.0) -> None:
        self.every_s, self.asked = every_s, []

    def transcribe(self, samples, **options):
        self.asked.append((len(samples) / RATE_HZ, options))
        first = round(float(samples[0]))  # the samples hold the second they are of
        whole_s = len(samples) / RATE_HZ
        begins = np.arange(-first % self.every_s, whole_s, self.every_s)
        said = (
            Said(
                f"sentence {round(first + at)}"
                + ("" if at + self.every_s <= whole_s else " (half)"),
                float(at),
                float(min(at + self.every_s - 1, whole_s)),
            )
            for at in begins
        )
        return said, SimpleNamespace(language=options["language"] or "de")


def seconds(whole_s: float) -> np.ndarray:
    return np.repeat(np.arange(whole_s, dtype=np.float32), RATE_HZ)


def heard(model, samples, options=OPTIONS):
    return [one for step in Recordings(model).steps(samples, options) for one in step]


def test_a_long_recording_is_divided_between_sentences():
    model = Sentences()
    found = heard(model, seconds(700))
    assert [one.text for one in found] == [f"sentence {at}" for at in range(0, 700, 10)]
    assert [one.start_s for one in found] == [float(at) for at in range(0, 700, 10)]
    assert [each for each, _ in model.asked] == [PART_S, PART_S, 700 - 2 * PART_S + 20]


def test_a_language_is_found_out_once():
    model = Sentences()
    assert {one.language for one in heard(model, seconds(400))} == {"de"}
    assert [options["language"] for _, options in model.asked] == [None, "de"]
    heard(model, seconds(1), RecordingOptions("en", "Once upon", 0.3, True))
    told = model.asked[-1][1]
    assert (told["language"], told["initial_prompt"], told["word_timestamps"]) == (
        "en", "Once upon", True,
    )  # fmt: skip
    assert told["temperature"] == 0.3


def test_one_sentence_longer_than_a_part_still_ends():
    """Each part begins with the sentence, which never ends."""

    class Endless(Sentences):
        def transcribe(self, samples, **options):
            self.asked.append(len(samples) / RATE_HZ)
            return iter([Said("and", 0.0, self.asked[-1])]), SimpleNamespace(language="en")

    model = Endless()
    assert [one.start_s for one in heard(model, seconds(700))] == [0.0, PART_S, 2 * PART_S]
    assert model.asked == [PART_S, PART_S, 700 - 2 * PART_S]


def test_silence_and_nothing_are_no_sentences():
    class Silent(Sentences):
        def transcribe(self, samples, **options):
            thanks = Said("Thank you.", 0, 1, no_speech_prob=0.9, avg_logprob=-1.2)
            return iter([thanks]), SimpleNamespace(language="en")

    assert heard(Silent(), seconds(400)) == []
    assert heard(Sentences(), np.zeros(0, np.float32)) == []
    assert heard(Sentences(), np.zeros(100, np.float32)) == []


def test_a_model_that_fails_is_told_by_its_class():
    class Broken(Sentences):
        def transcribe(self, samples, **options):
            raise RuntimeError("CUDA out of memory")

    with pytest.raises(BackendError) as caught:
        heard(Broken(), seconds(1))
    assert caught.value.failure is FailureClass.SERVER


async def test_a_lane_is_idle_when_its_last_pass_has_ended():
    lane, go = Lane("finals"), threading.Event()
    await lane.idle()
    first = asyncio.ensure_future(lane.run(lambda: go.wait(20)))
    second = asyncio.ensure_future(lane.run(lambda: 1 / 0))
    await asyncio.sleep(0)
    idle = asyncio.ensure_future(lane.idle())
    await asyncio.sleep(0)
    assert lane.busy and not idle.done()
    go.set()
    await idle
    assert not lane.busy and await first
    with pytest.raises(ZeroDivisionError):
        await second
    lane.close()


async def test_waiting_for_an_idle_lane_may_be_given_up():
    lane, go = Lane("finals"), threading.Event()
    running = asyncio.ensure_future(lane.run(lambda: go.wait(20)))
    await asyncio.sleep(0)
    idle = asyncio.ensure_future(lane.idle())
    await asyncio.sleep(0)
    idle.cancel()
    with pytest.raises(asyncio.CancelledError):
        await idle
    go.set()
    assert await running
    lane.close()


async def test_a_scripted_recording_is_one_segment():
    script = Script(ScriptedTranscriber(engine="scripted", transcripts=("one two",)))
    loud = np.full(16_000, 9_000, "<i2").tobytes()
    (found,) = [one async for one in script.recorded(loud, 8_000)]
    assert (found.text, found.start_s, found.end_s) == ("one two", 0.0, 2.0)
    assert [(word.text, word.start_s) for word in found.words] == [("one", 0.0), ("two", 1.0)]
    assert [one async for one in script.recorded(bytes(16_000), 8_000)] == []


def test_an_endpoints_segments_and_words():
    answer = {
        "text": "One. Two.",
        "language": "english",
        "segments": [
            {"text": " One.", "start": 0.5, "end": 1, "avg_logprob": -0.1, "tokens": [5]},
            {"text": " Two.", "start": 1, "end": 2},
            {"text": " ", "start": 2, "end": 3},
        ],
        "words": [
            {"word": " One", "start": 0.4, "end": 0.9},
            {"word": "Two", "start": 1.0, "end": 2.0},
        ],
    }
    one, two = segments_of(answer, 3)
    assert (one.text, one.start_s, one.tokens, one.avg_logprob) == ("One.", 0.5, (5,), -0.1)
    assert [word.text for word in one.words] == ["One"]
    assert [word.text for word in two.words] == ["Two"]
    (whole,) = segments_of({"text": "One."}, 3)
    assert (whole.start_s, whole.end_s) == (0.0, 3)
    assert segments_of({"text": ""}, 3) == []


@pytest.mark.parametrize(
    "answer", [{}, {"text": 1}, {"text": "a", "segments": [{}]}, {"text": "a", "segments": [3]}]
)
def test_what_is_no_transcription_is_the_endpoints_failure(answer):
    with pytest.raises(BackendError) as caught:
        segments_of(answer, 3)
    assert caught.value.failure is FailureClass.SERVER


def test_an_endpoint_is_asked_for_what_is_needed():
    assert dict(fields_of("m", OPTIONS))["response_format"] == "verbose_json"
    asked = fields_of("m", RecordingOptions("en", "Hi", 0.2, True))
    assert {("language", "en"), ("prompt", "Hi"), ("temperature", "0.2")} <= set(asked)
    assert ("timestamp_granularities[]", "word") in asked


async def test_a_recording_goes_to_an_endpoint_as_a_form():
    heard = {}

    async def answer(request: Request):
        async with request.form() as form:
            heard.update(granularities=form.getlist("timestamp_granularities[]"))
            heard.update({name: form[name] for name in ("model", "response_format", "prompt")})
        return JSONResponse({"text": "One.", "segments": [{"text": "One.", "start": 0, "end": 1}]})

    recording = Audio(np.arange(-400, 400, dtype=np.int16), 8_000)
    options = RecordingOptions(prompt="Zero.", word_times=True)
    async with serving(answer) as section, client_of(section, "k") as client:
        told = EndpointTranscriber(client, "w").recorded(recording, options, deadline_s=30)
        assert [(one.text, one.end_s) for one in [one async for one in told]] == [("One.", 1.0)]
        assert await EndpointSynthesizer(client, "t").voices(deadline_s=30) == ()
    assert heard == {
        "granularities": ["segment", "word"],
        "model": "w",
        "response_format": "verbose_json",
        "prompt": "Zero.",
    }


async def test_an_endpoint_that_is_late_is_a_timeout():
    async def answer(request: Request):
        await asyncio.Event().wait()

    recording = Audio(np.zeros(800, np.int16), 8_000)
    async with serving(answer) as section, client_of(section, "k") as client:
        with pytest.raises(BackendError) as caught:
            told = EndpointTranscriber(client, "w").recorded(recording, OPTIONS, deadline_s=0.1)
            assert [one async for one in told]
    assert caught.value.failure is FailureClass.TIMEOUT
