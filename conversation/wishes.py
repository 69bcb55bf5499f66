"""How a reply is to be made, where it is to differ from the agent's own ways. Owns no decision."""

from dataclasses import dataclass

from conversation.history import Message
from conversation.tools import Tool


@dataclass(frozen=True, slots=True)
class Wish:
    """None and empty values leave what the agent has. `request` names, for the protocol, who asked
    for the reply. `messages` stand in place of the conversation. One that is not `kept` leaves no
    trace in the conversation, and if it is not `spoken` either, is made beside it."""

    request: str = ""
    instructions: str | None = None
    messages: tuple[Message, ...] | None = None
    kept: bool = True
    spoken: bool = True
    voice: str | None = None
    speed: float | None = None
    max_tokens: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"

    @property
    def aside(self) -> bool:
        return not self.kept and not self.spoken


PLAIN = Wish()
"""As the agent has it."""
