"""The call before its stream: the server, Twilio's webhook and the TwiML that answers it. Owns no
socket."""

import json
import os
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import httpx
from twilio.request_validator import RequestValidator

CALLER, DIALLED = "+15005550006", "+15005550001"  # Twilio's magic test numbers
INCOMING = {
    "AccountSid": "AC" + "0" * 32,
    "From": CALLER,
    "To": DIALLED,
    "CallStatus": "ringing",
    "Direction": "inbound",
    "ApiVersion": "2010-04-01",
}
WITHIN_S = 15.0
"""Twilio's own deadline for a webhook."""

OK, UNAVAILABLE = 200, 503


class CallRefused(Exception):
    """There will be no stream; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the call goes: `url` is what we connect to, `public_url` what is signed. Twilio's
    callers sign with the token, Realtime's show the key."""

    url: str
    public_url: str
    auth_token: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)

    def signature(self, url: str, form: dict[str, str]) -> dict[str, str]:
        """The header with which Twilio signs a request to `url`; none without a token."""
        if self.auth_token is None:
            return {}
        signed = RequestValidator(self.auth_token).compute_signature(url, form)
        return {"X-Twilio-Signature": signed}

    def bearer(self) -> dict[str, str]:
        """The header with the key; none without one."""
        return {} if self.api_key is None else {"Authorization": f"Bearer {self.api_key}"}


@dataclass(frozen=True, slots=True)
class Stream:
    """The TwiML's `<Stream>`: its URLs to try, in order, and its parameters."""

    signed_url: str
    urls: tuple[str, ...]
    parameters: dict[str, str]


def server_of(
    url: str, public_url: str | None, auth_token_env: str | None, api_key_env: str | None
) -> Server:
    """With the secrets of the variables that are named. Raises CallRefused for one that is not
    set."""
    token = _secret(auth_token_env, "--auth-token-env")
    return Server(url, public_url or url, token, _secret(api_key_env, "--api-key-env"))


def _secret(variable: str | None, option: str) -> str | None:
    if variable and not os.environ.get(variable):
        raise CallRefused(f"{option}: no variable {variable} is set")
    return os.environ[variable] if variable else None


async def check_ready(server: Server) -> None:
    """Raises CallRefused when the stack is not there, or still loading."""
    try:
        async with web_client() as client:
            await _check_ready(client, server)
    except httpx.HTTPError as error:
        raise _refused(server, error) from None


async def place_call(
    server: Server,
    call_sid: str,
    query: dict[str, str],
    client: httpx.AsyncClient | None = None,
) -> Stream:
    """Ask the webhook, as Twilio does for an incoming call, what to do with it. `query` goes into
    the webhook's URL, as in a number's configuration. With a `client` (of `web_client`) that
    other calls share, nobody asks first whether the stack is ready. Raises CallRefused."""
    path = "/twilio/voice" + (f"?{urlencode(query)}" if query else "")
    form = {**INCOMING, "CallSid": call_sid}
    headers = server.signature(server.public_url + path, form)
    try:
        if client:
            answer = await client.post(server.url + path, data=form, headers=headers)
        else:
            async with web_client() as client:
                await _check_ready(client, server)
                answer = await client.post(server.url + path, data=form, headers=headers)
    except httpx.HTTPError as error:
        raise _refused(server, error) from None
    if answer.status_code != OK:
        raise CallRefused(
            f"{server.url}/twilio/voice answered {answer.status_code}: {answer.text[:300]}"
        )
    return read_twiml(answer.text, server.url)


def _refused(server: Server, error: httpx.HTTPError) -> CallRefused:
    if isinstance(error, httpx.ConnectError):
        return CallRefused(f"nothing listens at {server.url}: start it with `make serve`")
    return CallRefused(f"{server.url} did not answer: {error!r}")


def web_client() -> httpx.AsyncClient:
    """To be held by `async with`."""
    return httpx.AsyncClient(trust_env=False, timeout=WITHIN_S)


async def _check_ready(client: httpx.AsyncClient, server: Server) -> None:
    health = await client.get(f"{server.url}/health")
    if health.status_code != UNAVAILABLE:
        return
    try:
        waiting_for = json.loads(health.text)["waiting_for"]
        what = ", ".join(f"{name} ({state})" for name, state in waiting_for.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        what = health.text[:300] or "it does not say for what"
    raise CallRefused(f"{server.url} is still loading: {what}")


def read_twiml(text: str, url: str) -> Stream:
    """The stream that TwiML connects to; where its host cannot be reached from here, `url`'s host
    may be. Raises CallRefused, with the words of a `<Say>`."""
    try:
        twiml = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise CallRefused(f"the webhook's answer is no TwiML: {error}: {text[:200]}") from None
    stream = twiml.find("./Connect/Stream")
    if stream is None:
        said = " ".join(say.text or "" for say in twiml.iter("Say"))
        raise CallRefused(f"the server says: {said}" if said else f"no <Stream> in {text[:200]}")
    named = stream.get("url", "")
    given, ours = urlsplit(named), urlsplit(url)
    scheme = "wss" if ours.scheme == "https" else "ws"
    near = f"{scheme}://{ours.netloc}{given.path}"
    return Stream(
        named,
        (near,) if given.netloc == ours.netloc else (named, near),
        {p.get("name", ""): p.get("value", "") for p in stream.iter("Parameter")},
    )
