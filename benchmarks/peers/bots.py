"""The bots that are measured: how each is started, and what it is asked to do. Ours are the same
application with other settings."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import yaml
from rich.console import Console

from benchmarks.mocks import FIRST_SENTENCE_WORDS, serial_floor_ms
from benchmarks.peers.ground import Cores, Mocks, move, on_core, process
from benchmarks.running_stack import RunningStack, running_stack, title_of
from configs.schema import Listening
from deployments.local_cluster import free_ports

SILENCE_MS = 200

PEERS_LEVELS = (8, 12, 16, 24, 32, 40, 48, 64)
OUR_LEVELS = (64, 96, 128, 160, 192, 224)

MOST_CALLS = 300


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a bot finds everything."""

    cores: Cores
    mocks: Mocks
    peers_python: Path
    folder: Path
    console: Console


@dataclass(frozen=True, slots=True)
class Running:
    """A bot that answers at `url`; `processes` are those that are measured."""

    url: str
    processes: Sequence[psutil.Process]


def serial_floor() -> float:
    return serial_floor_ms(SILENCE_MS)


Start = Callable[[Ground], AbstractContextManager[Running]]


@dataclass(frozen=True, slots=True)
class Bot:
    """`floor_ms`: gives the least it could take to the first audio, with its settings. `levels`:
    numbers of calls that are tried on one core. `open_calls`: of the memory row."""

    name: str
    what: str
    start: Start
    floor_ms: Callable[[], float] = serial_floor
    levels: tuple[int, ...] = PEERS_LEVELS
    open_calls: int = 16


@contextmanager
def peer(module: str, more: Sequence[str], ground: Ground) -> Generator[Running]:
    (port,) = free_ports(1)
    options = ("--port", str(port), "--models", ground.mocks.base_url)
    silence = ("--silence-s", str(SILENCE_MS / 1_000))
    python = str(ground.peers_python)
    command = (python, "-m", f"benchmarks.peers.{module}", *options, *silence, *more)
    with process(command, port, ground.cores.bot, ground.folder / f"{module}.log") as root:
        yield Running(f"ws://127.0.0.1:{port}/ws", [root])


@contextmanager
def parley(model: str, agent: Any, listening: Any, ground: Ground) -> Generator[Running]:
    """The ingress application under plain uvicorn: one process."""
    (port,) = free_ports(1)
    stack = ground.folder / "stack.yaml"
    stack.write_text(yaml.safe_dump(stack_of(ground.mocks.base_url, model, agent, listening)))
    command = (sys.executable, "-m", "benchmarks.plain_ingress", str(stack), "--port", str(port))
    with process(command, port, ground.cores.bot, ground.folder / "parley.log") as root:
        yield Running(f"ws://127.0.0.1:{port}/twilio/media", [root])


@contextmanager
def served(model: str, agent: Any, listening: Any, ground: Ground) -> Generator[Running]:
    """The same application as it is deployed: in a replica of Serve behind HAProxy, which have the
    bot's core together; the rest of Ray has the callers'."""
    config = ground.folder / "serve.yaml"
    args = stack_of(ground.mocks.base_url, model, agent, listening)
    config.write_text(yaml.safe_dump(serve_config(args)))
    with on_core(ground.cores.callers), running_stack(None, config, ground.console) as stack:
        path = in_the_path(stack)
        move(path, ground.cores.bot)
        yield Running(f"{stack.url.replace('http', 'ws')}/twilio/media", path)


def in_the_path(stack: RunningStack) -> list[psutil.Process]:
    """The ingress replica, and HAProxy's processes."""
    found = [one for one in stack.processes() if title_of(one).split(" ")[0].endswith("haproxy")]
    return [*stack.replicas("Ingress"), *found]


def stack_of(base_url: str, model: str, agent: Any, listening: Any) -> dict[str, Any]:
    """A `Stack`; `agent` and `listening` only say what differs from what ships."""
    endpoint = {"engine": "openai", "base_url": base_url}
    answers = {"prompt": "You are a helpful phone agent.", "voice": "alloy", **agent}
    return {
        "stt": {**endpoint, "model": "whisper-1"},
        "llm": {**endpoint, "model": model},
        "tts": {**endpoint, "model": "tts-1"},
        "agents": {"default": answers},
        "listening": listening,
        "ingress": {"max_calls": MOST_CALLS},
    }


def serve_config(args: dict[str, Any]) -> dict[str, Any]:
    ingress = {
        "name": "Ingress",
        "num_replicas": 1,
        "max_ongoing_requests": MOST_CALLS + 20,
        "graceful_shutdown_timeout_s": 1,
        "ray_actor_options": {"num_cpus": 0.5},
    }
    app = {"name": "parley", "route_prefix": "/", "import_path": "deployments.app:build"}
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "127.0.0.1", "port": 8000},
        "logging_config": {"enable_access_log": False},
        "applications": [{**app, "args": args, "deployments": [ingress]}],
    }


SERIAL = {"silence_ms": SILENCE_MS, "prepare_after_ms": 0, "partial_every_ms": 0}
SPECULATING = {"silence_ms": SILENCE_MS, "partial_every_ms": 0}
SENTENCE = {"first_phrase": "sentence"}


def floor_of(listening: dict[str, int], words: int) -> float:
    """The least wait with settings of ours: the endpoint, or the work begun at the short pause."""
    settings = Listening.model_validate(listening)
    work_ms = serial_floor_ms(0, words)
    if not settings.prepare_after_ms:
        return settings.silence_ms + work_ms
    return max(settings.silence_ms, settings.prepare_after_ms + work_ms)


def parley_bot(name: str, what: str, start: Any, model: str, agent: Any, listening: Any) -> Bot:
    floor_ms = partial(floor_of, listening, 1 if model == "clauses" else FIRST_SENTENCE_WORDS)
    start = partial(start, model, agent, listening)
    return Bot(name, what, start, floor_ms, OUR_LEVELS, open_calls=32)


def bots() -> dict[str, Bot]:
    """Every bot by its name, in the order of the table."""
    return {bot.name: bot for bot in (*peers(), *ours())}


def peers() -> tuple[Bot, ...]:
    return tuple(
        Bot(name, what, partial(peer, module, options))
        for name, what, module, *options in (
            ("pipecat", "pipecat, its default smart-turn", "pipecat_bot"),
            ("pipecat-timeout", "pipecat, turns end with the silence", "pipecat_bot",
             "--turn", "timeout"),
            ("livekit", "LiveKit AgentSession", "livekit_bot"),
            ("livekit-no-warmup", "LiveKit, without its 3 s of deafness", "livekit_bot",
             "--no-warmup"),
            ("livekit-synchronized", "LiveKit, without the deafness, with its rooms' transcript "
             "synchronizer", "livekit_bot", "--no-warmup", "--synchronized"),
        )
    )  # fmt: skip


def ours() -> tuple[Bot, ...]:
    plain = "Parley's ingress under uvicorn"
    serial = ("sentences", SENTENCE, SERIAL)
    return (
        parley_bot("parley", f"{plain}, no speculation", parley, *serial),
        parley_bot(
            "parley-speculating", f"{plain}, speculation", parley,
            "sentences", SENTENCE, SPECULATING,
        ),
        parley_bot("parley-shipped", f"{plain}, as shipped", parley, "clauses", {}, {}),
        parley_bot(
            "parley-serve", "Parley behind Serve and HAProxy, no speculation", served, *serial
        ),
    )  # fmt: skip
