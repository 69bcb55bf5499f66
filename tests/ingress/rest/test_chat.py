"""Chat completions and models, as OpenAI's own client asks for them."""

from types import NoneType
from typing import get_args, get_type_hints

import openai
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

from configs.agents import Sampling
from configs.schema import Stack
from conversation.fallbacks import FailureClass
from ingress.backends import BackendError
from ingress.rest.models import models_of
from tests.ingress.rest.app import KEY, SETTINGS, raw_post, served, strict
from tests.ingress.server import TIMEOUT_S

HELLO = [{"role": "user", "content": "Hello."}]
TOOLS = [
    {
        "type": "function",
        "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
    }
]


def test_the_agents_and_the_models_behind_them_are_listed():
    agents = {"default": {"prompt": "Be brief."}, "sales": {"prompt": "Sell."}}
    with served(agents=agents) as (client, _):
        found = strict(client).models.list().data
        assert [model.id for model in found if model.owned_by == "parley"] == ["default", "sales"]
        assert {"scripted-transcriber", "scripted-synthesizer"} <= {model.id for model in found}
        assert strict(client).models.retrieve("sales").id == "sales"
        with pytest.raises(openai.NotFoundError) as caught:
            strict(client).models.retrieve("gpt-5")
        assert caught.value.code == "model_not_found"


def test_a_chat_is_answered_whole_and_in_pieces():
    with served() as (client, engines):
        chat = strict(client).chat.completions
        whole = chat.create(model="any-name", messages=HELLO, temperature=0.5, seed=1)
        assert whole.choices[0].message.content == "You said: Hello."
        body, deadline_s = engines.asked[-1]
        assert body["seed"] == 1 and deadline_s == 60
        chunks = list(
            chat.create(
                model="default",
                messages=HELLO,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(texts) == "You said: Hello." and len(texts) > 2
        assert chunks[-1].usage


def test_every_field_that_may_be_null_may_be_null():
    """By the types of OpenAI's own library; null says no more than leaving the field out."""
    fields = get_type_hints(CompletionCreateParamsNonStreaming)
    nulls = {name: None for name, kind in fields.items() if NoneType in get_args(kind)}
    assert {"stream", "stream_options", "stop", "temperature", "n", "seed"} <= nulls.keys()
    with served() as (client, engines):
        chat = strict(client).chat.completions
        whole = chat.create(model="m", messages=HELLO, tools=None, tool_choice=None, **nulls)
        assert whole.choices[0].message.content == "You said: Hello."
        body, _ = engines.asked[-1]
        assert None not in body.values() and body["temperature"] == Sampling().temperature


def test_a_tool_is_called_and_its_result_is_spoken_of():
    with served() as (client, _):
        chat = strict(client).chat.completions
        asked = [*HELLO, {"role": "assistant", "content": "Yes?"}, *HELLO]
        for stream in (False, True):
            answer = chat.create(model="m", messages=asked, tools=TOOLS, stream=stream)
            choices = [
                getattr(choice, "delta" if stream else "message")
                for chunk in (answer if stream else [answer])
                for choice in chunk.choices
            ]
            call = next(c.tool_calls[0] for c in choices if c.tool_calls)
            assert call.function.name == "get_weather"
        told = [
            *asked,
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": "{}"},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
        ]
        answer = chat.create(model="m", messages=told, tools=TOOLS)
        assert answer.choices[0].message.content == "It is sunny."


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": "Hello."}, "messages"),
        ({"model": "m", "messages": [{"content": "Hello."}]}, "messages.0.role"),
        ({"model": "m", "messages": HELLO, "stream": "perhaps"}, "stream"),
        ([1], None),
        ("text", None),
    ],
)
def test_a_body_that_does_not_fit_names_the_field(body, param):
    with served() as (client, engines):
        found = client.post("/v1/chat/completions", json=body)
        assert found.status_code == 400
        assert found.json()["error"]["param"] == param
        assert found.json()["error"]["type"] == "invalid_request_error"
        assert not engines.asked


def test_a_body_that_is_no_json_is_told_so():
    with served() as (client, _):
        for content in (b"{", b"\xff\xfe", b""):
            headers = {"Content-Type": "application/json"}
            found = client.post("/v1/chat/completions", content=content, headers=headers)
            assert found.status_code == 400, content
            assert found.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("content", [b'{"model": "m", "messages": []}', b""])
@pytest.mark.parametrize("path", ["chat/completions", "audio/speech", "realtime/client_secrets"])
def test_a_body_that_does_not_say_it_is_json_is_told_what_is_wanted(path, content, kind):
    with served() as (client, _):
        headers = {"Content-Type": kind} if kind else {}
        found = client.post(f"/v1/{path}", content=content, headers=headers)
        assert found.status_code == 400
        error = found.json()["error"]
        assert "a JSON object" in error["message"]
        assert "Content-Type: application/json" in error["message"]


