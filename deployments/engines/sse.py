"""What an answer of OpenAI's chat API says, whole or as server-sent events. Owns no connection."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson

from conversation.fallbacks import FailureClass, failure_of_status
from conversation.tools import ToolCall
from ingress.backends import BackendError, Piece, Usage

PREFIX = b"data:"
DONE = b"[DONE]"

MAX_LINE_BYTES = 1_000_000
"""Our choice: an event of a token is some 200 bytes; a line that never ends is no event."""


class DataLines:
    """The data of server-sent events that arrive in pieces cut anywhere: in this API, each event
    is one line."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, piece: bytes) -> Iterator[bytes]:
        """What follows `data:` in each line that `piece` completes. Raises BackendError after
        them when a line has become too long."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(PREFIX):
                yield line[len(PREFIX) :].strip()
        if len(self._rest) > MAX_LINE_BYTES:
            raise BackendError(FailureClass.SERVER, "an event without an end")


class ChatEvents:
    """The pieces of a reply in a stream of server-sent events."""

    def __init__(self) -> None:
        self._lines = DataLines()
        self._calls: list[_Calling] = []
        self._by_index: dict[Any, _Calling] = {}
        self._usage: Usage | None = None
        self._cut_short = False
        self.done = False
        """Whether the API's own end of the stream has come."""

    def push(self, piece: bytes) -> Iterator[Piece]:
        """The text of the events that `piece` completes, together, if there is any; with the end
        of the stream, the tool calls, each whole, and the usage.

        Raises BackendError after it where an event reports an error (servers send it in the
        stream, since the response has already begun with status 200) or is no event of the API.
        """
        texts: list[str] = []
        failed: BackendError | None = None
        try:
            for data in self._lines.push(piece):
                texts += self._texts(data)
        except BackendError as error:
            failed = error
        if texts:
            yield "".join(texts)
        if failed:
            raise failed
        if self.done:
            yield from self._last()

    def finish(self) -> Iterator[Piece]:
        """The same of a last line that has no end. Raises BackendError, too, when the stream
        broke off within a tool call: half of one must not be made."""
        yield from self.push(b"\n")
        if self._calls and not self.done:
            raise BackendError(FailureClass.NETWORK, "the stream broke off within a tool call")
        yield from self._last()

    def _texts(self, data: bytes) -> Iterator[str]:
        if data == DONE:
            self.done = True
            return
        event = body_of(data)
        if error := event.get("error"):
            raise reported(error)
        try:
            for choice in event.get("choices") or ():
                delta = choice.get("delta") or {}
                for call in delta.get("tool_calls") or ():
                    self._hear(call)
                if text := delta.get("content"):
                    yield checked(text, event)
                self._cut_short |= cut_short(choice)
        except (AttributeError, TypeError):
            raise odd(event) from None
        self._usage = usage_of(event) or self._usage

    def _hear(self, delta: dict[str, Any]) -> None:
        """A call comes in parts: its id and name with the first, its arguments spread over all.
        Some servers number all that are made together 0 (github.com/ai-dynamo/dynamo/pull/4723)."""
        call_id = delta.get("id") or ""
        index = delta.get("index", call_id)
        call = self._by_index.get(index)
        if call is None or (call_id and call.call_id not in ("", call_id)):
            call = self._by_index[index] = _Calling()
            self._calls.append(call)
        function = delta.get("function") or {}
        call.call_id = call.call_id or call_id
        call.name = call.name or function.get("name") or ""
        call.arguments += function.get("arguments") or ""

    def _last(self) -> Iterator[Piece]:
        calls, self._calls = self._calls, []
        yield from [call.whole() for call in calls]
        usage, self._usage = ending(self._usage, cut_short=self._cut_short), None
        self._cut_short = False
        if usage:
            yield usage


@dataclass(slots=True)
class _Calling:
    """A tool call so far."""

    call_id: str = ""
    name: str = ""
    arguments: str = ""

    def whole(self) -> ToolCall:
        return tool_call(self.call_id, self.name, self.arguments)


def tool_call(call_id: str, name: str, arguments: str) -> ToolCall:
    """Raises BackendError where nobody could answer the call, and where its arguments are no JSON:
    `max_tokens` cut it, which vLLM's `finish_reason` does not tell, or the model wrote amiss."""
    if not (call_id and name):
        raise BackendError(FailureClass.SERVER, f"a tool call without id or name: {name!r}")
    try:
        orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        detail = f"the arguments of {name!r} are no JSON: {arguments[-100:]!r}; is max_tokens low?"
        raise BackendError(FailureClass.INVALID, detail) from None
    return ToolCall(call_id, name, arguments or "{}")


def pieces_of(answer: dict[str, Any]) -> Iterator[Piece]:
    """What a whole answer says: its text, if any, its tool calls, its usage. Raises BackendError
    where it reports an error, or is no answer at all: overloaded gateways say 200, too."""
    if error := answer.get("error"):
        raise reported(error)
    try:
        choice = answer["choices"][0]
        message = choice["message"]
        text = message.get("content")
        calls = [
            tool_call(call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or ()
        ]
    except (KeyError, IndexError, TypeError, AttributeError):
        raise odd(answer) from None
    if text:
        yield checked(text, answer)
    yield from calls
    if usage := ending(usage_of(answer), cut_short=cut_short(choice)):
        yield usage


def ending(usage: Usage | None, *, cut_short: bool) -> Usage | None:
    """What to tell of a reply's end: that it was cut short, even where nobody told its cost."""
    return replace(usage or Usage(0, 0), cut_short=cut_short) if usage or cut_short else None


def cut_short(choice: dict[str, Any]) -> bool:
    """Whether `max_tokens` ended it."""
    return choice.get("finish_reason") == "length"


def usage_of(answer: dict[str, Any]) -> Usage | None:
    """What an answer or an event says that the reply cost; None where it says nothing of use."""
    try:
        told = answer["usage"]
        details = told.get("prompt_tokens_details") or {}
        cached = details.get("cached_tokens") or 0
        return Usage(int(told["prompt_tokens"]), int(told["completion_tokens"]), int(cached))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def body_of(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises BackendError for anything else."""
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BackendError(FailureClass.SERVER, f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise BackendError(FailureClass.SERVER, f"not an object: {str(body)[:200]}")
    return body


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
