"""`python -m loadtest call`: call a running stack as Twilio would, and hear its answers."""

import argparse
import asyncio
import math
import os
import secrets
import sys
from pathlib import Path

from rich.console import Console

from loadtest.call import Caller, call
from loadtest.printout import ForPeople, ForPrograms
from loadtest.script import Plan
from loadtest.utterance import DEFAULT_WAV, UnreadableRecording, read_utterance
from loadtest.webhook import CallRefused, Server


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("call", help="one call over Twilio's protocol, in real time")
    add = one.add_argument
    add("--url", default="http://127.0.0.1:8000", help="the stack (default: %(default)s)")
    add("--wav", type=Path, action="append", help="an utterance; repeat for one a turn, in a cycle")
    add("--turns", type=positive, default=1, help="default: %(default)s")
    add(
        "--barge-in-after",
        type=not_negative,
        metavar="MS",
        help="speak again so long into each reply",
    )
    add("--json", action="store_true", help="one JSON object a turn")
    add("--out", type=Path, help="what was heard: a WAV, or a folder for it (default: here)")
    add("--agent", help="the agent to call (default: by the dialled number)")
    add("--param", type=key_value, action="append", default=[], metavar="KEY=VALUE")
    add("--timeout-s", type=over_zero, default=60.0, help="a turn's (default: %(default)s)")
    add("--auth-token-env", metavar="NAME", help="variable with Twilio's auth token: sign with it")
    add("--public-url", help="the address that is signed (default: --url)")
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def not_negative(text: str) -> float:
    if not 0 <= (number := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return number


def over_zero(text: str) -> float:
    if not (number := not_negative(text)):
        raise argparse.ArgumentTypeError("0 is not more than 0")
    return number


def key_value(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def caller_of(given: argparse.Namespace) -> Caller:
    """Raises CallRefused when the token's variable is not set."""
    token = None
    if given.auth_token_env and not (token := os.environ.get(given.auth_token_env)):
        raise CallRefused(f"--auth-token-env: no variable {given.auth_token_env} is set")
    call_sid, url = f"CA{secrets.token_hex(16)}", given.url.rstrip("/")
    wav = given.out or Path()
    if wav.suffix.lower() != ".wav":
        wav.mkdir(parents=True, exist_ok=True)
        wav = wav / f"heard-{call_sid}.wav"
    if not wav.parent.is_dir():
        raise CallRefused(f"--out: there is no folder {wav.parent}")
    server = Server(url, (given.public_url or url).rstrip("/"), token)
    return Caller(server, call_sid, wav, given.agent, dict(given.param))


def main(arguments: list[str] | None = None, *, pace: float = 1.0) -> int:
    """Exit code: 0 when every turn was answered. `pace` as for `loadtest.phone.dial`."""
    given = options(arguments)
    errors = Console(stderr=True, highlight=False)
    try:
        caller = caller_of(given)
        utterances = tuple(map(read_utterance, given.wav or [DEFAULT_WAV]))
        plan = Plan(utterances, given.turns, given.barge_in_after, given.timeout_s, pace)
        shown = ForPrograms(caller.wav) if given.json else ForPeople(Console(highlight=False))
        return 0 if asyncio.run(call(caller, plan, shown)) else 1
    except (CallRefused, UnreadableRecording) as error:
        errors.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
