"""What /docs and generated clients read of the REST API."""

import pytest

from tests.ingress.rest.app import built

SCHEMA = built()[0].openapi()
OPERATIONS = {
    (method, path): operation
    for path, methods in SCHEMA["paths"].items()
    if path.startswith("/v1/")
    for method, operation in methods.items()
}


def test_a_recording_is_sent_as_a_file_of_a_form():
    form = OPERATIONS["post", "/v1/audio/transcriptions"]["requestBody"]["content"]
    assert list(form) == ["multipart/form-data"]
    name = form["multipart/form-data"]["schema"]["$ref"].rpartition("/")[2]
    file = SCHEMA["components"]["schemas"][name]["properties"]["file"]
    assert (file["type"], file["format"]) == ("string", "binary")
    assert file["contentMediaType"] == "application/octet-stream"


def test_every_operation_takes_a_bearers_key():
    schemes = SCHEMA["components"]["securitySchemes"]
    bearers = [{name: []} for name, scheme in schemes.items() if scheme["scheme"] == "bearer"]
    assert len(OPERATIONS) >= 9 and len(bearers) == 1
    assert {key for key, op in OPERATIONS.items() if op.get("security") != bearers} == set()


def test_realtime_is_told_of():
    assert "/v1/realtime?model=AGENT" in SCHEMA["info"]["description"]
    assert "docs/realtime.md" in SCHEMA["info"]["description"]


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("get", "/v1/models", {"200", "401"}),
        ("get", "/v1/models/{name}", {"200", "401", "404"}),
        ("post", "/v1/chat/completions", {"200", "400", "401", "429", "502", "503", "504"}),
        ("post", "/v1/audio/transcriptions", {"200", "400", "401", "429", "502", "503", "504"}),
        ("post", "/v1/audio/speech", {"200", "400", "401", "429", "502", "503", "504"}),
        ("get", "/v1/audio/voices", {"200", "401"}),
        ("post", "/v1/realtime/client_secrets", {"200", "400", "401"}),
        ("post", "/v1/realtime/calls", {"201", "400", "401", "503"}),
        ("post", "/v1/realtime/calls/{call_id}/hangup", {"200", "401", "404"}),
    ],
)
def test_what_a_route_answers_is_listed(method, path, statuses):
    answers = OPERATIONS[method, path]["responses"]
    assert set(answers) == statuses | {"4XX"}
    for status in statuses - {"200", "201"}:
        schema = answers[status]["content"]["application/json"]["schema"]
        assert schema["$ref"].endswith("/ErrorBody")
