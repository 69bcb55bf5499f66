"""The language model's deployment: Ray Serve LLM's own server, and two methods more.

Owns how our `Vllm` section becomes its `LLMConfig`, and what of its answers goes on. vLLM itself
(placement, batching, chat templates, tool parsers, abort) is Ray Serve LLM's. Importing this module
imports vLLM, some 10 s: only the builder does, and only for `engine: vllm`.
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ray.llm._internal.serve.core.configs.openai_api_models import ErrorResponse
from ray.llm._internal.serve.engines.vllm.vllm_engine import (
    VLLMClientError,  # pyright: ignore[reportPrivateImportUsage]
    VLLMEngine,
)
from ray.serve import Application
from ray.serve.llm import LLMConfig, ModelLoadingConfig, build_llm_deployment
from ray.serve.llm.deployment import LLMServer
from ray.serve.llm.openai_api_models import ChatCompletionRequest

from configs.schema import Vllm
from conversation.fallbacks import FailureClass
from conversation.history import Message
from deployments.engines.chat import chat_request
from deployments.engines.sse import ChatEvents, pieces_of, reported
from ingress.backends import BackendError, Piece, ReplyOptions


class OneProcessEngine(VLLMEngine):
    """vLLM's engine, its only worker on a CPU within the engine's own process.

    Ray Serve LLM gives a CPU vLLM's multi-process executor. Its worker spins for a second after
    every step (`SpinCondition.busy_loop_s`), and so takes one of a laptop's two cores from Kokoro
    while that speaks the turn's first phrase.
    """

    def _start_async_llm_engine(
        self, vllm_engine_args: Any, vllm_engine_config: Any, placement_group: Any
    ) -> Any:
        parallel = vllm_engine_config.parallel_config
        if parallel.distributed_executor_backend == "mp" and parallel.world_size == 1:
            parallel.distributed_executor_backend = "uni"
        return super()._start_async_llm_engine(
            vllm_engine_args, vllm_engine_config, placement_group
        )


class LanguageModel(LLMServer):
    _default_engine_cls = OneProcessEngine

    async def reply(
        self, messages: Sequence[Message], options: ReplyOptions
    ) -> AsyncIterator[Piece]:
        """Stream the reply's pieces, or yield its text whole with `options.stream` off.

        Raises BackendError where vLLM refuses the request (class invalid: too long, a template
        that cannot render it, tools without a parser). Cancelling the Ray request aborts the one
        in vLLM.
        """
        body = chat_request(self._llm_config.model_id, messages, options)
        events = ChatEvents()
        async for item in self._answer(body):
            found = events.push(item.encode()) if isinstance(item, str) else pieces_of(item)
            for piece in found:
                yield piece
        for piece in events.finish():
            yield piece

    async def chat_completions(self, body: dict[str, Any]) -> AsyncIterator[str | dict[str, Any]]:
        """`ingress.backends.ChatCompletions`, but for the deadline."""
        async for item in self._answer({**body, "model": self._llm_config.model_id}):
            yield item

    async def _answer(self, body: dict[str, Any]) -> AsyncIterator[str | dict[str, Any]]:
        """Server-sent events, those that came together in one string, or the whole answer."""
        async for answer in await self.chat(validated(body)):
            if isinstance(answer, list):
                yield "".join(map(accepted, answer))
            else:
                yield accepted(answer).model_dump(mode="json")


def validated(body: dict[str, Any]) -> ChatCompletionRequest:
    """Raises BackendError, of class invalid, that names what vLLM does not take."""
    try:
        return ChatCompletionRequest(**body)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"]))
        raise BackendError(FailureClass.INVALID, f"{path}: {first['msg']}") from None
    except (VLLMClientError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BackendError(FailureClass.INVALID, str(error)) from None


def accepted(item: Any) -> Any:
    """The event or answer itself. Raises BackendError for vLLM's report of an error."""
    if isinstance(item, ErrorResponse):
        raise reported(item.error.model_dump())
    return item


def llm_config(section: Vllm) -> LLMConfig:
    """Raises ValueError for an engine argument that vLLM does not know."""
    return LLMConfig(
        model_loading_config=ModelLoadingConfig(
            model_id=known_as(section.model), model_source=section.model
        ),
        accelerator_config={"kind": section.accelerator},  # pyright: ignore[reportArgumentType]
        engine_kwargs={"enable_prompt_tokens_details": True, **section.engine_kwargs},
        placement_group_config=section.placement_group_config,
        deployment_config=dict(section.deployment_config),
        runtime_env={"env_vars": dict(section.env_vars)},
        # Ray's default gathers tokens for 50 ms, and the first one waits for it.
        experimental_configs={"stream_batching_interval_ms": 0},
    )


def known_as(model: str) -> str:
    """A model's name in answers and metrics: a folder's own, without the machine's path to it."""
    return Path(model).name if model.startswith("/") else model


def language_model(section: Vllm, name: str) -> Application:
    """Ray Serve LLM's deployment under the given name."""
    return build_llm_deployment(
        llm_config(section),
        deployment_cls=LanguageModel,
        override_serve_options={"name": name, **section.serve_options},
    )
