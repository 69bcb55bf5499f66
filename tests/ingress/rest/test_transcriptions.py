"""Recordings in every form, and what is no recording, as OpenAI's own client sends them."""

import io
import json
import socket
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest

from audio.encoding import encoder_of
from conversation.fallbacks import FailureClass
from ingress.backends import BackendError
from tests.ingress.line import recorded
from tests.ingress.rest.app import served, strict
from tests.ingress.server import TIMEOUT_S

PATH = Path(__file__).parents[2] / "data" / "librivox-0880.wav"
WAV = PATH.read_bytes()
SECONDS = recorded().seconds
SAID = "What is the capital of Germany?"


def post(client: httpx.Client, file: bytes = WAV, **fields):
    files = {"file": ("speech.wav", file)}
    return client.post("/v1/audio/transcriptions", files=files, data={"model": "m"} | fields)


def test_json_text_and_the_file_as_the_engine_gets_it():
    with served() as (client, engines):
        ask = strict(client).audio.transcriptions
        found = ask.create(model="whisper-1", file=PATH, language="en", prompt="A quiz.")
        assert found.text == SAID and found.usage.seconds == pytest.approx(SECONDS, abs=0.01)
        recording, options, deadline_s = engines.asked[-1]
        assert recording.rate_hz == 16_000
        assert recording.seconds == pytest.approx(SECONDS, abs=0.01)
        assert (options.language, options.prompt) == ("en", "A quiz.")
        assert deadline_s == pytest.approx(30 + SECONDS, abs=0.1)
        assert ask.create(model="m", file=PATH, response_format="text") == SAID + "\n"


def test_times_of_segments_and_words():
    with served() as (client, _):
        ask = strict(client).audio.transcriptions
        plain = ask.create(model="m", file=PATH, response_format="verbose_json")
        assert (plain.language, plain.words) == ("en", None)
        assert plain.duration == pytest.approx(SECONDS, abs=0.01)
        assert [(one.id, one.text, one.start) for one in plain.segments] == [(0, SAID, 0.0)]
        words = ask.create(
            model="m", file=PATH, response_format="verbose_json", timestamp_granularities=["word"]
        )
        assert words.segments is None
        assert [word.word for word in words.words] == SAID.split()
        assert words.words[-1].end == pytest.approx(SECONDS, abs=0.01)
        both = ask.create(
            model="m",
            file=PATH,
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
        assert both.words and both.segments
        none = post(client, **{"response_format": "verbose_json", "timestamp_granularities[]": ""})
        assert none.json() == post(client, response_format="verbose_json").json()


def test_subtitles():
    with served() as (client, _):
        ask = strict(client).audio.transcriptions
        ms = f"{round(SECONDS * 1000) % 1000:03}"
        srt = ask.create(model="m", file=PATH, response_format="srt")
        assert srt == f"1\n00:00:00,000 --> 00:00:0{int(SECONDS)},{ms}\n{SAID}\n"
        vtt = ask.create(model="m", file=PATH, response_format="vtt")
        assert vtt == f"WEBVTT\n\n00:00:00.000 --> 00:00:0{int(SECONDS)}.{ms}\n{SAID}\n"


def test_a_transcript_is_streamed():
    with served() as (client, _):
        ask = strict(client).audio.transcriptions
        events = list(ask.create(model="m", file=PATH, stream=True))
        assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
        assert events[0].delta == events[1].text == SAID


def test_null_is_no_wish_for_a_stream():
    """`null` is how openai-node has its users write it in a form; openai-python leaves it out."""
    with served() as (client, _):
        ask = strict(client).audio.transcriptions
        assert ask.create(model="m", file=PATH, stream=None, chunking_strategy=None).text == SAID
        for null in ("null", ""):
            assert post(client, stream=null).json()["text"] == SAID


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac", "wav"])
def test_any_common_format_is_read(form):
    encoder = encoder_of(form, 24_000)
    sound = (8_000 * np.sin(np.arange(48_000) / 20)).astype(np.int16)
    file = encoder.push(sound) + encoder.finish()
    with served() as (client, engines):
        assert post(client, file).json()["text"] == SAID
        assert engines.asked[-1][0].seconds == pytest.approx(2, abs=0.1)


def wav_of(samples: np.ndarray, rate_hz: int = 16_000, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def test_silence_is_no_error():
    with served() as (client, _):
        silence = wav_of(np.zeros(16_000))
        assert post(client, silence).json()["text"] == ""
        assert post(client, silence, response_format="srt").text == ""
        assert post(client, silence, response_format="vtt").text == "WEBVTT\n"
        assert post(client, silence, response_format="verbose_json").json()["segments"] == []
        streamed = post(client, silence, stream="true").text
        assert json.loads(streamed.removeprefix("data: "))["type"] == "transcript.text.done"


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"RIFF",
        WAV[:44],
        wav_of(np.zeros(0)),
        wav_of(np.zeros(16_000), channels=200),
        wav_of(np.zeros(16_000), rate_hz=2**31 - 1),
        b"This is a letter and no sound. " * 100,
        b"\x89PNG\r\n\x1a\n" + bytes(1_000),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n" + str(PATH).encode(),
        b"ffconcat version 1.0\nfile " + str(PATH).encode(),
    ],
)
def test_what_is_no_audio_is_400(file):
    with served() as (client, engines):
        found = post(client, file)
        assert found.status_code == 400
        assert found.json()["error"]["param"] == "file"
        assert not engines.asked


