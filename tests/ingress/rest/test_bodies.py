"""What a JSON body may hold, whichever route it is for: what could not be passed on is refused."""

import json

import pytest
import websockets.sync.client

from tests.ingress.rest.app import served
from tests.ingress.server import TIMEOUT_S, Client

JSON = {"Content-Type": "application/json"}
CHAT = '{"model": "m", "messages": [{"role": "user", "content": "Hi."}], "seed": %s}'
SECRET = '{"session": {"type": "realtime", "seed": %s}}'


def connected(client: Client, secret: str = "any"):
    address = f"ws://{client.base_url.netloc.decode()}/v1/realtime"
    bearer = {"Authorization": f"Bearer {secret}"}
    return websockets.sync.client.connect(address, additional_headers=bearer)


@pytest.mark.parametrize("depth", [97, 300, 900, 5_000, 100_000])
def test_what_nests_too_deep_is_refused_wherever_it_stands(depth):
    deep = "[" * depth + "]" * depth
    bodies = {
        "chat/completions": f'{{"model": "m", "messages": [{{"role": "user"}}], "x": {deep}}}',
        "realtime/client_secrets": f'{{"session": {{"type": "realtime", "x": {deep}}}}}',
        "audio/speech": f'{{"input": {deep}}}',
    }
    with served() as (client, _):
        for path, body in bodies.items():
            headers = {"Content-Type": "application/json"}
            found = client.post(f"/v1/{path}", content=body, headers=headers)
            assert found.status_code == (400 if depth > 97 or "speech" in path else 200), path
            assert depth == 97 or found.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "chat/completions",
            r'{"model": "m", "messages": [{"role": "user", "content": "\ud800"}]}',
        ),
        ("chat/completions", r'{"model": "m", "messages": [{"role": "user"}], "x": {"\ud800": 1}}'),
        ("realtime/client_secrets", r'{"session": {"type": "realtime", "x": ["\ud800"]}}'),
        ("audio/speech", r'{"input": "\ud800"}'),
        ("audio/speech", r'{"input": "Hi.", "voice": "\ud800"}'),
    ],
)
def test_what_is_no_text_is_refused(path, body):
    with served() as (client, _):
        headers = {"Content-Type": "application/json"}
        found = client.post(f"/v1/{path}", content=body, headers=headers)
        assert found.status_code == 400
        assert found.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", CHAT),
        ("chat/completions", CHAT.replace("%s", '{"bias": [%s]}')),
        ("realtime/client_secrets", SECRET),
    ],
    ids=["chat", "deeper", "secret"],
)
def test_a_number_that_others_cannot_hold_is_refused(path, body):
    numbers = {2**64: "64 bits", -(2**63) - 1: "64 bits", 10**400: "64 bits"}
    numbers |= dict.fromkeys(("NaN", "1e400", "-Infinity"), "NaN or infinite")
    with served() as (client, engines):
        for number, says in numbers.items():
            found = client.post(f"/v1/{path}", content=body % number, headers=JSON)
            assert found.status_code == 400, number
            error = found.json()["error"]
            assert error["type"] == "invalid_request_error" and says in error["message"]
        assert not engines.asked


def test_a_number_that_others_hold_is_passed_on():
    with served() as (client, engines):
        for number in (2**64 - 1, -(2**63), True, 1.5):
            found = client.post(
                "/v1/chat/completions", content=CHAT % json.dumps(number), headers=JSON
            )
            assert found.status_code == 200
            assert engines.asked[-1][0]["seed"] == number
        made = client.post("/v1/realtime/client_secrets", content=SECRET % 7, headers=JSON).json()
        with connected(client, made["value"]) as socket:
            assert json.loads(socket.recv(TIMEOUT_S))["session"]["seed"] == 7


def test_a_session_that_is_given_such_a_number_goes_on():
    """A WebSocket's events are read by another parser, to which it is a float."""
    with served() as (client, _), connected(client) as socket:
        assert json.loads(socket.recv(TIMEOUT_S))["type"] == "session.created"
        for session, answer in (
            (f'{{"type": "realtime", "seed": {2**64}}}', "session.updated"),
            (f'{{"type": "realtime", "max_output_tokens": {2**64}}}', "error"),
            ('{"type": "realtime"}', "session.updated"),
        ):
            socket.send(f'{{"type": "session.update", "session": {session}}}')
            assert json.loads(socket.recv(TIMEOUT_S))["type"] == answer
