"""Who may call: Twilio's signatures, and the token that binds a stream to its call.

Owns no secret: `Secrets` is read by the builder from the variables that the configuration names.
"""

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from itsdangerous import BadSignature, URLSafeTimedSerializer
from twilio.request_validator import RequestValidator

TOKEN_LIFETIME_S = 60
"""A stream is opened within seconds of its TwiML; the token need not outlive a slow network."""

TOKEN_PARAMETER = "parley_token"


@dataclass(frozen=True, slots=True)
class Secrets:
    twilio_auth_token: str | None = field(default=None, repr=False)
    api_keys: tuple[str, ...] = field(default=(), repr=False)


def is_loopback(host: str) -> bool:
    """Whether an address that a server listens on is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def signed_by_twilio(
    auth_token: str, url: str, parameters: Mapping[str, str], signature: str
) -> bool:
    """Whether `X-Twilio-Signature` fits a webhook's public URL and all of its form fields.

    Source: twilio.com/docs/usage/security#validating-requests.
    """
    return RequestValidator(auth_token).validate(url, dict(parameters), signature)


def upgrade_signed_by_twilio(auth_token: str, url: str, signature: str) -> bool:
    """The same for a stream's upgrade, a GET without fields. Twilio signs the wss URL of the
    TwiML; its documentation also tells of a trailing slash, and some see https signed."""
    bare = url.rstrip("/")
    web = bare.replace("ws", "http", 1)
    signed = (bare, f"{bare}/", web, f"{web}/")
    return any(signed_by_twilio(auth_token, candidate, {}, signature) for candidate in signed)


class StreamTokens:
    """Tokens for `start.customParameters`: bound to a CallSid, and short of life. Stateless: any
    replica with the same auth token checks them."""

    def __init__(self, auth_token: str) -> None:
        self._serializer = URLSafeTimedSerializer(
            auth_token, salt="parley.twilio.stream", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def issue(self, call_sid: str) -> str:
        return self._serializer.dumps(call_sid)

    def accept(self, token: str, call_sid: str) -> bool:
        """Whether the token is ours, for this call, and at most 60 s old."""
        try:
            return self._serializer.loads(token, max_age=TOKEN_LIFETIME_S) == call_sid
        except BadSignature:
            return False
