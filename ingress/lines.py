"""Fixed lines: spoken once, kept, and played when no model answers. Owns their sound."""

from collections.abc import Iterable

from configs.schema import Stack
from conversation.prompts import variables_of
from ingress.backends import Backends, Speech, Voice, closing


def lines_of(stack: Stack) -> Iterable[tuple[str, Voice]]:
    """Every line that is known before a call: fallbacks, the busy line, and greetings, but for
    those that only a call's own variables complete."""
    for agent in stack.agents.values():
        voice = Voice(agent.voice, agent.speed)
        yield from ((line, voice) for line in agent.fallback_lines)
        yield stack.twilio.busy_line, voice
        if agent.greeting and variables_of(agent.greeting) <= agent.variables.keys():
            yield agent.greeting.format_map(agent.variables), voice


class FixedLines:
    """Lines by their words and voice."""

    def __init__(self) -> None:
        self._speech: dict[tuple[str, Voice], tuple[Speech, ...]] = {}

    def find(self, line: str, voice: Voice) -> tuple[Speech, ...] | None:
        return self._speech.get((line, voice))

    async def prepare(self, stack: Stack, backends: Backends, *, deadline_s: float) -> None:
        """Speak every line that is not yet kept. Raises BackendError; what was spoken stays."""
        for line, voice in dict.fromkeys(lines_of(stack)):
            if (line, voice) in self._speech:
                continue
            speech = backends.synthesizer.synthesize(line, voice, deadline_s=deadline_s)
            async with closing(speech) as pieces:
                self._speech[line, voice] = tuple([piece async for piece in pieces])
