"""Who may use /v1: API keys, client secrets, browsers' origins, and the name that a request calls
us by. Pure functions over headers; owns no secret and no clock."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from ingress.client_secrets import PREFIX, ClientSecrets
from ingress.rest.errors import ApiError
from ingress.security import is_loopback

SUBPROTOCOL = "realtime"
"""What a browser's WebSocket offers beside its key, and must be given in the answer: Chromium
fails the connection otherwise."""

KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""How a browser's WebSocket, which cannot set headers, sends its key (openai-node,
`OpenAIRealtimeWebSocket`)."""

DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Grant:
    """`session` is what the client secret was minted for: the Realtime session begins with it.
    Empty for an API key."""

    session: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Access:
    """Without keys only this machine may ask, by a name that cannot be anybody else's."""

    keys: tuple[str, ...] = field(default=(), repr=False)
    allowed_origins: tuple[str, ...] = ()

    def grant(self, headers: Headers, now_s: float, *, realtime: bool) -> Grant:
        """Whether the request may pass. Client secrets open Realtime sessions and nothing else.
        `now_s` is Unix time. Raises ApiError 401 or 403."""
        self._check_place(headers)
        key = key_of(headers)
        if realtime and key.startswith(PREFIX):
            session = ClientSecrets(self.keys).session_of(key, now_s)
            if session is None:
                raise unauthorised("this client secret has expired or is not ours: mint a new one")
            return Grant(session)
        if self.keys and not any([same(key, known) for known in self.keys]):
            raise unauthorised(why_not(key))
        return Grant()

    def _check_place(self, headers: Headers) -> None:
        """A page of a stranger's site must not reach us through its visitor's browser: neither by
        its own origin, nor by a name that its DNS points at this machine."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self.keys and not is_loopback(name_of(host)):
            raise ApiError(
                403,
                f"no API keys are configured, so only localhost is served, not {host!r}: set "
                "args.api.keys_env",
                code="host_not_allowed",
            )
        if origin is None or origin in self.allowed_origins or same_origin(origin, host):
            return
        raise ApiError(
            403,
            f"origin {origin!r} is not in args.api.allowed_origins",
            code="origin_not_allowed",
        )


def why_not(key: str) -> str:
    if not key:
        return "this server asks for an API key: `Authorization: Bearer KEY`"
    if key.startswith(PREFIX):
        return "client secrets open Realtime sessions only: anything else asks for an API key"
    return "this API key is not one of the server's"


def key_of(headers: Headers) -> str:
    """The bearer's key, or the one among a WebSocket's subprotocols; empty for none."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    for offered in subprotocols_of(headers):
        if offered.startswith(KEY_SUBPROTOCOL):
            return offered.removeprefix(KEY_SUBPROTOCOL)
    return ""


def subprotocols_of(headers: Headers) -> list[str]:
    offered = ",".join(headers.getlist("sec-websocket-protocol"))
    return [name.strip() for name in offered.split(",") if name.strip()]


def chosen_subprotocol(headers: Headers) -> str | None:
    """What to accept a WebSocket with: `realtime` when it is offered, else nothing."""
    return SUBPROTOCOL if SUBPROTOCOL in subprotocols_of(headers) else None


def same(key: str, known: str) -> bool:
    """Compared in a time that tells nothing of either."""
    digests = [hashlib.sha256(each.encode()).digest() for each in (key, known)]
    return hmac.compare_digest(*digests)


def same_origin(origin: str, host: str) -> bool:
    """Whether a page's origin is the host it asks; a TLS proxy in front hides only the scheme."""
    scheme, _, netloc = origin.lower().partition("://")
    return bool(netloc) and host.lower() in (netloc, netloc + DEFAULT_PORTS.get(scheme, ""))


def name_of(host: str) -> str:
    """A Host header without its port; empty for what is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def unauthorised(message: str) -> ApiError:
    return ApiError(401, message, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})
