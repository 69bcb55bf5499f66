"""`prefix`: what a warmed prefix cache saves of the wait for the first token.

The CPU default's own language model in its deployment, asked as the ingress asks it, without the
rest of the stack: conversations of more than 600 tokens, each with a first line of its own, so that
no two share a cached block. Cold ones and warmed ones take turns.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import yaml

from benchmarks.progress import Told
from benchmarks.report import Detail, Figure, Report
from benchmarks.running_stack import NoStack
from configs.schema import Stack, Vllm
from conversation.history import Message
from deployments.local_cluster import local_cluster
from ingress.backends import Piece, ReplyOptions

APP = "prefix"
LONG_S = 120.0
TOKENS_AT_LEAST = 600
RATIO_AT_MOST = 0.5
WARMING_CONVERSATIONS = 2
"""Not counted: the deployment's first requests are slower than all later ones."""

EXCHANGES = (
    ("I ordered a washing machine last week.", "Thank you, let me look that up for you."),
    ("The order number is four five nine two.", "I found it, it was sent on Monday morning."),
    ("It has not arrived yet.", "I am sorry about that, the driver was held up by snow."),
    ("When will it come?", "It should be with you tomorrow between nine and twelve."),
    ("Can they call me before?", "Of course, the driver will call you half an hour before."),
    ("And will they take the old one away?", "Yes, they will, it costs nothing."),
    ("Does it need to be disconnected?", "Please disconnect the water and empty the drum first."),
    ("How long is the guarantee?", "It is two years, and five for the motor."),
)
LAST = "Thank you, and what do I have to sign?"
RULES = (
    "The agent is polite, answers in one short sentence, and never makes a promise about a price. "
    "Deliveries run from Monday to Saturday between eight in the morning and six in the evening. "
) * 4

Ask = Callable[[Sequence[Message], ReplyOptions], AsyncIterator[Piece]]


def conversation(number: int, exchanges: tuple[tuple[str, str], ...] = EXCHANGES) -> list[Message]:
    """System prompt and history of a call that shares no prefix with another number's."""
    said = [
        message
        for caller, agent in exchanges * 2
        for message in (Message("user", caller), Message("assistant", agent))
    ]
    return [Message("system", f"Call {number} of {time.time_ns()}. {RULES}"), *said]


def prefix(config: Path, rounds: int, tell: Told) -> Report:
    """`rounds` cold and as many warmed conversations. Raises NoStack for a config without vLLM."""
    section = _section(config)
    with local_cluster(LONG_S):
        ask = _deployed(section)
        return _measured(section, ask, rounds, tell)


def _section(config: Path) -> Vllm:
    args = yaml.safe_load(config.read_text())["applications"][0]["args"]
    section = Stack.model_validate(args).llm
    if not isinstance(section, Vllm):
        raise NoStack(f"{config} runs no vLLM of its own: there is no prefix cache to measure")
    return section


def _deployed(section: Vllm) -> Ask:
    """A way to ask the deployment. Serve reads its environment when it is imported: late."""
    from ray import serve

    from deployments.app import language_model
    from deployments.handles import LanguageModelHandle

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(proxy_location="Disabled")
    app = cast(Any, language_model(section, "LanguageModel"))
    model = LanguageModelHandle(serve.run(app, name=APP, route_prefix=None))
    return lambda said, options: model.reply(said, options, first_token_s=LONG_S, deadline_s=LONG_S)


def _measured(section: Vllm, ask: Ask, rounds: int, tell: Told) -> Report:
    tokens = _tokens_of(section, [*conversation(0), Message("user", LAST)])
    rows = asyncio.run(_rounds(ask, rounds, tell))
    cold, warmed, warming = (float(np.median(column)) for column in zip(*rows, strict=True))
    figures = [
        Figure("prompt", tokens, "tokens", at_least=TOKENS_AT_LEAST),
        Figure("first token, cold prefix, median", cold, "ms"),
        Figure("first token, warmed prefix, median", warmed, "ms"),
        Figure("warmed over cold", warmed / cold, at_most=RATIO_AT_MOST),
        Figure("the warming request itself, median", warming, "ms"),
    ]
    return Report("prefix", figures, [Detail("rounds, ms", ("cold", "warmed", "warming"), rows)])


async def _rounds(ask: Ask, rounds: int, tell: Told) -> list[tuple[float, float, float]]:
    measured: list[tuple[float, float, float]] = []
    for number in range(rounds + WARMING_CONVERSATIONS):
        cold = await _first_token_ms(ask, [*conversation(number), Message("user", LAST)])
        known = conversation(number)
        warming = await _first_token_ms(ask, known, max_tokens=1)
        warmed = await _first_token_ms(ask, [*known, Message("user", LAST)])
        tell(f"{cold:.0f} ms cold, {warmed:.0f} ms warmed")
        measured.append((cold, warmed, warming))
    return measured[WARMING_CONVERSATIONS:]


async def _first_token_ms(ask: Ask, said: Sequence[Message], max_tokens: int = 8) -> float:
    """From the request to its first text; the rest of the reply is awaited too, so that nothing
    of it runs beside the next request."""
    options = replace(ReplyOptions(), max_tokens=max_tokens, temperature=0)
    began, first = time.perf_counter(), None
    pieces = cast(Any, ask(said, options))
    async with aclosing(pieces):
        async for _ in pieces:
            first = first or time.perf_counter()
    return 1_000 * ((first or time.perf_counter()) - began)


def _tokens_of(section: Vllm, said: Sequence[Message]) -> int:
    from transformers import AutoTokenizer

    from deployments.app import located

    tokenizer = cast(Any, AutoTokenizer).from_pretrained(located(section).model)
    rows = [{"role": one.role, "content": one.text} for one in said]
    text = tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=True)
    return len(tokenizer.encode(text, add_special_tokens=False))
