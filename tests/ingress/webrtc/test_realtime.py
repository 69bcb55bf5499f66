"""A Realtime call over WebRTC: the real app, voice activity and codec, scripted models."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from audio.pcm import Audio
from configs.schema import Stack
from ingress.app import create_app
from ingress.client_secrets import ClientSecrets
from ingress.security import Secrets
from tests.ingress.line import Counts, Models, recorded
from tests.ingress.server import serving
from tests.ingress.test_app import until_ready
from tests.ingress.webrtc.peer import Caller


class Singing(Models):
    """Opus lets no constant through, which is what `Models` says."""

    async def synthesize(self, phrase, voice, *, deadline_s):
        async for speech in super().synthesize(phrase, voice, deadline_s=deadline_s):
            times_s = np.arange(len(speech.audio.samples)) / speech.audio.rate_hz
            tone = (9_000 * np.sin(2 * np.pi * 440 * times_s)).astype(np.int16)
            yield replace(speech, audio=Audio(tone, speech.audio.rate_hz))


SCRIPTED = {"engine": "scripted"}
SPEECH = recorded()
FAR = 4_000_000_000


@contextmanager
def served(models, keys=()):
    stack = Stack(
        stt=SCRIPTED, llm=SCRIPTED, tts=SCRIPTED,
        agents={"default": {"prompt": "Be brief.", "phrase_markers": False}},
    )  # fmt: skip
    app = create_app(
        stack, models.backends, Counts(), secrets=Secrets(api_keys=keys), proxy="none", replica="r"
    )
    with serving(app) as client:
        yield until_ready(client)


async def test_a_spoken_turn():
    with served(Singing(transcripts=["what is two"], phrase_s=0.5)) as client:
        async with Caller(str(client.base_url), model="default") as caller:
            caller.send(
                {
                    "type": "session.update",
                    "session": {
                        "type": "realtime",
                        "audio": {"input": {"transcription": {"model": "whisper-1"}}},
                    },
                }
            )
            await caller.until(lambda one: one.of("session.updated"))
            caller.say(SPEECH)
            await caller.until(lambda one: one.of("output_audio_buffer.stopped"))
            await caller.until(lambda one: one.silent)  # a busy caller decodes later
    kinds = [event["type"] for event in caller.events]
    assert kinds[:2] == ["session.created", "session.updated"]
    for before, after in (
        ("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"),
        ("response.created", "output_audio_buffer.started"),
        ("output_audio_buffer.started", "response.done"),
        ("response.done", "output_audio_buffer.stopped"),
    ):
        assert kinds.index(before) < kinds.index(after)
    assert "response.output_audio.delta" not in kinds
    (heard,) = caller.of("conversation.item.input_audio_transcription.completed")
    assert heard["transcript"] == "what is two"
    (said,) = caller.of("response.output_audio_transcript.done")
    assert said["transcript"] == "It is one. It is two then. It is three now."
    assert 0.8 < caller.heard_s < 1.3  # two phrases of 0.5 s


async def test_a_voice_silences_the_agent():
    models = Singing(replies=["one two three four five six seven eight nine ten"], phrase_s=8)
    with served(models) as client:
        async with Caller(str(client.base_url)) as caller:
            await caller.until(lambda one: one.of("session.created"))
            caller.say(SPEECH)
            await caller.until(lambda one: one.heard_s > 0.3)
            caller.say(SPEECH)
            await caller.until(lambda one: one.of("output_audio_buffer.cleared"))
            await caller.until(lambda one: one.of("response.done"))
            done = caller.of("response.done")[0]["response"]
            assert done["status"] == "cancelled"
            caller.heard.clear()
            await caller.until(lambda one: one.silent)
            assert caller.heard_s < 2  # of 8: what a busy caller had not decoded yet


async def test_a_voice_that_is_taken_back_ended_later_than_it_began():
    with served(Models()) as client:
        async with Caller(str(client.base_url)) as caller:
            await caller.until(lambda one: one.of("session.created"))
            caller.say(SPEECH)
            await caller.until(lambda one: one.of("input_audio_buffer.speech_started"))
            caller.send({"type": "input_audio_buffer.clear"})
            await caller.until(lambda one: one.of("input_audio_buffer.cleared"))
    began = caller.of("input_audio_buffer.speech_started")[0]["audio_start_ms"]
    ended = caller.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
    assert began + 100 <= ended  # as long as it takes to be sure of a voice


async def test_a_client_secret_opens_a_call_with_its_session():
    keys = ("sk-one",)
    session = {"type": "realtime", "model": "default", "instructions": "Sing."}
    session["audio"] = {"output": {"speed": 1.25}}
    token = ClientSecrets(keys).issue(session, FAR)
    with served(Models(), keys) as client:
        refused = client.post("/v1/realtime/calls", content="v=0")
        assert refused.status_code == 401
        url, allowed = str(client.base_url), {"Authorization": f"Bearer {token}"}
        async with Caller(url, headers=allowed) as caller:
            await caller.until(lambda one: one.of("session.created"))
        assert caller.events[0]["session"]["instructions"] == "Sing."
        mine = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        async with Caller(url, headers=allowed, session=mine) as caller:
            await caller.until(lambda one: one.of("session.created"))
        told = caller.events[0]["session"]
        assert told["audio"]["input"]["turn_detection"] is None
        assert told["audio"]["output"]["speed"] == 1.25 and told["instructions"] == "Sing."


async def test_a_session_that_does_not_fit_is_refused():
    session = {"type": "realtime", "output_modalities": "loud"}
    with served(Models()) as client:
        caller = Caller(str(client.base_url), session=session)
        answer = await caller.post(await caller.offer())
        await caller.hang_up()
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert client.get("/health").json()["active_calls"] == 0


@pytest.mark.parametrize("charset", ["undefined", "idna", "unicode_escape", "nonsense"])
@pytest.mark.parametrize("field", ["sdp", "session"])
def test_a_form_in_a_charset_that_makes_no_text_of_it_is_refused(charset, field):
    fields = {"sdp": "no offer", "session": "{}"} | {field: r'{"a": "..\ud800"}'}
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    ]
    kind = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    with served(Models()) as client:
        body = "".join([*parts, "--x--\r\n"])
        answer = client.post("/v1/realtime/calls", content=body, headers=kind)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("levels", [101, 300, 900, 5_000])
def test_a_session_that_nests_too_deep_is_refused_before_the_offer_is_looked_at(levels):
    deep = '{"a": ' * levels + "1" + "}" * levels
    form = {"sdp": (None, "no offer"), "session": (None, deep)}
    with served(Models()) as client:
        answer = client.post("/v1/realtime/calls", files=form)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["type"], error["param"]) == ("invalid_request_error", "session")
        assert client.get("/health").json()["active_calls"] == 0
