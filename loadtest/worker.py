"""`python -m loadtest.worker`: one process of a load test, for `loadtest.crew`.

Lines of JSON: on standard input a `Load` and then each `Step` with the numbers of its calls; on
standard output the records as they come, and what the tester itself did at each step's end.
"""

import asyncio
import gc
import sys
from dataclasses import asdict
from typing import Any

import orjson

from loadtest.noticed import Beat, Noticed, Own, Record, Trouble
from loadtest.step import Load, Step, hold_calls
from loadtest.utterance import UnreadableRecording
from loadtest.webhook import CallRefused

KINDS = {Noticed: "noticed", Trouble: "trouble", Beat: "beat"}


def tell(kind: str, what: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps({kind: what}) + b"\n")
    sys.stdout.buffer.flush()


def note(record: Record) -> None:
    tell(KINDS[type(record)], asdict(record))


def main() -> int:
    load = Load(**orjson.loads(sys.stdin.buffer.readline()))
    try:
        habits = load.habits()
        load.called()
    except (UnreadableRecording, CallRefused) as error:
        tell("refused", str(error))
        return 1
    gc.freeze()
    tell("ready", True)
    for line in iter(sys.stdin.buffer.readline, b""):
        given = orjson.loads(line)
        step = Step(**given["step"])
        own: Own = asyncio.run(hold_calls(load, habits, step, given["mine"], note))
        tell("own", asdict(own))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
