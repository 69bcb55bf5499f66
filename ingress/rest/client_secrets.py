"""`POST /v1/realtime/client_secrets`: mints a key of short life for a browser.

Source: platform.openai.com/docs/api-reference/realtime-sessions/create-realtime-client-secret.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingress.client_secrets import ClientSecrets
from ingress.replica import Replica
from ingress.rest.bodies import portable
from ingress.rest.errors import ApiError, errors_of

LIFETIME_S = 60


class ExpiresAfter(BaseModel):
    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(default=LIFETIME_S, ge=10, le=7_200)


class Session(BaseModel):
    """A Realtime session's configuration, as in `session.update`; `model` names the agent."""

    model_config = ConfigDict(extra="allow")
    type: Literal["realtime"] = "realtime"


class SecretRequest(BaseModel):
    expires_after: ExpiresAfter = ExpiresAfter()
    session: Session = Session()

    _portable = model_validator(mode="before")(portable)


class ClientSecret(BaseModel):
    """`value` opens Realtime sessions until `expires_at` (Unix seconds), any number of them; a
    session that is open by then goes on."""

    value: str
    expires_at: int
    session: dict[str, Any]


def router(replica: Replica, wall_s: Callable[[], float] = time.time) -> APIRouter:
    routes = APIRouter(prefix="/v1/realtime", tags=["Realtime"])
    signer = ClientSecrets(replica.secrets.api_keys)

    @routes.post("/client_secrets", responses=errors_of(400))
    async def client_secret(request: SecretRequest) -> ClientSecret:
        """Mint a client secret that opens sessions which begin as `session` says."""
        session = request.session.model_dump(exclude_unset=True)
        expires_at = int(wall_s()) + request.expires_after.seconds
        try:
            value = signer.issue(session, expires_at)
        except ValueError as error:
            raise ApiError(400, str(error), code="invalid_value", param="session") from None
        known = {"id": f"sess_{secrets.token_hex(12)}", "object": "realtime.session"}
        return ClientSecret(
            value=value,
            expires_at=expires_at,
            session=session | known | {"type": "realtime"},
        )

    return routes
