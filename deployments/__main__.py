"""`python -m deployments serve_config.yaml`: the whole stack in the foreground, on this machine.

Owns the order of its start, and the way out by Ctrl-C.
"""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import ray
import yaml
from pydantic import ValidationError

from configs.schema import Stack
from conversation.fallbacks import FailureClass
from deployments import local_cluster
from deployments.terminal import Terminal, ready_lines

POLL_S = 0.5
SIGNALS_POLL_S = 0.1
END_CALLS_S = 5.0
HOPELESS = (FailureClass.INVALID, FailureClass.AUTH)
FAILED = ("DEPLOY_FAILED", "UNHEALTHY")


class ConfigError(Exception):
    """The configuration cannot be served; the message says what to change."""


class Signals:
    """Ctrl-C, a polite SIGTERM, or the terminal's end: each asks to stop, and a second one says
    nothing new."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True

    def wait(self, working: Future[Any] | None = None) -> None:
        """Until somebody asks, or `working` has ended."""
        while not self.asked and not (working and working.done()):
            time.sleep(SIGNALS_POLL_S)


def main(options: argparse.Namespace) -> int:
    terminal, signals = Terminal(), Signals()
    try:
        config, stack = read_config(options.config, options.port)
        check_port(config["http_options"])
        run(config, stack, terminal, signals)
    except ConfigError as error:
        terminal.say(f"[red]error[/] {error}")
        return 2
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments", description=__doc__)
    parser.add_argument("config", type=Path, help="a Serve config, such as serve_config.yaml")
    parser.add_argument("--port", type=int, help="instead of the config's http_options.port")
    return parser


def read_config(path: Path, port: int | None) -> tuple[dict[str, Any], Stack]:
    """The Serve config and its typed arguments. Raises ConfigError."""
    try:
        config = yaml.safe_load(path.read_text())
        stack = Stack.model_validate(config["applications"][0]["args"])
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{path}: args.{'; args.'.join(lines)}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    except (KeyError, IndexError, TypeError) as error:
        raise ConfigError(f"{path} is not a Serve config: {error!r}") from None
    http = config.setdefault("http_options", {})
    http.setdefault("host", "127.0.0.1")
    http["port"] = port or http.get("port", 8000)
    return config, stack


def check_port(http: dict[str, Any]) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((http["host"], http["port"]))
        except OSError:
            raise ConfigError(
                f"port {http['port']} is taken: is another stack running? "
                "Stop it, or choose with --port"
            ) from None


def run(config: dict[str, Any], stack: Stack, terminal: Terminal, signals: Signals) -> None:
    """Until a signal. Raises ConfigError.

    A terminal signals its whole group, Ray's processes too; a call that waits for one of them then
    never returns, and hears no signal. So Ray is asked from a thread that can be left behind, and
    that lives as long as the cluster does."""
    with ExitStack() as cleanup:
        folder = local_cluster.new_folder()
        cleanup.callback(local_cluster.stop, folder)
        asking_ray = ThreadPoolExecutor(1)
        starting = asking_ray.submit(start, folder, config, stack, terminal)
        signals.wait(starting)
        if not signals.asked:
            terminal.say(starting.result())
            signals.wait()
        terminal.leave()
        with Terminal().doing("stop", "ending calls and every process"):
            end_calls(config["applications"][0]["name"])
            cleanup.close()


def start(folder: Path, config: dict[str, Any], stack: Stack, terminal: Terminal) -> str:
    """Start the stack; what to print when it is ready. Raises ConfigError."""
    longest_call_s = max(agent.limits.call_length_s for agent in stack.agents.values())
    with terminal.doing("ray", "starting a cluster of our own"):
        dashboard = local_cluster.start(folder, longest_call_s)
    deploy(config, terminal)
    host, port = config["http_options"]["host"], config["http_options"]["port"]
    watch(f"http://{host}:{port}", terminal)
    return ready_lines(host, port, dashboard, stack)


def deploy(config: dict[str, Any], terminal: Terminal) -> None:
    """Hand the config to Serve, as `serve deploy` does."""
    from ray import serve
    from ray.serve._private.constants import RAY_SERVE_ENABLE_HA_PROXY
    from ray.serve.context import _get_global_client  # pyright: ignore[reportPrivateUsage]
    from ray.serve.schema import ServeDeploySchema

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    with terminal.doing("serve", "starting the controller and the proxy") as note:
        serve.start(http_options=dict(config["http_options"]))
        note("HAProxy" if RAY_SERVE_ENABLE_HA_PROXY else "Python proxy: slow")
    client = _get_global_client()
    assert client is not None
    client.deploy_apps(ServeDeploySchema.model_validate(config))


def watch(url: str, terminal: Terminal) -> None:
    """Tell each part as it becomes ready. Raises ConfigError when Serve gives up on one."""
    begun = time.monotonic()
    known: set[str] = set()
    with terminal.doing("ready", "waiting for every model's first answer") as note:
        while True:
            raise_if_failed()
            health = health_of(url)
            if health:
                for part in ready_parts(health) - known:
                    known.add(part)
                    terminal.done(part, "ready", time.monotonic() - begun)
                raise_if_hopeless(health["waiting_for"])
                if not health["waiting_for"]:
                    note(f"{url}/health says {health['status']}, through {health['proxy']}")
                    return
            time.sleep(POLL_S)


def raise_if_hopeless(waiting_for: dict[str, str]) -> None:
    """Some failures only a person can mend, such as a voice that does not exist."""
    for part, why in waiting_for.items():
        if why.startswith(HOPELESS):
            raise ConfigError(f"the {part} refuses this configuration. {why}")


def ready_parts(health: dict[str, Any]) -> set[str]:
    return {"ingress", *health["models"]} - health["waiting_for"].keys()


def health_of(url: str) -> dict[str, Any] | None:
    """What /health says, or None while nobody answers."""
    try:
        found = httpx.get(f"{url}/health", timeout=5)
        return found.json() if found.status_code in (200, 503) else None
    except (httpx.HTTPError, ValueError):
        return None


def raise_if_failed() -> None:
    from ray import serve

    for name, app in serve.status().applications.items():
        broken = [
            f"{deployment}: {state.message}"
            for deployment, state in app.deployments.items()
            if state.status in FAILED
        ]
        if app.status in FAILED:
            raise ConfigError(f"{name} cannot start. {app.message} {' '.join(broken)}")


def end_calls(app: str) -> None:
    """Hang up every call, on every ingress replica, within `END_CALLS_S`. A stack that is not up
    has none, and one whose cluster is gone (a signal to all of a group) does not answer."""
    if not ray.is_initialized():
        return  # Serve would look for another cluster to ask, or start one
    asking = threading.Thread(target=ask_to_end_calls, args=(app,), daemon=True)
    asking.start()
    asking.join(END_CALLS_S)


def ask_to_end_calls(app: str) -> None:
    from ray import serve
    from ray.exceptions import RayError
    from ray.serve.exceptions import RayServeException

    # What is left ends with its process. A KeyError says that there is no such deployment yet.
    with suppress(RayError, RayServeException, TimeoutError, ValueError, KeyError):
        ingress = serve.get_deployment_handle("Ingress", app)
        # A new handle knows no replica until Serve's controller has told it.
        while not ingress.broadcast("end_calls").results(timeout_s=END_CALLS_S):
            time.sleep(0.1)


if __name__ == "__main__":
    wanted, code = arguments().parse_args(), 1
    try:
        code = main(wanted)
        sys.stdout.flush()
    except Exception:
        traceback.print_exc()
    finally:
        # Ray's exit handlers would wait a minute for the cluster that we have ended, and Python
        # for the thread that may still ask it.
        os._exit(code)
