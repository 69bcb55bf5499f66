"""What a person sees of a stack at the terminal: a line for each stage, and how to reach it."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.status import Status

from configs.schema import Stack
from ingress.security import is_loopback


class Terminal:
    """One tidy line a stage: what, how it ended, how long it took. Says nothing to a window that
    is closed: what is printed must not keep a stack from its end."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._left = False
        self._status: Status | None = None

    def say(self, text: str) -> None:
        if not self._left:
            with suppress(OSError):
                self._console.print(text)

    @contextmanager
    def doing(self, stage: str, what: str) -> Generator[Callable[[str], None]]:
        """Tell of a stage while it lasts; what is yielded takes how it ended."""
        begun = time.monotonic()
        notes: list[str] = []
        self._begin(f"{stage:<15} {what}")
        try:
            yield notes.append
        finally:
            self._end()
        self.done(stage, notes[-1] if notes else "done", time.monotonic() - begun)

    def done(self, stage: str, how: str, seconds: float) -> None:
        self.say(f"{stage:<15} {how:<50} {seconds:6.1f} s")

    def leave(self) -> None:
        """Print no more: who works on a stage is left behind."""
        self._end()
        self._left = True

    def _begin(self, text: str) -> None:
        if not self._left:
            self._status = self._console.status(text)
            with suppress(OSError):
                self._status.start()

    def _end(self) -> None:
        status, self._status = self._status, None
        if status:
            with suppress(OSError):
                status.stop()


def ready_lines(host: str, port: int, dashboard: str, stack: Stack) -> str:
    """How to reach a stack that is ready. Beyond loopback a protocol without its secret is not
    served."""
    ours = is_loopback(host)
    url = f"http://{host if ours else 'localhost'}:{port}"
    if stack.api.keys_env or ours:
        keyed = "API keys asked for" if stack.api.keys_env else "no API keys: loopback only"
        talk = f"Talk to it in a browser: [bold]{url}/[/]"
        openai = f"{url}/v1   Realtime and REST, documented at {url}/docs; {keyed}"
    else:
        talk = "Twilio can call it."
        openai = f"not served: {host} is reached by others, and api.keys_env names no keys"
    if stack.twilio.auth_token_env or ours:
        signed = stack.twilio.auth_token_env
        checked = "signatures checked" if signed else "no auth token: loopback only"
        twilio = f"POST {url}/twilio/voice   {checked}"
    else:
        twilio = f"not served: {host} is reached by others, without twilio.auth_token_env"
    return (
        f"\n[bold green]Parley is ready.[/] {talk}\n"
        f"or let a recording call it, from another terminal: [bold]make call[/]\n"
        f"  OpenAI      {openai}\n"
        f"  Twilio      {twilio}\n"
        f"  health      {url}/health\n"
        f"  dashboard   {dashboard}   logs and metrics of every replica\n"
        f"Ctrl-C ends open calls and stops everything."
    )
