"""One OpenAI-compatible endpoint's connections: requests to it, and what their errors mean.

Owns the pool, the key's header and the classes of failure; not what is asked, nor the deadlines of
an answer (the caller's are the only ones, but for connecting).

Over aiohttp and not OpenAI's own client: a reply of 40 tokens costs the ingress's core 1 ms and
not 10, and a hundred calls share that core.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from conversation.fallbacks import FailureClass, failure_of_status
from ingress.backends import BackendError

CONNECT_S = 5.0
"""Our choice: a host that does not accept by then is down, and the ingress may yet retry."""

KEEP_ALIVE_S = 60.0
"""Our choice: longer than the pause between two turns, so that a turn pays no handshake, and below
what networks forget silently. A server that closes sooner (uvicorn, and so vLLM: 5 s) is noticed,
and the request that crosses its closing is tried again by the ingress."""

LINGER_S = 0.1
"""Our choice: a response that goes on for longer after its last event costs its connection."""

JSON = "application/json"


class Endpoint:
    """An endpoint's address and key, and its connections, made as they are needed. They are
    closed by `async with`, or by `close`."""

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self._url = base_url.rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {api_key or 'none'}",
            "Accept-Encoding": "identity",  # what is compressed comes late
        }
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Endpoint":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session:
            await session.close()

    @asynccontextmanager
    async def answer(
        self, path: str, body: bytes, content_type: str = JSON
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """The response to a POST, its body still to be read; leaving before its end closes the
        connection. Raises BackendError for an error's status, and what aiohttp raises."""
        headers = {"Content-Type": content_type}
        request = self._connected().post(self._url + path, data=body, headers=headers)
        async with request as response:
            if not response.ok:
                told = (await response.content.read(1_000)).decode(errors="replace")
                failure = failure_of_status(response.status)
                raise BackendError(failure, f"HTTP {response.status}: {' '.join(told.split())}")
            yield response

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:  # not before there is an event loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                proxy=proxy_of(self._url),
            )
        return self._session


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for this address, as for any HTTP client."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


async def ended(response: aiohttp.ClientResponse) -> None:
    """Wait a little for the response's own end, so that its connection can be used again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            async for _ in response.content.iter_any():
                pass


@contextmanager
def classified() -> Generator[None, None, None]:
    """Turn the client's errors into BackendError."""
    try:
        yield
    except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
        raise BackendError(failure_of(error), f"{type(error).__name__}: {error}") from error


def failure_of(error: Exception) -> FailureClass:
    """Class of an error of the client, or of its transport."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return FailureClass.NETWORK
        case TimeoutError():
            return FailureClass.TIMEOUT
        case aiohttp.ClientError() | OSError():
            return FailureClass.NETWORK
        case _:
            return FailureClass.SERVER