def test_a_file_that_breaks_off_is_heard_as_far_as_it_goes():
    with served() as (client, engines):
        assert post(client, WAV[: len(WAV) // 2]).status_code == 200
        assert engines.asked[-1][0].seconds == pytest.approx(SECONDS / 2, abs=0.1)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "docx"}, "response_format"),
        ({"temperature": "2"}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"timestamp_granularities[]": "syllable"}, "timestamp_granularities[].0"),
        ({"stream": "perhaps"}, "stream"),
    ],
)
def test_a_field_that_does_not_fit_is_named(fields, param):
    with served() as (client, _):
        found = post(client, **fields)
        assert found.status_code == 400
        assert found.json()["error"]["param"] == param


@pytest.mark.parametrize("name", ["language", "prompt"])
def test_what_is_no_text_is_refused(name):
    """Half of a surrogate pair, which UTF-8 cannot write; the client names a form's charset."""
    head = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    silence = wav_of(np.zeros(16_000))
    parts = [head.format("file", '; filename="speech.wav"').encode(), silence, b"\r\n"]
    parts.append((head.format(name, "") + "\\ud800\r\n--x--\r\n").encode())
    kind = {"Content-Type": "multipart/form-data; boundary=x; charset=unicode_escape"}
    with served() as (client, engines):
        body = b"".join(parts)
        found = client.post("/v1/audio/transcriptions", content=body, headers=kind)
        assert found.status_code == 400 and found.json()["error"]["param"] == name
        assert not engines.asked


def test_a_file_is_needed_and_must_be_one():
    with served() as (client, _):
        for request in (
            {"data": {"model": "m"}},
            {"data": {"model": "m", "file": "a text"}},
            {"json": {"model": "m"}},
            {"content": b"--x--", "headers": {"Content-Type": "multipart/form-data"}},
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        ):
            found = client.post("/v1/audio/transcriptions", **request)
            assert found.status_code == 400, request
            assert found.json()["error"]["type"] == "invalid_request_error"
        text = client.post("/v1/audio/transcriptions", data={"file": "a text"}).json()["error"]
        assert (text["message"], text["param"]) == ("file: must be an uploaded file", "file")


def test_a_recording_is_bounded_in_bytes_and_in_seconds():
    with served(api={"max_body_mb": 0.05}) as (client, _):
        found = post(client)
        assert found.status_code == 413
        with pytest.raises(openai.APIStatusError) as caught:
            strict(client).audio.transcriptions.create(model="m", file=PATH)
        assert caught.value.code == "request_too_large"
    with served(api={"max_audio_s": 1}) as (client, engines):
        found = post(client)
        assert found.status_code == 400
        assert found.json()["error"]["code"] == "audio_too_long"
        assert not engines.asked


@pytest.mark.parametrize("stream", ["false", "true"])
def test_a_models_failure_and_a_client_that_leaves(stream):
    with served() as (client, engines):
        engines.failure = BackendError(FailureClass.NETWORK, "no replica")
        assert post(client, stream=stream).status_code == 503
        engines.failure, engines.stalls = None, True
        form = {"files": {"file": WAV}, "data": {"model": "m", "stream": stream}}
        with unread(client.build_request("POST", "/v1/audio/transcriptions", **form)):
            assert engines.begun.wait(TIMEOUT_S) and not engines.aborted.is_set()
        assert engines.aborted.wait(TIMEOUT_S)


@contextmanager
def unread(request: httpx.Request) -> Iterator[None]:
    """Its answer is read by nobody; the client leaves when the block ends."""
    head = [f"POST {request.url.raw_path.decode()} HTTP/1.1".encode()]
    head += [b": ".join(header) for header in request.headers.raw]
    with socket.create_connection((request.url.host, request.url.port), TIMEOUT_S) as raw:
        raw.sendall(b"\r\n".join([*head, b"", request.read()]))
        yield
