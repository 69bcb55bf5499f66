"""Lets the language model compute a prefix before it is asked to go on from it. Owns no state."""

from collections.abc import Sequence
from contextlib import suppress

from configs.agents import Limits
from conversation.history import Message
from ingress.backends import BackendError, LanguageModel, ReplyOptions, closing


async def warm(model: LanguageModel, messages: Sequence[Message], limits: Limits) -> None:
    """Ask for one token and drop it: vLLM keeps the prompt's blocks in its prefix cache. A failure
    costs nothing but the warmth; it was counted where it was raised."""
    tokens = model.reply(
        messages,
        ReplyOptions(max_tokens=1, temperature=0),
        first_token_s=limits.request_timeout_s,
        deadline_s=limits.request_timeout_s,
    )
    with suppress(BackendError):
        async with closing(tokens) as pieces:
            async for _ in pieces:
                pass
