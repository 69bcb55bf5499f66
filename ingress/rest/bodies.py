"""What of a JSON body can be passed on: how deep it may nest, which texts are texts, and which
numbers are numbers. Pure."""

from math import isfinite
from typing import Any, cast

MAX_DEPTH = 100
"""Our choice: a tool's schema nests some ten levels; what carries a body on (orjson, pickle,
pydantic) gives up between 250 and 1,000, each in its own way."""

INTEGERS = range(-(2**63), 2**64)
"""What orjson writes: signed or unsigned, of 64 bits. Python reads an integer of any length."""


def portable(body: Any) -> Any:
    """The body itself, for a pydantic validator. Raises ValueError for one that nests too deep, or
    with half of a surrogate pair in it, which JSON can write and UTF-8 cannot, or with a number
    that is no JSON, though Python reads it, or too long."""
    layer = [body]
    for _ in range(MAX_DEPTH):
        layer = [inner for value in layer for inner in inside(value)]
        if not layer:
            return body
    raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def inside(value: Any) -> list[Any]:
    match value:
        case str():
            value.encode()
        case int() if value not in INTEGERS:
            raise ValueError("holds an integer of more than 64 bits")
        case float() if not isfinite(value):
            raise ValueError("holds a number that is NaN or infinite")
        case dict():
            found = cast(dict[str, Any], value)
            return [*found, *found.values()]
        case list():
            return cast(list[Any], value)
        case _:
            pass
    return []
