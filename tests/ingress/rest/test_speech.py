"""Text in, sound out, as OpenAI's own client asks for it."""

import base64
import io

import httpx
import numpy as np
import openai
import pytest
import soundfile

from audio.decoding import decoded
from conversation.fallbacks import FailureClass
from ingress.backends import BackendError
from tests.ingress.rest.app import built, raw_post, served, strict
from tests.ingress.server import TIMEOUT_S, serving

TEXT = "This is a sentence of eight words here. And another one follows it at once."
SECONDS = 15 * 0.06


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_every_format_holds_the_same_sound(form):
    with served() as (client, engines):
        speech = strict(client).audio.speech
        found = speech.create(model="tts-1", voice="af_heart", input=TEXT, response_format=form)
        file = found.content
        if form == "pcm":
            seconds, loudest = len(file) / 48_000, np.abs(np.frombuffer(file, "<i2")).max()
        else:
            sound = decoded(file, 24_000, 60)
            seconds, loudest = sound.seconds, np.abs(sound.samples).max()
        assert seconds == pytest.approx(SECONDS, abs=0.1)
        assert 6_000 < loudest < 12_000
        assert len(engines.asked) >= 2, "phrase by phrase"
        assert " ".join(phrase for phrase, _, _ in engines.asked) == TEXT


def test_a_wav_is_read_by_others_though_its_length_was_not_known():
    with served() as (client, _):
        body = {"input": TEXT, "response_format": "wav"}
        file = client.post("/v1/audio/speech", json=body).content
        samples, rate_hz = soundfile.read(io.BytesIO(file))
        assert rate_hz == 24_000 and len(samples) == pytest.approx(SECONDS * rate_hz, rel=0.01)


def test_the_first_sound_leaves_before_the_last_is_made():
    with served() as (client, engines):
        engines.hangs = True
        body = {"input": TEXT, "response_format": "pcm"}
        with client.stream("POST", "/v1/audio/speech", json=body) as answer:
            assert answer.headers["content-type"] == "audio/pcm"
            assert len(next(answer.iter_raw())) > 1_000
        assert engines.aborted.wait(TIMEOUT_S)


def test_sound_as_events():
    with served() as (client, _):
        body = {"input": TEXT, "response_format": "pcm", "stream_format": "sse"}
        found = client.post("/v1/audio/speech", json=body)
        assert found.headers["content-type"].startswith("text/event-stream")
        told = [httpx.Response(200, content=e[6:]).json() for e in found.text.split("\n\n") if e]
        assert told[-1]["type"] == "speech.audio.done"
        pcm = b"".join(base64.b64decode(one["audio"]) for one in told[:-1])
        assert len(pcm) / 48_000 == pytest.approx(SECONDS, abs=0.01)


def test_voices_and_speed():
    with served() as (client, engines):
        speech = strict(client).audio.speech
        for asked, spoken in (
            ("am_michael", "am_michael"),
            ("alloy", "af_heart"),
            ({"id": "bf_emma"}, "bf_emma"),
        ):
            speech.create(model="m", voice=asked, input="Hi.", speed=1.5)
            assert engines.asked[-1][1].name == spoken
            assert engines.asked[-1][1].speed == 1.5
        client.post("/v1/audio/speech", json={"input": "Hi."})
        assert engines.asked[-1][1].name == "af_heart"
        with pytest.raises(openai.BadRequestError, match="af_heart, am_michael, bf_emma"):
            speech.create(model="m", voice="darth_vader", input="Hi.")
        found = client.get("/v1/audio/voices").json()["data"]
        assert [voice["id"] for voice in found] == ["af_heart", "am_michael", "bf_emma"]


def test_where_no_voices_are_told_the_synthesizer_says_which_it_does_not_know():
    with served(tts={"engine": "scripted", "voices": []}) as (client, engines):
        found = client.get("/v1/audio/voices").json()["data"]
        assert [voice["id"] for voice in found] == ["af_heart"]
        client.post("/v1/audio/speech", json={"input": "Hi.", "voice": "alloy"})
        assert engines.asked[-1][1].name == "alloy"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": "x" * 4_097}, "input"),
        ({"input": "..."}, "input"),
        ({"input": "\U0001f600"}, "input"),
        ({"input": "Hi.", "response_format": "midi"}, "response_format"),
        ({"input": "Hi.", "speed": 9}, "speed"),
        ({"input": "Hi.", "stream_format": "video"}, "stream_format"),
        ({"input": "Hi.", "voice": 7}, "voice"),
        ({"input": "Hi.", "voice": {"name": "x"}}, "voice"),
    ],
)
def test_a_field_that_does_not_fit_is_named(body, param):
    with served() as (client, engines):
        found = client.post("/v1/audio/speech", json=body)
        assert found.status_code == 400
        assert found.json()["error"]["param"] == param
        assert not engines.asked


@pytest.mark.parametrize("voice", ['"\\ud800"', '{"id": "\\ud800"}'])
def test_half_of_a_surrogate_pair_is_no_voice(voice):
    with served(tts={"engine": "scripted", "voices": []}) as (client, engines):
        json_type = {"Content-Type": "application/json"}
        body = f'{{"input": "Hi.", "voice": {voice}}}'
        found = client.post("/v1/audio/speech", content=body, headers=json_type)
        assert found.status_code == 400
        assert not engines.asked


def test_while_the_synthesizer_loads_no_voice_is_called_wrong():
    app, engines = built()
    engines.failure = BackendError(FailureClass.SERVER, "loading")
    with serving(app) as client:
        found = client.post("/v1/audio/speech", json={"input": "Hi.", "voice": "alloy"})
        assert (found.status_code, found.json()["error"]["code"]) == (503, "loading")


def test_a_failure_before_the_first_sound_has_a_status():
    with served() as (client, engines):
        engines.failure = BackendError(FailureClass.TIMEOUT, "too slow")
        assert client.post("/v1/audio/speech", json={"input": TEXT}).status_code == 504


def test_a_failure_in_the_middle_cuts_the_file_off():
    with served() as (client, engines):
        engines.breaks = BackendError(FailureClass.SERVER, "out of memory")
        body = {"input": TEXT, "response_format": "pcm"}
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/v1/audio/speech", json=body)
        found = client.post("/v1/audio/speech", json=body | {"stream_format": "sse"})
        assert '"error"' in found.text.split("\n\n")[-2]
        assert client.get("/v1/models").status_code == 200


def test_the_synthesizer_stops_when_its_client_goes():
    with served() as (client, engines):
        engines.stalls = True
        with raw_post(client, "/v1/audio/speech", {"input": TEXT}):
            assert engines.begun.wait(TIMEOUT_S)
        assert engines.aborted.wait(TIMEOUT_S)