def test_a_path_that_is_not_there_is_told_in_openais_shape():
    with served() as (client, _):
        for method, path in (("GET", "/v1/nothing"), ("POST", "/v1/embeddings")):
            found = client.request(method, path)
            assert found.status_code == 404
            error = found.json()["error"]
            assert (error["type"], error["code"]) == ("invalid_request_error", "unknown_url")
            assert f"{method} {path}" in error["message"]


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (FailureClass.INVALID, 400),
        (FailureClass.RATE_LIMIT, 429),
        (FailureClass.TIMEOUT, 504),
        (FailureClass.NETWORK, 503),
        (FailureClass.SERVER, 502),
        (FailureClass.AUTH, 502),
        (FailureClass.UNKNOWN, 502),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_models_failure_has_a_status_of_its_own(failure, status, stream):
    with served() as (client, engines):
        engines.failure = BackendError(failure, "it is so")
        body = {"model": "m", "messages": HELLO, "stream": stream}
        found = client.post("/v1/chat/completions", json=body)
        assert found.status_code == status
        assert "it is so" in found.json()["error"]["message"]
        assert found.json()["error"]["code"] == failure.value


def test_a_failure_in_the_middle_of_a_stream_is_its_last_event():
    with served() as (client, engines):
        engines.breaks = BackendError(FailureClass.SERVER, "out of memory")
        with pytest.raises(openai.APIError, match="out of memory"):
            list(strict(client).chat.completions.create(model="m", messages=HELLO, stream=True))


@pytest.mark.parametrize("stream", [False, True])
def test_the_model_stops_when_its_client_goes(stream):
    with served() as (client, engines):
        engines.stalls, engines.hangs = not stream, stream
        body = {"model": "m", "messages": HELLO, "stream": stream}
        with raw_post(client, "/v1/chat/completions", body):
            assert engines.begun.wait(TIMEOUT_S)
        assert engines.aborted.wait(TIMEOUT_S)


def test_keys_are_asked_for_where_they_are_configured():
    with served(keys=(KEY,)) as (client, _):
        assert strict(client).models.list().data
        with pytest.raises(openai.AuthenticationError) as caught:
            strict(client, "another-key-altogether").models.list()
        assert caught.value.code == "invalid_api_key"


def test_a_client_secret_is_minted_for_a_session():
    with served(keys=(KEY,)) as (client, _):
        secrets = strict(client).realtime.client_secrets
        session = {"type": "realtime", "model": "default", "instructions": "Be brief."}
        made = secrets.create(session=session)
        assert made.value.startswith("ek_") and made.session.model == "default"
        assert made.session.instructions == "Be brief." and made.session.id.startswith("sess_")
        longer = secrets.create(expires_after={"anchor": "created_at", "seconds": 600})
        assert longer.expires_at - made.expires_at in range(538, 543)
        with pytest.raises(openai.BadRequestError, match=r"session\.update"):
            secrets.create(session=session | {"instructions": "".join(map(str, range(5_000)))})
        with pytest.raises(openai.BadRequestError, match="seconds"):
            secrets.create(expires_after={"anchor": "created_at", "seconds": 1})
        with pytest.raises(openai.BadRequestError, match=r"session\.type"):
            secrets.create(session={"type": "transcription"})
        with pytest.raises(openai.AuthenticationError, match="Realtime sessions only"):
            strict(client, made.value).realtime.client_secrets.create()


def test_the_documentation_needs_no_other_server():
    with served() as (client, _):
        page = client.get("/docs").text
        assert "http://" not in page and "https://" not in page
        for path in ("/v1/chat/completions", "/v1/audio/speech", "/v1/audio/transcriptions"):
            assert path in client.get("/openapi.json").json()["paths"]


def test_a_name_is_told_for_every_kind_of_model():
    sections = {
        "stt": {"engine": "whisper", "model": ".weights/whisper-tiny.en"},
        "llm": {"engine": "vllm", "model": "google/gemma-3-27b-it"},
        "tts": {"engine": "kokoro", "model": "/models/kokoro-82m/"},
    }
    stack = Stack.model_validate(SETTINGS | sections)
    assert [(model.id, model.owned_by) for model in models_of(stack)] == [
        ("whisper-tiny.en", "whisper"),
        ("google/gemma-3-27b-it", "vllm"),
        ("kokoro-82m", "kokoro"),
        ("default", "parley"),
    ]
