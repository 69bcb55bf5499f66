"""`/v1/models`: every agent's name, which a Realtime session asks for, and the three models' own.

Source: platform.openai.com/docs/api-reference/models.
"""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from configs.schema import Stack
from configs.section import Section
from ingress.replica import Replica
from ingress.rest.errors import ApiError, errors_of

SINCE = 1_767_225_600
"""2026-01-01, Unix seconds: the API wants a date, and neither an agent nor a model tells one."""


class Model(BaseModel):
    """`owned_by` is `parley` for an agent, else the engine that runs the model."""

    id: str
    object: Literal["model"] = "model"
    created: int = SINCE
    owned_by: str


class Models(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


def router(replica: Replica) -> APIRouter:
    routes = APIRouter(prefix="/v1/models", tags=["Models"])
    known = {model.id: model for model in models_of(replica.stack)}

    @routes.get("", responses=errors_of())
    async def models() -> Models:
        """The agents, to be talked to over /v1/realtime, and the models behind them."""
        return Models(data=list(known.values()))

    @routes.get("/{name:path}", responses=errors_of(404))
    async def model(name: str) -> Model:
        """One of them."""
        if name not in known:
            raise ApiError(404, f"no model named {name!r}", code="model_not_found", param="model")
        return known[name]

    return routes


def models_of(stack: Stack) -> list[Model]:
    """Agents last, so that their names win."""
    roles = {"transcriber": stack.stt, "language-model": stack.llm, "synthesizer": stack.tts}
    behind = [
        Model(id=own_name(role, section), owned_by=section.engine)
        for role, section in roles.items()
    ]
    return [*behind, *(Model(id=name, owned_by="parley") for name in sorted(stack.agents))]


def is_language_model(stack: Stack, name: str) -> bool:
    """Whether the name is the language model's own and no agent's."""
    return name == own_name("language-model", stack.llm) and name not in stack.agents


def own_name(role: str, section: Section) -> str:
    return name_of(getattr(section, "model", f"scripted-{role}"))


def name_of(model: str) -> str:
    """A folder's last part; a hub's id as it is."""
    return model.rstrip("/").rpartition("/")[2] if model.startswith((".", "/")) else model
