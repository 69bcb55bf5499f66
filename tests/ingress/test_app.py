"""The routes of an ingress replica, under uvicorn, with scripted back-ends."""

import base64
import json
from contextlib import contextmanager
from xml.sax.saxutils import escape as escaped

import pytest
from twilio.request_validator import RequestValidator
from websockets.exceptions import InvalidStatus

from configs.agents import FALLBACK_LINES
from configs.schema import Stack
from conversation.fallbacks import FailureClass
from ingress.app import create_app
from ingress.backends import BackendError
from ingress.security import Secrets, StreamTokens, is_loopback
from tests.ingress.line import SPEECH, Counts, Models
from tests.ingress.server import serving
from tests.ingress.test_protocols_twilio import START

SCRIPTED = {"engine": "scripted"}
AGENTS = {"default": {"prompt": "Be brief.", "phrase_markers": False}}
TOKEN = "12345"
PUBLIC = {"twilio": {"public_url": "https://voice.example.com", "auth_token_env": "ANY"}}
FORM = {"CallSid": "CA1", "From": "+15550001", "To": "+15550002"}


@contextmanager
def served(models=None, token=None, metrics=None, proxy="haproxy", **changes):
    settings = {"stt": SCRIPTED, "llm": SCRIPTED, "tts": SCRIPTED, "agents": AGENTS, **changes}
    models = models or Models()
    app = create_app(
        Stack.model_validate(settings),
        models.backends,
        metrics or Counts(),
        secrets=Secrets(token),
        proxy=proxy,
        replica="r1",
    )
    with serving(app) as client:
        yield client


def ready(client):
    return client.get("/health").status_code == 200


def until_ready(client):
    for _ in range(1_000):
        if ready(client):
            return client
    raise AssertionError(client.get("/health").json())


def start(**parameters):
    body = {**START, "start": {**START["start"], "customParameters": parameters}}
    return json.dumps(body)


def play(socket, sound):
    for at in range(0, len(sound), 160):
        payload = base64.b64encode(sound[at : at + 160]).decode()
        body = {"event": "media", "streamSid": "MZ1", "media": {"payload": payload}}
        socket.send(json.dumps(body))


def test_health_tells_what_is_loading_until_every_model_has_answered():
    with served(Models(replies=[BackendError(FailureClass.SERVER, "still loading")])) as client:
        found = client.get("/health")
        assert found.status_code == 503 and found.json()["status"] == "loading"
        for _ in range(1_000):
            if set(client.get("/health").json()["waiting_for"]) == {"language model"}:
                break
        body = client.get("/health").json()
        assert "still loading" in body["waiting_for"]["language model"]
    with served() as client:
        until_ready(client)
        assert client.get("/health").json()["waiting_for"] == {}


def test_the_python_proxy_is_warned_of():
    with served(proxy="python") as client:
        assert "RAY_SERVE_ENABLE_HA_PROXY=1" in client.get("/health").json()["warning"]


def test_voice_answers_twiml_with_the_calls_parameters():
    with served() as client:
        until_ready(client)
        found = client.post("/twilio/voice?name=Ada", data=FORM)
    assert found.headers["content-type"].startswith("text/xml")
    assert '<Connect><Stream url="ws://127.0.0.1:' in found.text
    for name, value in {"name": "Ada", "from": "+15550001", "agent": "default"}.items():
        assert f'<Parameter name="{name}" value="{value}" />' in found.text


def test_voice_needs_a_call_and_a_known_agent():
    with served() as client:
        assert client.post("/twilio/voice", data={}).status_code == 422
        found = client.post("/twilio/voice?agent=nobody", data=FORM)
        assert found.status_code == 422 and "default" in found.text


def test_public_url_builds_the_wss_address_and_signatures_are_verified():
    signature = RequestValidator(TOKEN).compute_signature(
        "https://voice.example.com/twilio/voice?name=Ada", FORM
    )
    with served(token=TOKEN, **PUBLIC) as client:
        until_ready(client)
        headers = {"X-Twilio-Signature": signature}
        found = client.post("/twilio/voice?name=Ada", data=FORM, headers=headers)
        assert '<Stream url="wss://voice.example.com/twilio/media">' in found.text
        assert "parley_token" in found.text
        forged = {**FORM, "From": "+1999"}
        assert (
            client.post("/twilio/voice?name=Ada", data=forged, headers=headers).status_code == 403
        )
        assert client.post("/twilio/voice?name=Bob", data=FORM, headers=headers).status_code == 403
        assert client.post("/twilio/voice?name=Ada", data=FORM).status_code == 403
        assert client.post("/twilio/status", data=FORM).status_code == 403


def test_status_callbacks_are_idempotent(caplog):
    caplog.set_level("INFO", "parley.call")
    with served() as client:
        for _ in range(3):
            body = {**FORM, "CallStatus": "completed"}
            assert client.post("/twilio/status", data=body).status_code == 204
    assert sum('"event":"status"' in line for line in caplog.messages) == 1


def upgrade_headers(url="wss://voice.example.com/twilio/media"):
    return {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, {})}


@pytest.mark.parametrize("headers", [{}, {"X-Twilio-Signature": "forged"}])
def test_an_unsigned_upgrade_is_refused(headers):
    with served(token=TOKEN, **PUBLIC) as client:
        with (
            pytest.raises(InvalidStatus, match="403"),
            client.socket("/twilio/media", headers=headers),
        ):
            pass
        assert client.get("/health").json()["active_calls"] == 0


