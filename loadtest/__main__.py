"""`python -m loadtest call`, `run` and `capacity`: call a running stack, as Twilio would or as a
client of OpenAI's Realtime protocol."""

import argparse
import asyncio
import secrets
import sys
from pathlib import Path

from rich.console import Console

from loadtest.call import Caller, call
from loadtest.commands import run_steps, search_capacity
from loadtest.crew import WorkerLost
from loadtest.options import options
from loadtest.placing import Called
from loadtest.printout import ForPeople, ForPrograms
from loadtest.script import Plan
from loadtest.utterance import UnreadableRecording, read_utterance
from loadtest.webhook import CallRefused, server_of


def caller_of(given: argparse.Namespace) -> Caller:
    """Raises CallRefused when a secret's variable is not set."""
    url, public_url = given.url.rstrip("/"), (given.public_url or given.url).rstrip("/")
    server = server_of(url, public_url, given.auth_token_env, given.api_key_env)
    call_sid = f"CA{secrets.token_hex(16)}"
    wav = given.out or Path()
    if wav.suffix.lower() != ".wav":
        wav.mkdir(parents=True, exist_ok=True)
        wav = wav / f"heard-{call_sid}.wav"
    if not wav.parent.is_dir():
        raise CallRefused(f"--out: there is no folder {wav.parent}")
    called = Called(server, given.protocol, given.agent, dict(given.param))
    return Caller(called, call_sid, wav)


def main(arguments: list[str] | None = None, *, pace: float = 1.0) -> int:
    """Exit code: 0 when every turn was answered and every objective kept. `pace` as for
    `loadtest.phone.held`."""
    given = options(arguments)
    commands = {"call": call_once, "run": run_steps, "capacity": search_capacity}
    try:
        return commands[given.command](given, pace)
    except (CallRefused, UnreadableRecording, WorkerLost) as error:
        errors = Console(stderr=True, highlight=False)
        errors.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


def call_once(given: argparse.Namespace, pace: float) -> int:
    caller = caller_of(given)
    utterances = tuple(map(read_utterance, given.wav or given.default_wavs))
    plan = Plan(utterances, given.turns, given.barge_in_after, given.timeout_s, pace)
    shown = ForPrograms(caller.wav) if given.json else ForPeople(Console(highlight=False))
    return 0 if asyncio.run(call(caller, plan, shown)) else 1


if __name__ == "__main__":
    sys.exit(main())
