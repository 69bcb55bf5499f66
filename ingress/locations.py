"""Where in a JSON value pydantic has found a mistake, in the words of whoever sent it. Pure."""

from collections.abc import Mapping
from typing import Any, cast


def location(mistake: Mapping[str, Any], value: Any) -> list[str]:
    """The keys and places that lead to it, from `value` on: `mistake["loc"]` without the names of
    union members, which are not on the wire. A key that is missing is the last of them."""
    steps: list[str] = []
    where, missing = mistake["loc"], mistake["type"] == "missing"
    for number, step in enumerate(where, 1):
        if isinstance(value, list) and isinstance(step, int):
            value = cast(list[Any], value)[step]
        elif isinstance(value, dict) and step in value:
            value = cast(dict[Any, Any], value)[step]
        elif not (missing and number == len(where)):
            continue
        steps.append(str(step))
    return steps
