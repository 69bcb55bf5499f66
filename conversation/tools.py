"""Tools that a model may call, and its calls of them. Owns neither what a tool does nor who runs
it: the caller's client does, and its answer is a message of role `tool`."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tool:
    """`parameters`: the JSON schema of the arguments, an object, as JSON text."""

    name: str
    description: str = ""
    parameters: str = "{}"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments`: JSON text as the model wrote it, not checked against the tool's schema. `item`
    names the call where the protocol names items: some models count their calls anew in every
    reply, so a `call_id` may come again."""

    call_id: str
    name: str
    arguments: str
    item: str = field(default="", compare=False)
