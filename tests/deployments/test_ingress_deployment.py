"""The ingress as a deployment: built in its replica, from what only the replica can see."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from ray import serve
from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from configs.schema import OpenAI, Stack
from deployments.app import build
from deployments.engines.endpoint import (
    EndpointLanguageModel,
    EndpointSynthesizer,
    EndpointTranscriber,
)
from deployments.ingress import (
    Ingress,
    check_exposure,
    check_room,
    http_host,
    language_model,
    secret,
    secrets_of,
    synthesizer,
    transcriber,
)
from ingress.security import Secrets

ROOT = Path(__file__).parent.parent.parent
LONG_S = 60.0
SCRIPTED: dict[str, Any] = {
    "stt": {"engine": "scripted"},
    "llm": {"engine": "scripted"},
    "tts": {"engine": "scripted"},
    "agents": {"default": {"prompt": "You are Sam.", "greeting": "Hello."}},
}


def stack(**sections: Any) -> Stack:
    return Stack.model_validate(SCRIPTED | sections)


@pytest.fixture
def health(ray_cluster: int) -> Iterator[dict[str, Any]]:
    """What `/health` says of a scripted app, once it is ready."""
    serve.run(build(stack()), name="parley", route_prefix="/")
    url, due = f"http://127.0.0.1:{ray_cluster}/health", time.monotonic() + LONG_S
    while (answer := httpx.get(url, timeout=LONG_S)).status_code != 200:
        assert time.monotonic() < due, answer.text
        time.sleep(0.1)
    yield answer.json()
    serve.delete("parley")


@pytest.mark.serve
def test_the_app_lives_in_its_replica_and_knows_it(health: dict[str, Any]) -> None:
    deployments = serve.status().applications["parley"].deployments
    assert set(deployments) == {"Ingress", "Transcriber", "LanguageModel", "Synthesizer"}
    assert health["proxy"] == "python"
    assert health["replica"]


def test_the_app_is_late_bound_and_never_pickled() -> None:
    """Pins Ray 2.60: `@serve.ingress()` without an app takes `__serve_build_asgi_app__`'s, made
    in the replica. What travels holds no app, and so none of its locks, sockets and clients."""
    pickled: Any = cloudpickle.loads(cloudpickle.dumps(Ingress.func_or_class))
    assert callable(pickled.__serve_build_asgi_app__)
    held = [cell.cell_contents for cell in pickled.__init__.__closure__ or ()]
    assert not [each for each in held if isinstance(each, FastAPI)]
    assert None in held, "Ray's `frozen_app_or_func`"


def test_serve_speaks_websockets_in_the_cheap_way() -> None:
    """Pins uvicorn 0.54: Serve gives its server no choice of `ws`, and `auto`, whose sockets
    `let_calls_end_by_themselves` keeps open, is the sans-I/O protocol. The older one takes a third
    more of a core for each frame."""
    assert AutoWebSocketsProtocol is WebSocketsSansIOProtocol
    assert uvicorn.Config(lambda: None, factory=True).ws == "auto"


def test_no_model_library_comes_with_the_builder_or_the_ingress() -> None:
    """vLLM alone takes 10 s and 700 MB, and the ingress's process has no use for any of them."""
    heavy = "{'vllm', 'torch', 'transformers', 'faster_whisper', 'kokoro', 'ray.serve.llm'}"
    code = f"import sys, deployments.app; sys.exit(', '.join({heavy} & set(sys.modules)) or None)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr


@pytest.mark.serve
@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"ingress": {"max_calls": 500}}, "set max_ongoing_requests to 520"),
        (
            {"twilio": {"auth_token_env": "NO_SUCH_VARIABLE", "public_url": "https://a.example"}},
            "export NO_SUCH_VARIABLE=",
        ),
    ],
)
def test_what_cannot_serve_does_not_start_and_says_why(
    ray_cluster: int, sections: dict[str, Any], said: str
) -> None:
    with pytest.raises(RuntimeError):
        serve.run(build(stack(**sections)), name="mistaken", route_prefix="/mistaken")
    message = serve.status().applications["mistaken"].deployments["Ingress"].message
    serve.delete("mistaken")
    assert said in message


@pytest.mark.serve
async def test_serve_tells_its_host(ray_cluster: int) -> None:
    """Pins Ray 2.60's private way to it: Serve has no public one."""
    assert await http_host() == "127.0.0.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_no_secret(host: str) -> None:
    check_exposure(host, Secrets())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "voice.example.com"])
def test_beyond_loopback_a_secret_is_needed(host: str) -> None:
    check_exposure(host, Secrets(twilio_auth_token="a-token"))
    check_exposure(host, Secrets(api_keys=("a-key",)))
    with pytest.raises(ValueError, match=r"args\.twilio\.auth_token_env.*args\.api\.keys_env"):
        check_exposure(host, Secrets())


def test_api_keys_stand_in_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    keyed = stack(api={"keys_env": "KEYS"})
    monkeypatch.setenv("KEYS", f"{'a' * 16}, {'b' * 24},")
    assert secrets_of(keyed) == Secrets(api_keys=("a" * 16, "b" * 24))
    assert secrets_of(stack()) == Secrets()
    for guessable in (" , ", "short", f"{'a' * 16},short", f"ek_{'a' * 16}"):
        monkeypatch.setenv("KEYS", guessable)
        with pytest.raises(ValueError, match=r"args\.api\.keys_env names KEYS.*openssl rand"):
            secrets_of(keyed)


def test_secrets_are_never_printed() -> None:
    assert "hidden" not in repr(Secrets(twilio_auth_token="hidden", api_keys=("hidden",)))


def test_a_full_ingress_must_have_room_for_the_busy_line() -> None:
    full = stack(ingress={"max_calls": 90}, api={"max_requests": 10})
    check_room(full, 101)
    with pytest.raises(ValueError, match="max_ongoing_requests to 104"):
        check_room(full, 100)


def test_a_secret_is_read_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "value")
    monkeypatch.setenv("EMPTY", "")
    assert secret("THE_KEY", "llm.api_key_env") == "value"
    assert secret(None, "llm.api_key_env") is None
    for unset in ("EMPTY", "NO_SUCH_VARIABLE"):
        with pytest.raises(ValueError, match=f"args.llm.api_key_env names {unset}"):
            secret(unset, "llm.api_key_env")


def test_endpoints_take_the_place_of_handles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "value")
    section = OpenAI(
        engine="openai", base_url="http://127.0.0.1:1/v1", model="m", api_key_env="THE_KEY"
    )
    remote = stack(stt=section, llm=section, tts=section)
    assert isinstance(transcriber(remote, None), EndpointTranscriber)
    assert isinstance(language_model(remote, None), EndpointLanguageModel)
    assert isinstance(synthesizer(remote, None), EndpointSynthesizer)
