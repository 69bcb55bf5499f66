"""What a client is told when it asks for something that cannot be: the connection stays open."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ingress.locations import location

Body = dict[str, Any]
"""A JSON object on the wire."""


Model = TypeVar("Model", bound=BaseModel)


class Refused(Exception):
    """A client event is not followed. `param` is the path of what is wrong with it."""

    def __init__(self, message: str, *, code: str = "invalid_value", param: str | None = None):
        super().__init__(message)
        self.message, self.code, self.param = message, code, param

    def event(self, client_event_id: str | None) -> Body:
        """The `error` event, without its own id."""
        error = {
            "type": "invalid_request_error",
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": client_event_id,
        }
        return {"type": "error", "error": error}


def checked(model: type[Model], value: Any, path: str = "") -> Model:
    """The value as `model`; `path` is where it stands in the event. Raises Refused."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    param = ".".join([*([path] if path else []), *location(first, value)])
    if first["type"] == "missing":
        raise Refused(f"{param} is missing", code="missing_required_parameter", param=param)
    wrong = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    raise Refused(f"{param or 'the event'}: {wrong}", param=param or None)
