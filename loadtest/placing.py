"""How a call begins: over Twilio with the webhook, over Realtime with its one URL."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal
from urllib.parse import urlencode

import httpx
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI

from loadtest.media_streams import Start
from loadtest.network import Network
from loadtest.phone import Phone, held
from loadtest.realtime_wire import RealtimeWire
from loadtest.twilio_wire import TwilioWire
from loadtest.webhook import CallRefused, Server, check_ready, place_call
from loadtest.wheel import Wheel

ELSEWHERE_WITHIN_S = 3.0
"""A public address that we may not reach from here."""

UNAUTHORISED = 401

Protocol = Literal["twilio", "realtime"]


@dataclass(frozen=True, slots=True)
class Called:
    """Whom to call, over which protocol. `parameters` go into the prompt; only Twilio's webhook
    takes them, in its URL, as a number is configured."""

    server: Server
    protocol: Protocol = "twilio"
    agent: str | None = None
    parameters: dict[str, str] = field(default_factory=dict[str, str])


@asynccontextmanager
async def placed(
    called: Called,
    call_sid: str,
    *,
    pace: float = 1.0,
    network: Network = Network(),  # noqa: B008 (frozen)
    client: httpx.AsyncClient | None = None,
    wheel: Wheel | None = None,
) -> AsyncGenerator[Phone]:
    """Hold a call. With a `client` (of `loadtest.webhook.web_client`) that other calls share,
    nobody asks first whether the stack is ready; `pace` and `wheel` as for `loadtest.phone.held`.
    Raises CallRefused."""
    server = called.server
    if called.protocol == "twilio":
        query = called.parameters | ({"agent": called.agent} if called.agent else {})
        stream = await place_call(server, call_sid, query, client)
        urls, headers = stream.urls, server.signature(stream.signed_url, {})
        wire = TwilioWire(Start(call_sid, parameters={**stream.parameters, "parley_events": "1"}))
    else:
        if not client:
            await check_ready(server)
        urls, headers, wire = (_realtime_url(called),), server.bearer(), RealtimeWire()
    opened = partial(held, wire=wire, headers=headers, pace=pace, network=network, wheel=wheel)
    async with AsyncExitStack() as stack:
        yield await _connected(stack, urls, opened)


def _realtime_url(called: Called) -> str:
    """A model is an agent there; a name that is none is answered by the default one."""
    model = urlencode({"model": called.agent or "default"})
    return f"{called.server.url.replace('http', 'ws', 1)}/v1/realtime?{model}"


async def _connected(
    stack: AsyncExitStack,
    urls: Sequence[str],
    opened: Callable[..., AbstractAsyncContextManager[Phone]],
) -> Phone:
    """At the first of the URLs that answers. Raises CallRefused."""
    failures: list[str] = []
    for url in urls:
        timeout_s = ELSEWHERE_WITHIN_S if url != urls[-1] else 10.0
        try:
            return await stack.enter_async_context(opened(url, open_timeout_s=timeout_s))
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            failures.append(f"{url}: {_why(error)}")
    raise CallRefused(f"the stream did not open: {'; '.join(failures)}")


def _why(error: Exception) -> str:
    if isinstance(error, InvalidStatus) and error.response.status_code == UNAUTHORISED:
        return f"{error}: name the variable with one of the server's API keys, --api-key-env NAME"
    return str(error) or type(error).__name__
