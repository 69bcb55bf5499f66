"""An agent's prompt and greeting, filled with a call's own variables."""

from collections.abc import Mapping
from string import Formatter

MARKER = "||BREAK||"

MARKER_INSTRUCTION = (
    f"You are heard, not read: answer in plain spoken sentences, without lists, markdown or emoji. "
    f"Write {MARKER} between thoughts, after every sentence or two, so that each can be spoken "
    f"while you think of the next."
)


class PromptError(ValueError):
    """A prompt that cannot be filled; the message names what is missing or wrong."""


def variables_of(template: str) -> frozenset[str]:
    """Names used as {name} in a template; {{ and }} are braces. Raises PromptError on anything
    but a plain name, so that a template reaches no attribute or index."""
    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise PromptError(f"{error} in the template {template!r}; write {{{{ for a brace") from None
    for field in fields:
        if not field.isidentifier():
            raise PromptError(f"{{{field}}} is not a variable's name; write {{{{ for a brace")
    return frozenset(fields)


def filled(template: str, variables: Mapping[str, str]) -> str:
    """The template with its variables' values. Raises PromptError that names all missing ones."""
    missing = sorted(variables_of(template) - variables.keys())
    if missing:
        raise PromptError(
            f"no value for {', '.join(missing)}: pass each as a parameter of the call, "
            "or give a default under the agent's variables:"
        )
    return template.format_map(variables)


def system_prompt(template: str, variables: Mapping[str, str], *, phrase_markers: bool) -> str:
    """The system message of a call. Raises PromptError."""
    prompt = filled(template, variables).strip()
    return f"{prompt}\n\n{MARKER_INSTRUCTION}" if phrase_markers else prompt