@pytest.mark.parametrize("url", ["", "/"])
def test_a_signed_stream_needs_a_token_of_its_own_call(url):
    headers = upgrade_headers(f"wss://voice.example.com/twilio/media{url}")
    tokens = StreamTokens(TOKEN)
    with served(token=TOKEN, **PUBLIC) as client:
        until_ready(client)
        for token in ("", "forged", tokens.issue("CA2"), StreamTokens("other").issue("CA1")):
            with client.socket("/twilio/media", headers=headers) as socket:
                socket.send(start(parley_token=token))
                assert socket.closed()[0] == 1008
        with client.socket("/twilio/media", headers=headers) as socket:
            socket.send(start(parley_token=tokens.issue("CA1")))
            play(socket, b"\xff" * 1_600 + SPEECH + b"\xff" * 6_400)
            assert socket.until("mark")["mark"]["name"] == "1.0.0"


def test_a_token_expires_in_60_s(monkeypatch):
    tokens = StreamTokens(TOKEN)
    token = tokens.issue("CA1")
    now = __import__("time").time()
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 59)
    assert tokens.accept(token, "CA1")
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: now + 62)
    assert not tokens.accept(token, "CA1")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 1003),
        (b"\x00", 1003),
        ('{"event":"' + "😀" * 100 + '"}', 1008),
        ('{"event":"stop"}', 1008),
        (start(agent="nobody"), 1008),
    ],
)
def test_a_malformed_stream_closes_with_a_code_and_one_log_line(caplog, message, code):
    with served() as client:
        until_ready(client)
        with client.socket("/twilio/media") as good:
            good.send(start().replace("CA1", "CA0"))
            with client.socket("/twilio/media") as socket:
                socket.send(message)
                found, reason = socket.closed()
                assert found == code and reason
            assert sum('"event":"closed"' in line for line in caplog.messages) == 1
            play(good, b"\xff" * 1_600 + SPEECH + b"\xff" * 6_400)
            assert good.until("mark")  # no other call is harmed


def test_a_missing_prompt_variable_is_named(caplog):
    agents = {"default": {"prompt": "You work for {company}.", "phrase_markers": False}}
    with served(agents=agents) as client:
        until_ready(client)
        assert "<Connect>" in client.post("/twilio/voice?company=Acme", data=FORM).text
        assert f"<Say>{escaped(FALLBACK_LINES[-1])}" in client.post("/twilio/voice", data=FORM).text
        assert "misconfigured" in caplog.text and "no value for company" in caplog.text
        with client.socket("/twilio/media") as socket:
            socket.send(start())
            code, reason = socket.closed()
    assert code == 1008 and "company" in reason


def test_a_second_stream_for_a_call_is_refused():
    with served() as client:
        until_ready(client)
        with client.socket("/twilio/media") as first:
            first.send(start())
            play(first, b"\xff" * 1_600)
            while client.get("/health").json()["active_calls"] == 0:
                pass
            with client.socket("/twilio/media") as second:
                second.send(start())
                assert second.closed()[0] == 1008


def test_a_large_body_is_refused_before_it_is_read():
    with served(token=TOKEN, **PUBLIC) as client:
        found = client.post("/twilio/voice", content=b"a=" + b"x" * 100_000)
        assert found.status_code == 413


def test_a_full_ingress_speaks_a_busy_line_on_both_ways_in():
    metrics = Counts()
    with served(metrics=metrics, ingress={"max_calls": 1}) as client:
        until_ready(client)
        with client.socket("/twilio/media") as first:
            first.send(start())
            while client.get("/health").json()["active_calls"] == 0:
                pass
            twiml = client.post("/twilio/voice", data={**FORM, "CallSid": "CA2"}).text
            assert "<Say>All our lines are busy" in twiml and "<Hangup />" in twiml
            with client.socket("/twilio/media") as second:
                second.send(start(parley_events="1").replace("CA1", "CA2"))
                name = second.until("mark")["mark"]["name"]
                body = {"event": "mark", "streamSid": "MZ1", "mark": {"name": name}}
                second.send(json.dumps(body))
                assert second.closed()[0] == 1000
    assert metrics.gauges["parley_active_calls"] == 0
    assert sorted(t["outcome"] for t in metrics.of("parley_calls_total"))[1:] == ["refused"] * 2
    assert metrics.gauges["parley_peak_calls"] == 2


def test_texts_need_the_configuration_as_well_as_the_wish():
    for allowed in (True, False):
        with served(twilio={"parley_events": allowed}) as client:
            until_ready(client)
            with client.socket("/twilio/media") as socket:
                socket.send(start(parley_events="1"))
                play(socket, b"\xff" * 1_600 + SPEECH + b"\xff" * 6_400)
                seen = set()
                while "mark" not in seen:
                    seen.add(socket.receive()["event"])
        assert ("parley" in seen) == allowed


def test_a_bug_of_ours_ends_that_call_only_with_1011(caplog):
    models = Models(replies=["warm", [RuntimeError("a bug")]])
    with served(models) as client:
        until_ready(client)
        with client.socket("/twilio/media") as socket:
            socket.send(start())
            play(socket, b"\xff" * 1_600 + SPEECH + b"\xff" * 6_400)
            assert socket.closed()[0] == 1011
        assert client.get("/health").json()["active_calls"] == 0
    assert sum('"event":"crashed"' in line and "CA1" in line for line in caplog.messages) == 1


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.7", False),
        ("voice.example.com", False),
    ],
)
def test_loopback(host, local):
    assert is_loopback(host) is local
