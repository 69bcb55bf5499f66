"""Parley for a browser under test: the whole app under uvicorn, real ears, scripted models.
A process of its own, so that a test can end it and start it anew on the same port.

Says `ready PORT` once it answers. Ends when its standard input does: no test leaves one behind.
"""

import argparse
import json
import sys
from pathlib import Path

import httpx
import soundfile

from audio.pcm import Audio
from audio.resampling import resample
from configs.schema import Stack
from ingress.app import create_app
from ingress.security import Secrets
from tests.clients.answering import SCRIPTED, STORY, Models
from tests.ingress.line import Counts
from tests.ingress.server import serving

DATA = Path(__file__).parents[1] / "data"
REPLIES = (STORY.strip(), "You said: {last} That was message {turns}.")
VOICES = ("af_heart", "am_adam")
HEARD_HZ = 16_000


class TwoVoices(Models):
    async def voices(self, *, deadline_s: float) -> tuple[str, ...]:
        return VOICES


def stack_of(max_calls: int) -> Stack:
    agent = SCRIPTED["agents"]["default"]
    firm = agent | {"prompt": "You speak for {company}."}
    return Stack.model_validate(
        SCRIPTED
        | {
            "llm": SCRIPTED["llm"] | {"replies": REPLIES},
            "agents": {"billing": agent, "default": agent, "firm": firm, "sales": agent},
            "listening": {"partial_every_ms": 200},
            "ingress": {"max_calls": max_calls},
        }
    )


def recordings() -> dict[str, Audio]:
    """What a browser's microphone may say, by its text."""
    texts = json.loads((DATA / "transcripts.json").read_text())
    found: dict[str, Audio] = {}
    for name, text in texts.items():
        samples, rate_hz = soundfile.read(DATA / name, dtype="int16")
        found[text] = resample(Audio(samples, rate_hz), HEARD_HZ)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--max-calls", type=int, default=10)
    parser.add_argument("--key")
    given = parser.parse_args()
    stack = stack_of(given.max_calls)
    secrets = Secrets(api_keys=(given.key,) if given.key else ())
    models = TwoVoices(stack, recordings())
    app = create_app(
        stack, models.backends, Counts(), secrets=secrets, proxy="haproxy", replica="r1"
    )
    with serving(app, given.port) as client:
        while client.get("/health").status_code != httpx.codes.OK:
            pass
        sys.stdout.write(f"ready {client.base_url.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
