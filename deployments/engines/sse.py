"""What an answer of OpenAI's chat API says, whole or as server-sent events. Owns no connection."""

import json
from collections.abc import Iterator
from typing import Any

from conversation.fallbacks import FailureClass, failure_of_status
from ingress.backends import BackendError

PREFIX = "data:"
DONE = "[DONE]"


def texts_of(events: str) -> Iterator[str]:
    """The text deltas, none empty, in a chunk of complete server-sent events.

    Raises BackendError for an event that reports an error: servers send it in the stream, since
    the response has already begun with status 200.
    """
    for line in events.splitlines():
        data = line.removeprefix(PREFIX).strip()
        if line.startswith(PREFIX) and data != DONE:
            yield from deltas(json.loads(data))


def deltas(event: dict[str, Any]) -> Iterator[str]:
    """The text deltas, none empty, of one event. Raises BackendError where it reports an error."""
    if error := event.get("error"):
        raise reported(error)
    for choice in event.get("choices") or ():
        if text := (choice.get("delta") or {}).get("content"):
            yield text


def text_of(answer: dict[str, Any]) -> str:
    """The text of a whole answer, maybe empty. Raises BackendError where it reports an error, or
    is no answer at all: overloaded gateways say 200, too."""
    if error := answer.get("error"):
        raise reported(error)
    try:
        return answer["choices"][0]["message"]["content"] or ""
    except (KeyError, IndexError, TypeError):
        raise BackendError(FailureClass.SERVER, f"no answer in {str(answer)[:200]}") from None


def reported(error: Any) -> BackendError:
    """An error object of OpenAI's API; `code` is an HTTP status in vLLM, a word elsewhere."""
    found: dict[str, Any] = error if isinstance(error, dict) else {"message": error}
    code = found.get("code")
    failure = failure_of_status(code) if isinstance(code, int) else FailureClass.SERVER
    return BackendError(failure, str(found.get("message", found)))
