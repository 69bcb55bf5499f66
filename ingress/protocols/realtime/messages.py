"""A client's message as an event: JSON, and within bounds. Owns no meaning of it.

One message is dealt with between the frames of every call of the replica: what would cost more than
some tens of milliseconds is refused before it is looked at.
"""

from typing import cast

import orjson

from ingress.protocols.realtime.errors import Body, Refused

APPEND = "input_audio_buffer.append"

MAX_CHARACTERS = 1_000_000
"""Of every event but `input_audio_buffer.append`: what REST takes of JSON, and for the same reason
(`ingress.guard.MAX_JSON_BYTES`)."""

MAX_LONG_COMMAS = 20
"""Of a message that is longer: sound in base64 is one value without any, while millions of small
values take orjson seconds."""

MAX_NESTING = 100
"""What a client has sent it may be sent back, and orjson writes no more than `WRITTEN_LEVELS`."""

WRITTEN_LEVELS = 254


def parsed(message: str | bytes) -> Body:
    """Raises Refused."""
    if isinstance(message, bytes):
        raise Refused("a binary frame: client events are JSON in text frames")
    if len(message) > MAX_CHARACTERS and message.count(",") > MAX_LONG_COMMAS:
        raise too_long()
    try:
        event = orjson.loads(message)
    except orjson.JSONDecodeError as error:
        raise Refused(f"not JSON: {error}", code="invalid_json") from None
    if not isinstance(event, dict):
        raise Refused("not a JSON object", code="invalid_json")
    return cast(Body, event)


def check_bounds(event: Body, characters: int) -> None:
    """`characters` is the message's length. Sound is not sent back, nor anything beside it. Raises
    Refused."""
    if event.get("type") == APPEND:
        return
    if characters > MAX_CHARACTERS:
        raise too_long()
    wrapped: Body | list[object] = event
    for _ in range(WRITTEN_LEVELS - MAX_NESTING):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)  # fifty times faster than to count in Python
    except orjson.JSONEncodeError:
        raise Refused(f"nested more than {MAX_NESTING} deep", code="invalid_json") from None


def too_long() -> Refused:
    return Refused(
        f"an event of more than {MAX_CHARACTERS} characters: only {APPEND} may have more, of sound "
        "alone",
        code="invalid_value",
    )
