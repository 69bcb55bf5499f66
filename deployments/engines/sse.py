"""What an answer of OpenAI's chat API says, whole or as server-sent events. Owns no connection."""

from collections.abc import Iterator
from typing import Any

import orjson

from conversation.fallbacks import FailureClass, failure_of_status
from ingress.backends import BackendError

PREFIX = b"data:"
DONE = b"[DONE]"

MAX_LINE_BYTES = 1_000_000
"""Our choice: an event of a token is some 200 bytes; a line that never ends is no event."""


class ChatEvents:
    """The text in a stream of server-sent events that arrives in pieces cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""
        self.done = False
        """Whether the API's own end of the stream has come."""

    def push(self, piece: bytes) -> Iterator[str]:
        """The text of the events that `piece` completes, together, if there is any.

        Raises BackendError after it where an event reports an error (servers send it in the
        stream, since the response has already begun with status 200) or is no event of the API.
        """
        *lines, self._rest = (self._rest + piece).split(b"\n")
        texts: list[str] = []
        failed: BackendError | None = None
        try:
            for line in lines:
                texts += self._texts(line)
            if len(self._rest) > MAX_LINE_BYTES:
                raise BackendError(FailureClass.SERVER, "an event without an end")
        except BackendError as error:
            failed = error
        if texts:
            yield "".join(texts)
        if failed:
            raise failed

    def finish(self) -> Iterator[str]:
        """The same of a last line that has no end. Raises BackendError."""
        return self.push(b"\n")

    def _texts(self, line: bytes) -> Iterator[str]:
        if not line.startswith(PREFIX):
            return iter(())
        data = line[len(PREFIX) :].strip()
        if data == DONE:
            self.done = True
            return iter(())
        return deltas(body_of(data))


def texts_of(events: str) -> Iterator[str]:
    """The text in a chunk of complete server-sent events. Raises as `ChatEvents.push`."""
    stream = ChatEvents()
    yield from stream.push(events.encode())
    yield from stream.finish()


def body_of(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises BackendError for anything else."""
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BackendError(FailureClass.SERVER, f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise BackendError(FailureClass.SERVER, f"not an object: {str(body)[:200]}")
    return body


def deltas(event: dict[str, Any]) -> Iterator[str]:
    """The text deltas, none empty, of one event. Raises BackendError where it reports an error, or
    is none of the API's."""
    if error := event.get("error"):
        raise reported(error)
    try:
        found = [
            (choice.get("delta") or {}).get("content") for choice in event.get("choices") or ()
        ]
    except (AttributeError, TypeError):
        raise odd(event) from None
    for text in found:
        if text:
            yield checked(text, event)


def text_of(answer: dict[str, Any]) -> str:
    """The text of a whole answer, maybe empty. Raises BackendError where it reports an error, or
    is no answer at all: overloaded gateways say 200, too."""
    if error := answer.get("error"):
        raise reported(error)
    try:
        text = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise odd(answer) from None
    return checked(text or "", answer)


def checked(text: Any, answer: dict[str, Any]) -> str:
    if not isinstance(text, str):
        raise odd(answer)
    return text


def odd(answer: dict[str, Any]) -> BackendError:
    return BackendError(FailureClass.SERVER, f"no answer in {str(answer)[:200]}")


def reported(error: Any) -> BackendError:
    """An error object of OpenAI's API; `code` is an HTTP status in vLLM, a word elsewhere."""
    found: dict[str, Any] = error if isinstance(error, dict) else {"message": error}
    code = found.get("code")
    failure = failure_of_status(code) if isinstance(code, int) else FailureClass.SERVER
    return BackendError(failure, str(found.get("message", found)))
