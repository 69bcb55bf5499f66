"""The ingress application alone, under plain uvicorn: `python -m benchmarks.plain_ingress FILE`.

What one process on one core can do, with every model at an OpenAI-compatible endpoint; no Ray. The
FILE is a `Stack` (the `args:` of a Serve config) as YAML. Never a way to run Parley: no signature
is checked, and it listens on loopback.
"""

import argparse
from pathlib import Path

import yaml

from benchmarks.peers.listening import serve
from configs.schema import OpenAI, Stack
from deployments.engines.endpoint import (
    EndpointLanguageModel,
    EndpointSynthesizer,
    EndpointTranscriber,
    client_of,
)
from ingress.app import create_app
from ingress.backends import Backends
from ingress.security import Secrets


class Unmeasured:
    """`ingress.metrics.Metrics` that keeps nothing."""

    def count(self, name: str, **tags: str) -> None: ...
    def gauge(self, name: str, value: float) -> None: ...
    def observe(self, name: str, value: float, **tags: str) -> None: ...


def backends_of(stack: Stack) -> Backends:
    """Raises ValueError for a role whose engine is not `openai`."""
    stt, llm, tts = stack.stt, stack.llm, stack.tts
    if not (isinstance(stt, OpenAI) and isinstance(llm, OpenAI) and isinstance(tts, OpenAI)):
        raise ValueError("plain_ingress runs no model: give every role `engine: openai`")
    return Backends(
        EndpointTranscriber(client_of(stt, None), stt.model),
        EndpointLanguageModel(client_of(llm, None), llm.model),
        EndpointSynthesizer(client_of(tts, None), tts.model),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plain_ingress", description=__doc__)
    parser.add_argument("stack", type=Path)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    stack = Stack.model_validate(yaml.safe_load(given.stack.read_text()))
    app = create_app(
        stack, backends_of(stack), Unmeasured(), secrets=Secrets(), proxy="none", replica="plain"
    )
    serve(app, given.port)


if __name__ == "__main__":
    main()
