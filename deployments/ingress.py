"""The ingress as a Serve deployment: wires the app of `ingress.app` inside its replica.

Owns what only a replica can see: its handles, Serve's HTTP host, its own `max_ongoing_requests`,
and the secrets in its environment. The app is built here and never pickled.
"""

import asyncio
import logging
import os
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve._private.constants import RAY_SERVE_ENABLE_HA_PROXY
from ray.serve.context import _get_global_client  # pyright: ignore[reportPrivateUsage]
from ray.serve.handle import DeploymentHandle
from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

from configs.schema import OpenAI, Stack
from deployments.handles import LanguageModelHandle, SynthesizerHandle, TranscriberHandle
from deployments.metrics import ServeMetrics
from ingress.admission import Admission
from ingress.app import create_app
from ingress.backends import Backends, LanguageModel, Synthesizer, Transcriber
from ingress.client_secrets import PREFIX
from ingress.protocols.outputs import SERVER_STOPS
from ingress.security import Secrets, is_loopback

Handle = DeploymentHandle[Any] | None
"""None where the model lives at an endpoint elsewhere."""

SHORTEST_KEY = 16

END_CALLS_POLLS, END_CALLS_POLL_S = 20, 0.1

logger = logging.getLogger("ray.serve")


@serve.deployment(max_ongoing_requests=120)  # above the default of ingress.max_calls
@serve.ingress()  # pyright: ignore[reportUntypedClassDecorator]
class Ingress:
    def __init__(
        self, stack: Stack, transcriber: Handle, language_model: Handle, synthesizer: Handle
    ) -> None:
        self._stack = stack
        self._transcriber = transcriber
        self._language_model = language_model
        self._synthesizer = synthesizer

    async def __serve_build_asgi_app__(self) -> FastAPI:
        """Raises ValueError when the configuration cannot serve as it stands."""
        context = serve.get_replica_context()
        config = context._deployment_config  # pyright: ignore[reportPrivateUsage]
        check_room(self._stack, config.max_ongoing_requests)
        secrets, host = secrets_of(self._stack), await http_host()
        check_exposure(host, secrets)
        log_calls()
        let_calls_end_by_themselves()
        self._app = create_app(
            self._stack,
            self._backends(),
            ServeMetrics(),
            secrets=secrets,
            host=host,
            proxy="haproxy" if RAY_SERVE_ENABLE_HA_PROXY else "python",
            replica=context.replica_tag,
        )
        return self._app

    async def end_calls(self) -> int:
        """Hang up every call of this replica, and wait for their sockets to close; how many."""
        admission: Admission = self._app.state.admission
        ended = admission.end_all(SERVER_STOPS)
        for _ in range(END_CALLS_POLLS):
            if not admission.active:
                break
            await asyncio.sleep(END_CALLS_POLL_S)
        return ended

    def _backends(self) -> Backends:
        return Backends(
            transcriber(self._stack, self._transcriber),
            language_model(self._stack, self._language_model),
            synthesizer(self._stack, self._synthesizer),
        )


def let_calls_end_by_themselves() -> None:
    """Keep a draining replica's sockets open.

    30 s into draining Serve ends its uvicorn server so that the listener closes, and uvicorn then
    closes every WebSocket with code 1012. Requests, our calls among them, have until
    `graceful_shutdown_timeout_s` all the same: Serve waits for them itself.
    """
    AutoWebSocketsProtocol.shutdown = lambda _: None  # pyright: ignore


def log_calls() -> None:
    """Let the calls' own log go where Serve's goes: the replica's log file."""
    calls = logging.getLogger("parley")
    calls.setLevel(logging.INFO)
    calls.handlers = list(logger.handlers)
    calls.propagate = False


def transcriber(stack: Stack, handle: Handle) -> Transcriber:
    if isinstance(stack.stt, OpenAI):
        from deployments.engines.endpoint import EndpointTranscriber, client_of

        key = secret(stack.stt.api_key_env, "stt.api_key_env")
        return EndpointTranscriber(client_of(stack.stt, key), stack.stt.model)
    assert handle is not None
    return TranscriberHandle(handle)


