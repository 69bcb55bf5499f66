"""Ray Serve LLM's deployment with the real weights, as `serve_config.yaml` has it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from ray import serve

from configs.schema import Vllm
from conversation.fallbacks import FailureClass
from conversation.history import Message
from deployments.handles import LanguageModelHandle
from ingress.backends import BackendError, ReplyOptions
from tests.deployments import watched

pytestmark = [pytest.mark.models, pytest.mark.serve]

ROOT = Path(__file__).parent.parent.parent
LONG_S = 120.0
QUESTION = "What is the capital of Germany?"
ONE_LINE = ReplyOptions(temperature=0, max_tokens=64, stop=("\n",))
ENDLESS = ReplyOptions(temperature=0, max_tokens=3_000)


@pytest.fixture(scope="module")
def model(ray_cluster: int) -> Iterator[Any]:
    """A handle to the deployment."""
    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    section = Vllm.model_validate(config["applications"][0]["args"]["llm"])
    ray.get(watched.deploy.remote(section))
    yield serve.get_deployment_handle(watched.DEPLOYMENT, app_name=watched.APP)
    serve.delete(watched.APP)


def reply(model: Any, text: str, options: ReplyOptions) -> AsyncIterator[str]:
    messages = [Message("system", "A phone call between a caller and an agent.")]
    return LanguageModelHandle(model).reply(
        [*messages, Message("user", text)], options, first_token_s=LONG_S, deadline_s=LONG_S
    )


async def until_unfinished(model: Any, requests: int) -> None:
    async with asyncio.timeout(LONG_S):
        while await model.unfinished.remote() != requests:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.05)


async def test_it_answers_token_by_token_and_stops_at_the_line(model: Any) -> None:
    pieces = [piece async for piece in reply(model, QUESTION, ONE_LINE)]
    assert len(pieces) > 1
    assert "Berlin" in "".join(pieces)
    assert "\n" not in "".join(pieces)


async def test_a_whole_answer_is_the_same_in_one_piece(model: Any) -> None:
    whole = ReplyOptions(temperature=0, max_tokens=64, stop=("\n",), stream=False)
    [text] = [piece async for piece in reply(model, QUESTION, whole)]
    assert text == "".join([piece async for piece in reply(model, QUESTION, ONE_LINE)])


async def test_leaving_replies_aborts_them_in_vllm(model: Any) -> None:
    async with AsyncExitStack() as replies:
        for _ in range(3):
            pieces: Any = reply(model, "Tell me a long story.", ENDLESS)
            await anext(await replies.enter_async_context(aclosing(pieces)))
        await until_unfinished(model, 3)
    await until_unfinished(model, 0)  # 3,000 tokens each would take minutes here


async def test_a_cancelled_task_aborts_its_reply_in_vllm(model: Any) -> None:
    async def listen() -> None:
        async for _ in reply(model, "Tell me a long story.", ENDLESS):
            pass

    task = asyncio.create_task(listen())
    await until_unfinished(model, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_unfinished(model, 0)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("word " * 6_000, ONE_LINE),
        (QUESTION, ReplyOptions(temperature=-1)),
        (QUESTION, ReplyOptions(temperature=-1, stream=False)),
    ],
    ids=["too long", "bad sampling", "bad sampling, whole"],
)
async def test_what_vllm_refuses_is_invalid(model: Any, text: str, options: ReplyOptions) -> None:
    with pytest.raises(BackendError) as caught:
        async for _ in reply(model, text, options):
            pass
    assert caught.value.failure is FailureClass.INVALID
