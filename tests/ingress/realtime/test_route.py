"""`WS /v1/realtime` under uvicorn: who is let in and how, and a spoken turn by openai-python."""

import asyncio
import base64
import json
from contextlib import contextmanager

import pytest
import websockets.sync.client
from openai import AsyncOpenAI
from websockets.exceptions import ConnectionClosed, InvalidStatus

from configs.schema import Stack
from ingress.app import create_app
from ingress.client_secrets import ClientSecrets
from ingress.security import Secrets
from tests.ingress.line import Counts, Models
from tests.ingress.realtime.peer import SPEECH
from tests.ingress.server import serving
from tests.ingress.test_app import until_ready

SCRIPTED = {"engine": "scripted"}
BRIEF = {"prompt": "Be brief.", "phrase_markers": False}
AGENTS = {
    "default": BRIEF,
    "named": {**BRIEF, "prompt": "Be {mood}."},
    "loud": {**BRIEF, "prompt": "Be loud."},
}
FAR = 4_000_000_000


def app_of(models=None, keys=(), metrics=None, **changes):
    settings = {"stt": SCRIPTED, "llm": SCRIPTED, "tts": SCRIPTED, "agents": AGENTS, **changes}
    return create_app(
        Stack.model_validate(settings),
        (models or Models()).backends,
        metrics or Counts(),
        secrets=Secrets(api_keys=keys),
        proxy="haproxy",
        replica="r1",
    )


@contextmanager
def served(*given, **changes):
    with serving(app_of(*given, **changes)) as client:
        yield until_ready(client)


def connected(client, query="", subprotocols=None, **headers):
    url = f"ws://{client.base_url.netloc.decode()}/v1/realtime{query}"
    return websockets.sync.client.connect(
        url, subprotocols=subprotocols, additional_headers=headers
    )


def receive(socket):
    return json.loads(socket.recv(timeout=20))


async def test_openai_python_holds_a_spoken_turn():
    with served(Models(transcripts=["what is two"])) as client:
        base = f"http://{client.base_url.netloc.decode()}/v1"
        openai = AsyncOpenAI(api_key="any", base_url=base)
        async with openai.realtime.connect(model="default") as connection, asyncio.timeout(30):
            voice = base64.b64encode(SPEECH + bytes(48_000)).decode()
            await connection.input_audio_buffer.append(audio=voice)
            sound = 0
            async for event in connection:
                if event.type == "response.output_audio.delta":
                    sound += len(base64.b64decode(event.delta))
                if event.type == "response.done":
                    said = event.response.output[0].content[0].transcript
                    break
        await openai.close()
    assert said == "It is one. It is two then. It is three now."
    assert sound == 2 * 4_800  # two phrases


def test_a_message_that_is_too_long_ends_the_connection():
    with served() as client, connected(client) as socket:
        assert receive(socket)["type"] == "session.created"
        audio = "A" * (16 * 1024 * 1024)
        with pytest.raises(ConnectionClosed) as closed:
            socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
            receive(socket)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


def test_an_agent_is_chosen_by_its_name():
    with served() as client:
        for query, prompt in (("", "brief"), ("?model=loud", "loud"), ("?model=gpt-9", "brief")):
            with connected(client, query) as socket:
                session = receive(socket)["session"]
            assert session["instructions"] == f"Be {prompt}."
        assert session["model"] == "gpt-9"


def test_a_browser_is_given_its_subprotocol():
    with served(keys=("k1",)) as client:
        offered = ["realtime", "openai-insecure-api-key.k1"]
        with connected(client, subprotocols=offered) as socket:
            assert socket.subprotocol == "realtime"
            assert receive(socket)["type"] == "session.created"


def test_a_client_secret_brings_its_session():
    with served(keys=("k1",)) as client:
        asked = {"session": {"type": "realtime", "model": "loud", "output_modalities": ["text"]}}
        headers = {"Authorization": "Bearer k1"}
        minted = client.post("/v1/realtime/client_secrets", json=asked, headers=headers).json()
        with connected(client, Authorization=f"Bearer {minted['value']}") as socket:
            session = receive(socket)["session"]
    assert (session["instructions"], session["output_modalities"]) == ("Be loud.", ["text"])


def test_a_client_secret_opens_no_other_agent():
    secret = ClientSecrets(("k1",)).issue({"model": "default"}, FAR)
    bearer = {"Authorization": f"Bearer {secret}"}
    with served(keys=("k1",)) as client, connected(client, "?model=loud", **bearer) as socket:
        assert receive(socket)["session"]["instructions"] == "Be brief."


def status_of(client, query="", **headers):
    with pytest.raises(InvalidStatus) as refusal, connected(client, query, **headers):
        pass
    response = refusal.value.response
    return response.status_code, json.loads(response.body)["error"]


def test_a_request_without_an_upgrade_is_told_that_it_is_a_websocket():
    with served() as client:
        found = client.get("/v1/realtime?model=default")
        assert found.status_code == 426 and found.headers["upgrade"] == "websocket"
        error = found.json()["error"]
        assert error["code"] == "upgrade_required" and "WebSocket" in error["message"]


def test_who_is_not_let_in_is_told_by_the_status():
    bad = ClientSecrets(("k1",)).issue({"output_modalities": ["smell"]}, FAR)
    metrics = Counts()
    with served(keys=("k1",), ingress={"max_calls": 1}, metrics=metrics) as client:
        key = {"Authorization": "Bearer k1"}
        assert status_of(client)[0] == 401
        status, error = status_of(client, Authorization=f"Bearer {bad}")
        assert (status, error["param"]) == (400, "session.output_modalities.0")
        status, error = status_of(client, "?model=named", **key)
        assert status == 400 and "mood" in error["message"]
        with connected(client, **key) as first:
            receive(first)
            status, error = status_of(client, **key)
            assert (status, error["code"]) == (503, "server_busy")
            assert metrics.of("parley_calls_total") == [{"outcome": "refused"}] * 3


@pytest.mark.parametrize(
    ("query", "code", "says"), [("", 1013, "all lines are"), ("?model=named", 1008, "no value for")]
)
def test_a_browser_is_told_by_the_close_code(query, code, says):
    """Its page never sees a status."""
    with served(ingress={"max_calls": 1}) as client, connected(client) as first:
        receive(first)
        origin = str(client.base_url).rstrip("/")
        with (
            connected(client, query, Origin=origin, subprotocols=["realtime"]) as second,
            pytest.raises(ConnectionClosed) as end,
        ):
            receive(second)
    assert end.value.rcvd.code == code
    assert end.value.rcvd.reason.startswith(says)


def test_a_call_is_counted_until_it_ends():
    metrics = Counts()
    with served(metrics=metrics) as client:
        with connected(client) as socket:
            receive(socket)
            assert client.get("/health").json()["active_calls"] == 1
        for _ in range(1_000):
            if not client.get("/health").json()["active_calls"]:
                break
    assert metrics.of("parley_calls_total") == [{"outcome": "completed"}]
