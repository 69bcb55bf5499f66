"""A call's own log: one JSON object a line, each with the call's id. Owns no destination."""

import logging
from typing import Any

import orjson

logger = logging.getLogger("parley.call")


class CallLog:
    def __init__(self, call_id: str) -> None:
        self._call_id = call_id

    def info(self, event: str, **facts: Any) -> None:
        logger.info("%s", self._line(event, facts))

    def warning(self, event: str, **facts: Any) -> None:
        logger.warning("%s", self._line(event, facts))

    def crash(self, error: BaseException) -> None:
        """A bug of ours: the one line with a traceback."""
        logger.error("%s", self._line("crashed", {"error": repr(error)}), exc_info=error)

    def _line(self, event: str, facts: dict[str, Any]) -> str:
        line = {"event": event, "call": self._call_id, **facts}
        return orjson.dumps(line, default=str).decode()
