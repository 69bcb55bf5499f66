"""The language model's deployment: Ray Serve LLM's own server, and one method more.

Owns how our `Vllm` section becomes its `LLMConfig`, and the request made of a conversation. vLLM
itself (placement, batching, chat templates, abort) is Ray Serve LLM's. Importing this module
imports vLLM, some 10 s: only the builder does, and only for `engine: vllm`.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from pydantic import BaseModel
from ray.llm._internal.serve.engines.vllm.vllm_engine import VLLMEngine
from ray.serve import Application
from ray.serve.llm import LLMConfig, ModelLoadingConfig, build_llm_deployment
from ray.serve.llm.deployment import LLMServer
from ray.serve.llm.openai_api_models import ChatCompletionRequest

from configs.schema import Vllm
from conversation.history import Message
from deployments.engines.sse import text_of, texts_of
from ingress.backends import ReplyOptions


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

    async def reply(self, messages: Sequence[Message], options: ReplyOptions) -> AsyncIterator[str]:
        """Stream the reply's text, or yield it whole with `options.stream` off.

        Raises BackendError where vLLM refuses the request (class invalid: too long, or a template
        that cannot render it). Cancelling the Ray request aborts the one in vLLM.
        """
        request = chat_request(self._llm_config.model_id, messages, options)
        async for answer in await self.chat(request):
            for item in answer if isinstance(answer, list) else (answer,):
                for text in spoken(item):
                    yield text


def chat_request(
    model: str, messages: Sequence[Message], options: ReplyOptions
) -> ChatCompletionRequest:
    return ChatCompletionRequest(
        model=model,
        messages=[{"role": message.role, "content": message.text} for message in messages],
        stream=options.stream,
        max_tokens=options.max_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        frequency_penalty=options.frequency_penalty,
        presence_penalty=options.presence_penalty,
        stop=list(options.stop),
    )


def spoken(item: str | BaseModel) -> Iterator[str]:
    """The text in an item of Ray Serve LLM's answer: events, a whole answer, or an error."""
    if isinstance(item, str):
        yield from texts_of(item)
    elif text := text_of(item.model_dump()):
        yield text


def llm_config(section: Vllm) -> LLMConfig:
    """Raises ValueError for an engine argument that vLLM does not know."""
    return LLMConfig(
        model_loading_config=ModelLoadingConfig(model_id=section.model, model_source=section.model),
        accelerator_config={"kind": section.accelerator},  # pyright: ignore[reportArgumentType]
        engine_kwargs=dict(section.engine_kwargs),
        placement_group_config=section.placement_group_config,
        deployment_config=dict(section.deployment_config),
        runtime_env={"env_vars": dict(section.env_vars)},
        # Ray's default gathers tokens for 50 ms, and the first one waits for it.
        experimental_configs={"stream_batching_interval_ms": 0},
    )


def language_model(section: Vllm, name: str) -> Application:
    """Ray Serve LLM's deployment under the given name."""
    return build_llm_deployment(
        llm_config(section),
        deployment_cls=LanguageModel,
        override_serve_options={"name": name, **section.serve_options},
    )
