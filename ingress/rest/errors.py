"""Errors in OpenAI's shape. Owns what a failure means as a status; not who caused it.

Source of the shape, types and codes: platform.openai.com/docs/guides/error-codes, and what
`openai._exceptions` reads of a body.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
)
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from conversation.fallbacks import FailureClass
from ingress.backends import BackendError
from ingress.call_log import logger
from ingress.locations import location

INVALID, SERVER, LIMITED = "invalid_request_error", "server_error", "rate_limit_error"

STATUS_OF: Mapping[FailureClass, int] = {
    FailureClass.INVALID: 400,
    FailureClass.RATE_LIMIT: 429,
    FailureClass.TIMEOUT: 504,
    FailureClass.NETWORK: 503,
    FailureClass.SERVER: 502,
    FailureClass.AUTH: 502,
    FailureClass.UNKNOWN: 502,
}
"""A model's failure as seen by a client of ours: a key that a model's endpoint refuses is our
mistake and not the client's."""


class ErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    error: ErrorDetail


MEANINGS: Mapping[int, str] = {
    400: "The request does not fit",
    401: "The server asks for an API key, and this is none of its",
    404: "Not there",
    429: "Too much at once: try again",
    502: "A model failed",
    503: "Not ready, or no place is free: try again",
    504: "A model did not answer in time",
}


def errors_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's documentation: these statuses of its own, and those that any route has."""
    named: dict[int | str, str] = {status: MEANINGS[status] for status in sorted((401, *statuses))}
    named["4XX"] = "Refused: `error` says why"
    return {
        status: {"model": ErrorBody, "description": meaning} for status, meaning in named.items()
    }


ASKING_A_MODEL = (400, 429, 502, 503, 504)
"""The statuses of a route with a body and a model behind it."""

NO_OBJECT = frozenset(("missing", "model_attributes_type"))
"""pydantic's types of an error about a body as a whole."""


class ApiError(HTTPException):
    """What a client is told. An `HTTPException`, so that FastAPI passes it on unchanged wherever
    it is raised, in the reading of a body too."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, dict(headers) if headers else None)
        self.code, self.param = code, param

    def body(self) -> dict[str, Any]:
        """`{"error": …}`: what a REST response holds, and the `error` of a Realtime event."""
        return {
            "error": {
                "message": self.detail,
                "type": type_of(self.status_code),
                "param": self.param,
                "code": self.code,
            }
        }


def type_of(status: int) -> str:
    if status >= 500:
        return SERVER
    return LIMITED if status == 429 else INVALID


def error_response(error: ApiError) -> Response:
    """For a route or, by `send_denial_response`, a WebSocket that is not accepted."""
    return JSONResponse(error.body(), error.status_code, error.headers)


def of_backend(error: BackendError) -> ApiError:
    status = STATUS_OF[error.failure]
    wait = {"Retry-After": "1"} if status in (429, 503) else None
    return ApiError(status, error.detail, code=error.failure.value, headers=wait)


def of_validation(errors: Sequence[Any], body: Any) -> ApiError:
    """The first field that does not fit, by its path."""
    first = errors[0]
    part, *place = first["loc"]
    if part == "body" and isinstance(body, dict | list):
        place = location({**first, "loc": place}, body)
    path = ".".join(map(str, place))
    if first["type"] == "json_invalid":
        return ApiError(400, f"the body is no JSON: {first['ctx']['error']}", code="invalid_json")
    code = "missing_required_parameter" if first["type"] == "missing" else "invalid_value"
    if not path and first["type"] in NO_OBJECT:
        told = "the body must be a JSON object, sent with `Content-Type: application/json`"
        return ApiError(400, told, code=code)
    wrong = first["msg"].removeprefix("Value error, ")
    return ApiError(400, f"{path or 'body'}: {wrong}", code=code, param=path or None)


def install_errors(app: FastAPI) -> None:
    """Answer errors under /v1 in OpenAI's shape, and all others as FastAPI does."""

    async def told(request: Request, error: Exception) -> Response:
        failed = cast(BackendError, error)
        if failed.failure is not FailureClass.INVALID:
            logger.warning("%s failed: %s", request.url.path, failed)
        return error_response(of_backend(failed))

    async def refused(request: Request, error: Exception) -> Response:
        raised = cast(HTTPException, error)
        if isinstance(raised, ApiError):
            return error_response(raised)
        if not request.url.path.startswith("/v1/"):
            return await http_exception_handler(request, raised)
        if raised.status_code == 404:
            told = f"there is no {request.method} {request.url.path} here: /docs lists what is"
            return error_response(ApiError(404, told, code="unknown_url"))
        detail = str(raised.detail)
        return error_response(ApiError(raised.status_code, detail, headers=raised.headers))

    async def unfit(request: Request, error: Exception) -> Response:
        raised = cast(RequestValidationError, error)
        if not request.url.path.startswith("/v1/"):
            return await request_validation_exception_handler(request, raised)
        return error_response(of_validation(raised.errors(), raised.body))

    app.add_exception_handler(BackendError, told)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, unfit)
