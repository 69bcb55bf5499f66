"""What is served to whom: beyond loopback a protocol without its secret is not there at all."""

import pytest

from configs.schema import Stack
from ingress.app import create_app
from ingress.security import Secrets
from tests.ingress.line import Counts, Models
from tests.ingress.rest.app import KEY, SETTINGS
from tests.ingress.server import serving

BEARER = {"Authorization": f"Bearer {KEY}"}
TWILIO = {"twilio": {"public_url": "https://a.example", "auth_token_env": "ANY"}}


@pytest.mark.parametrize(
    ("host", "secrets", "twilio", "api"),
    [
        ("127.0.0.1", Secrets(), 422, 200),
        ("127.0.0.1", Secrets("token"), 403, 200),
        ("0.0.0.0", Secrets(), 404, 404),
        ("0.0.0.0", Secrets("token"), 403, 404),
        ("0.0.0.0", Secrets(api_keys=(KEY,)), 404, 200),
        ("0.0.0.0", Secrets("token", (KEY,)), 403, 200),
    ],
)
def test_each_protocol_beyond_loopback_asks_for_its_secret(host, secrets, twilio, api):
    app = create_app(
        Stack.model_validate(SETTINGS | TWILIO),
        Models().backends,
        Counts(),
        secrets=secrets,
        proxy="haproxy",
        replica="r1",
        host=host,
    )
    with serving(app) as client:
        assert client.post("/twilio/voice").status_code == twilio
        assert client.get("/v1/models", headers=BEARER).status_code == api
        if secrets.api_keys:
            assert client.get("/v1/models").status_code == 401
        assert client.get("/health").status_code in (200, 503)
        assert client.get("/").status_code == api