def language_model(stack: Stack, handle: Handle) -> LanguageModel:
    if isinstance(stack.llm, OpenAI):
        from deployments.engines.endpoint import EndpointLanguageModel, client_of

        key = secret(stack.llm.api_key_env, "llm.api_key_env")
        return EndpointLanguageModel(client_of(stack.llm, key), stack.llm.model)
    assert handle is not None
    return LanguageModelHandle(handle)


def synthesizer(stack: Stack, handle: Handle) -> Synthesizer:
    if isinstance(stack.tts, OpenAI):
        from deployments.engines.endpoint import EndpointSynthesizer, client_of

        key = secret(stack.tts.api_key_env, "tts.api_key_env")
        return EndpointSynthesizer(client_of(stack.tts, key), stack.tts.model)
    assert handle is not None
    return SynthesizerHandle(handle)


def secret(variable: str | None, field: str) -> str | None:
    """The value of the variable that `field` names, None when it names none."""
    if variable is None:
        return None
    if value := os.environ.get(variable):
        return value
    raise ValueError(
        f"args.{field} names {variable}, but no such variable is set where the ingress runs: "
        f"export {variable}=… before Ray starts, or take {field} out"
    )


def secrets_of(stack: Stack) -> Secrets:
    """What the configuration names. Raises ValueError for a variable that is not set or has no
    key in it, and for a key so short that whoever holds a client secret could find it by trying."""
    auth_token = secret(stack.twilio.auth_token_env, "twilio.auth_token_env")
    listed = (secret(stack.api.keys_env, "api.keys_env") or "").split(",")
    keys = tuple(key.strip() for key in listed if key.strip())
    unfit = any(len(key) < SHORTEST_KEY or key.startswith(PREFIX) for key in keys)
    if unfit or (stack.api.keys_env and not keys):
        raise ValueError(
            f"args.api.keys_env names {stack.api.keys_env}, which must hold keys of {SHORTEST_KEY} "
            f"characters or more, with commas between them, none of which begins with {PREFIX} as "
            "client secrets do: make them by `openssl rand -hex 24`"
        )
    return Secrets(auth_token, keys)


def check_room(stack: Stack, max_ongoing_requests: int) -> None:
    calls, requests = stack.ingress.max_calls, stack.api.max_requests
    if max_ongoing_requests <= calls + requests:
        raise ValueError(
            f"args.ingress.max_calls is {calls} and args.api.max_requests {requests}, but the "
            f"Ingress deployment takes {max_ongoing_requests} requests at once "
            "(max_ongoing_requests): a full replica could not even say that it is busy; set "
            f"max_ongoing_requests to {calls + requests + 4} or more"
        )


def check_exposure(host: str, secrets: Secrets) -> None:
    """Say what is served, and to whom. Beyond loopback a protocol without its secret is not
    served (`ingress.app`); raises ValueError when nothing would be."""
    if is_loopback(host):
        if not (secrets.twilio_auth_token and secrets.api_keys):
            logger.warning("Without all secrets: serving on loopback (%s) only.", host)
    elif not (secrets.twilio_auth_token or secrets.api_keys):
        raise ValueError(
            f"http_options.host is {host}, so others can reach this server, but no secret is "
            "configured to tell who they are: name the variable of Twilio's auth token in "
            "args.twilio.auth_token_env, that of your API keys in args.api.keys_env, or set "
            "http_options.host to 127.0.0.1"
        )
    elif not secrets.api_keys:
        logger.warning("No API keys (args.api.keys_env): /v1 and the page are not served.")
    elif not secrets.twilio_auth_token:
        logger.warning("No Twilio auth token (twilio.auth_token_env): /twilio is not served.")


async def http_host() -> str:
    """The address that Serve's proxies and direct ingress listen on."""
    client = _get_global_client()
    assert client is not None
    options = await client._controller.get_http_config.remote()  # pyright: ignore
    return options.host
