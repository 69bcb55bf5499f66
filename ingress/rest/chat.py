"""`POST /v1/chat/completions`: the language model as it is, without an agent's prompt.

The body goes to the engine as it comes, without its nulls: so tools, `response_format` and
whatever else the engine knows work as it documents them. There is one language model, and `model`
says whose sampling holds where the client leaves it out: an agent's by its name, the default
agent's by a name that is nobody's, the engine's own by the language model's.

Source: platform.openai.com/docs/api-reference/chat/create.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from configs.schema import Stack, can_call_tools
from conversation.fallbacks import FailureClass
from ingress.backends import BackendError, closing
from ingress.replica import Replica
from ingress.rest.asking import asking
from ingress.rest.bodies import portable
from ingress.rest.errors import ASKING_A_MODEL, ApiError, errors_of
from ingress.rest.models import is_language_model
from ingress.rest.streaming import EVENTS, begun, events


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="allow")
    role: Literal["developer", "system", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None


class ChatRequest(BaseModel):
    """Further fields go to the engine: `tools`, `temperature`, `max_tokens`, `response_format` …"""

    model_config = ConfigDict(extra="allow")
    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    stream: bool | None = False

    _portable = model_validator(mode="before")(portable)


def router(replica: Replica) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["Chat"])

    @routes.post(
        "/chat/completions",
        response_class=JSONResponse,
        responses=errors_of(*ASKING_A_MODEL)
        | {
            200: {
                "description": "A chat completion, or its chunks as server-sent events",
                "content": {"application/json": {}, EVENTS: {}},
            }
        },
    )
    async def chat(request: ChatRequest) -> Response:
        """Ask the language model; `model` may be any name, an agent's among them."""
        asks = asking(replica)
        deadline_s = asks.limits.streaming_timeout_s
        body = given(request)
        check_tools(replica.stack, body)
        body |= missing_sampling(replica.stack, body)
        answer = asks.backends.language_model.chat(body, deadline_s=deadline_s)
        if not request.stream:
            return JSONResponse(await whole(answer))
        return events(await begun(texts_of(answer)), asks.log)

    return routes


def given(request: ChatRequest) -> dict[str, Any]:
    """The fields that say something: OpenAI's schema lets most be null, not every engine does."""
    fields = request.model_dump(exclude_unset=True)
    return {name: value for name, value in fields.items() if value is not None}


def check_tools(stack: Stack, body: Mapping[str, Any]) -> None:
    """Raises ApiError 400, as a Realtime session is told."""
    if body.get("tools") and not can_call_tools(stack):
        told = (
            "this server's language model cannot call tools: leave `tools` empty, or configure a "
            "model with a tool parser (args.llm)"
        )
        raise ApiError(400, told, code="tools_not_supported", param="tools")


def missing_sampling(stack: Stack, body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the client leaves out, as the agent has them."""
    if is_language_model(stack, body["model"]):
        return {}
    agent = stack.agents.get(body["model"], stack.agents[stack.default_agent])
    there = {*body, "max_tokens"} if "max_completion_tokens" in body else set(body)
    fields = agent.sampling.model_dump(mode="json", exclude={"stream", *there})
    return {name: value for name, value in fields.items() if value != []}


async def whole(answer: AsyncIterator[str | dict[str, Any]]) -> dict[str, Any]:
    async with closing(answer) as items:
        async for item in items:
            if isinstance(item, dict):
                return item
    raise BackendError(FailureClass.UNKNOWN, "the language model gave no answer")


async def texts_of(answer: AsyncIterator[str | dict[str, Any]]) -> AsyncIterator[str]:
    async with closing(answer) as items:
        async for item in items:
            if isinstance(item, str):
                yield item
