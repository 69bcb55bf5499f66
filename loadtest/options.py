"""What can be asked of `python -m loadtest` on its command line."""

import argparse
import math
from pathlib import Path

from loadtest.utterance import DEFAULT_WAV, DEFAULT_WAVS


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Ends the process with 2 where they make no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest",
        description="Call a running stack, as Twilio would or as a Realtime client.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _call(commands.add_parser("call", help="one call, in real time: hear the answers"))
    run = commands.add_parser("run", help="many calls at once, step by step: how fast, how well")
    _load(run)
    run.add_argument(
        "--calls", type=numbers, default=[1, 4, 8, 16], metavar="N,N,…", help="default: 1,4,8,16"
    )
    run.add_argument("--slo-p95-ms", type=over_zero, metavar="MS", help="fail where p95 is over it")
    run.add_argument("--allow-late", action="store_true", help="count steps with a late tester")
    capacity = commands.add_parser("capacity", help="the most calls that keep an objective")
    _load(capacity)
    add = capacity.add_argument
    add("--slo-p95-ms", type=over_zero, default=1_000.0, metavar="MS", help="default: %(default)g")
    add("--first", type=positive, default=8, help="calls to begin with (default: %(default)s)")
    add("--max-calls", type=positive, default=256, help="default: %(default)s")
    add("--within", type=not_negative, default=5.0, metavar="PERCENT", help="default: %(default)g")
    given = parser.parse_args(arguments)
    for option in wrong_options(given):
        parser.error(f"{option} is not for --protocol {given.protocol}")
    return given


def wrong_options(given: argparse.Namespace) -> list[str]:
    """Those that the chosen protocol has no place for."""
    of_twilio = {
        "--auth-token-env": given.auth_token_env,
        "--public-url": given.public_url,
        "--param": given.param,
    }
    theirs = {"--api-key-env": given.api_key_env} if given.protocol == "twilio" else of_twilio
    return [option for option, value in theirs.items() if value]


def _server(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8000", help="the stack (default: %(default)s)")
    add("--protocol", choices=("twilio", "realtime"), default="twilio", help="default: %(default)s")
    add("--agent", help="the agent to call (default: by the dialled number, or the default one)")
    add("--param", type=key_value, action="append", default=[], metavar="KEY=VALUE")
    add("--auth-token-env", metavar="NAME", help="variable with Twilio's auth token: sign with it")
    add("--public-url", help="the address that is signed (default: --url)")
    add("--api-key-env", metavar="NAME", help="variable with an API key, for Realtime")


def _call(parser: argparse.ArgumentParser) -> None:
    _server(parser)
    add = parser.add_argument
    add("--wav", type=Path, action="append", help="an utterance; repeat for one a turn, in a cycle")
    add("--turns", type=positive, default=1, help="default: %(default)s")
    add(
        "--barge-in-after",
        type=not_negative,
        metavar="MS",
        help="speak into each reply but the last",
    )
    add("--json", action="store_true", help="one JSON object a turn")
    add("--out", type=Path, help="what was heard: a WAV, or a folder for it (default: here)")
    add("--timeout-s", type=over_zero, default=60.0, help="a turn's (default: %(default)g)")
    parser.set_defaults(default_wavs=[DEFAULT_WAV])


def _load(parser: argparse.ArgumentParser) -> None:
    _server(parser)
    add = parser.add_argument
    add("--wav", type=Path, action="append", help="an utterance; repeat for a cycle of them")
    add("--duration", type=over_zero, default=30.0, metavar="S", help="of a step, from its last "
        "call's beginning (default: %(default)g)")  # fmt: skip
    add("--ramp", type=not_negative, default=0.25, metavar="S", help="between the beginnings of "
        "calls (default: %(default)g)")  # fmt: skip
    add("--think-ms", type=not_negative, default=500.0, metavar="MS", help="between an answer and "
        "the next utterance, give or take half (default: %(default)g)")  # fmt: skip
    add("--barge-in-rate", type=share, default=0.0, metavar="0…1", help="of answers spoken into")
    add("--barge-in-after", type=not_negative, default=300.0, metavar="MS", help="after an "
        "answer's first sound (default: %(default)g)")  # fmt: skip
    add("--jitter-ms", type=not_negative, default=0.0, metavar="MS", help="at most, both ways")
    add("--loss", type=percent, default=0.0, metavar="PERCENT", help="of the caller's frames")
    add("--timeout-s", type=over_zero, default=20.0, help="an answer's (default: %(default)g)")
    add("--processes", type=positive, default=1, help="of the tester; 1 holds some hundred calls")
    add("--seed", type=int, default=1, help="of pauses, barge-ins and losses")
    add("--json", type=Path, metavar="FILE", help="every figure and every turn")
    add("--html", type=Path, metavar="FILE", help="a report with plots, in one file")
    parser.set_defaults(default_wavs=DEFAULT_WAVS)


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def numbers(text: str) -> list[int]:
    return [positive(one) for one in text.split(",")]


def not_negative(text: str) -> float:
    if not 0 <= (number := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return number


def over_zero(text: str) -> float:
    if not (number := not_negative(text)):
        raise argparse.ArgumentTypeError("0 is not more than 0")
    return number


def share(text: str) -> float:
    if (number := not_negative(text)) > 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def percent(text: str) -> float:
    if (number := not_negative(text)) >= 100:
        raise argparse.ArgumentTypeError(f"{text} is not under 100")
    return number


def key_value(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value
