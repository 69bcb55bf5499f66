"""The language model's deployment with a window into vLLM. Importing it imports vLLM, so tests do
it in a Ray task: the libraries' warnings are no errors there, and the memory is given back."""

from typing import Any

import ray
from ray import serve

from configs.schema import Vllm

APP, DEPLOYMENT = "language", "LanguageModel"


@ray.remote(num_cpus=0, max_calls=1)
def deploy(section: Vllm) -> None:
    from ray.serve.llm import build_llm_deployment

    from deployments.app import located
    from deployments.language_model import LanguageModel, llm_config

    class Watched(LanguageModel):
        async def unfinished(self) -> int:
            """Requests that vLLM still works on."""
            engine: Any = self.engine
            return engine._engine_client.output_processor.get_num_unfinished_requests()

    app = build_llm_deployment(
        llm_config(located(section)),
        deployment_cls=Watched,
        override_serve_options={"name": DEPLOYMENT},
    )
    serve.run(app, name=APP, route_prefix=None)
