"""A Ray cluster of our own on this machine, with HAProxy in front of the ingress.

Owns the cluster's processes, its ports and its temporary folder, from start to the last of them.
Importing this module must not import ray.serve: Serve reads its environment when it is imported.
"""

import logging
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import ray
from ray._private import ray_constants

ROOT = Path(__file__).resolve().parent.parent
MARGIN_S = 60
KILL_ROUNDS = 3
OBJECT_STORE_BYTES = 300 * 2**20
"""Audio and tokens are small; Ray would take a third of the memory."""

FOLDER_VARIABLE = "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC"

DIRECT_PORTS = 200  # a replica of the ingress listens on one of its own; one in use is passed over


QUIET_PORTS = range(10_000, 32_768)
"""Below those that Linux gives to whoever asks for any (ip_local_port_range): Ray's processes would
take them before they are used."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment, all different."""
    with ExitStack() as sockets:
        found: list[int] = []
        while len(found) < count:
            one, port = sockets.enter_context(socket.socket()), random.choice(QUIET_PORTS)
            with suppress(OSError):
                one.bind(("", port))
                found.append(port)
        return found


def serve_environment(folder: Path, longest_call_s: float) -> dict[str, str]:
    """What Serve's actors must find in their environment when they start; YAML cannot say it."""
    longest = str(round(longest_call_s + MARGIN_S))
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        # A reload of HAProxy ends the old process, and the calls in it, after this long.
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": longest,
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": longest,
        # Quarantined for as long as the hard stop, released ports would run out here.
        "RAY_SERVE_PORT_QUARANTINE_S": str(MARGIN_S),
        # Ray's workers would give way (nice 15) to whatever else runs on a laptop: callers wait.
        "RAY_worker_niceness": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        **haproxy_files(folder / "ha"),
        **ports(),
    }


def haproxy_files(folder: Path) -> dict[str, str]:
    """`folder` is short: HAProxy takes sockets of 97 characters, and Serve adds 70."""
    return {
        FOLDER_VARIABLE: f"{folder}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{folder}/admin.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{folder}/server-state",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{folder}/metrics.sock",
    }


def ports() -> dict[str, str]:
    """Ports that no other stack on this machine shares."""
    metrics, stats, fallback, fallback_grpc, some = free_ports(5)
    direct = 10_000 + some % 10_000  # and those for gRPC above it: all of them quiet ones
    return {
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(stats),
        # While it has no replica, HAProxy falls back to this one: another stack's would answer.
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(fallback),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(fallback_grpc),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(direct),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(direct + DIRECT_PORTS),
        "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": str(direct + 10_000),
        "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": str(direct + 10_000 + DIRECT_PORTS),
    }


@contextmanager
def local_cluster(longest_call_s: float) -> Generator[str]:
    """Start the cluster, give its dashboard's address, and end every process of it afterwards."""
    folder = new_folder()
    try:
        yield start(folder, longest_call_s)
    finally:
        stop(folder)
        ray.shutdown()


def new_folder() -> Path:
    """The cluster's own; `stop` removes it. Short, since sockets' paths are."""
    return Path(tempfile.mkdtemp(prefix="parley-", dir="/tmp"))


def start(folder: Path, longest_call_s: float) -> str:
    """Start the cluster and give its dashboard's address, which `serve deploy` wants. Its first
    processes end with the thread that calls this (Linux's parent-death signal)."""
    os.environ.update(serve_environment(folder, longest_call_s))
    # A SIGTERM is ours to answer: Ray's C++ would end this process, and leave HAProxy behind.
    ray_constants.RAY_DISABLE_FAILURE_SIGNAL_HANDLER = True
    (dashboard,) = free_ports(1)
    context = ray.init(
        "local",
        num_cpus=max(2, os.cpu_count() or 2),
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=True,
        dashboard_host="127.0.0.1",
        dashboard_port=dashboard,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _temp_dir=str(folder),
    )
    return f"http://{context.dashboard_url}"


def stop(folder: Path, grace_s: float = 4) -> None:
    """End the cluster's processes, politely for `grace_s`; HAProxy outlives its Ray actor
    otherwise, and would keep the port. A cluster that is still starting ends, too.

    Ray's client is left as it is: whoever asks it after `ray.shutdown` looks for another cluster,
    or starts one."""
    ours = processes_of(folder)
    for process in ours:
        _signal(process, kill=False)
    psutil.wait_procs(ours, timeout=grace_s)
    for _ in range(KILL_ROUNDS):
        left = processes_of(folder)  # those that resist, and those begun meanwhile
        for process in left:
            _signal(process, kill=True)
        psutil.wait_procs(left, timeout=1)
    shutil.rmtree(folder, ignore_errors=True)


def processes_of(folder: Path) -> list[psutil.Process]:
    """The cluster's processes, known by their environment or their open files: those whose parent
    died first have become somebody else's children, and a title of Ray's overwrites the former."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            marked = process.environ().get(FOLDER_VARIABLE, "").startswith(f"{folder}/")
            holds = (Path(file.path).is_relative_to(folder) for file in process.open_files())
            if process.pid != os.getpid() and (marked or any(holds)):
                found.append(process)
    return found


def _signal(process: psutil.Process, *, kill: bool) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill() if kill else process.terminate()
