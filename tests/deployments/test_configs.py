"""Every Serve config of the repository is built into an application, and keeps our rules."""

from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from ray.serve.schema import ServeDeploySchema

from configs.schema import Vllm
from deployments.app import with_template

ROOT = Path(__file__).parent.parent.parent
LOCAL = ROOT / "serve_config.yaml"
CONFIGS = sorted(
    path
    for path in (LOCAL, *(ROOT / "configs").glob("*.yaml"), *(ROOT / "deploy").glob("*.yaml"))
    if "import_path:" in path.read_text()
)
SHARES = ("num_cpus", "num_gpus")


def config_of(path: Path) -> dict[str, Any]:
    """The Serve config in a file: the file itself, or what a KubeRay manifest embeds."""
    whole = yaml.safe_load(path.read_text())
    return yaml.safe_load(whole["spec"]["serveConfigV2"]) if "spec" in whole else whole


def app_of(path: Path) -> dict[str, Any]:
    [app] = config_of(path)["applications"]
    return app


def deployment(path: Path, name: str) -> dict[str, Any]:
    return next(each for each in app_of(path)["deployments"] if each["name"] == name)


@ray.remote(num_cpus=0, max_calls=1)
def built(app: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name → options of each deployment, built as Serve's controller does. In a task, as there:
    Ray Serve LLM imports vLLM."""
    from ray._common.utils import import_attr
    from ray.serve._private.api import call_user_app_builder_with_args_if_necessary
    from ray.serve._private.build_app import build_app

    application = call_user_app_builder_with_args_if_necessary(
        import_attr(app["import_path"]), app["args"]
    )
    deployments = build_app(application, name=app["name"]).deployments
    return {
        each.name: {
            "config": each._deployment_config.model_dump(),
            "actor": each.ray_actor_options,
            "bundles": each._replica_config.placement_group_bundles,
        }
        for each in deployments
    }


def test_the_configs_are_all_found() -> None:
    names = {path.name for path in CONFIGS}
    assert names >= {"serve_config.yaml", "gpu.yaml", "remote.yaml", "scripted.yaml"}


@pytest.mark.serve
@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=pytest.mark.models if p == LOCAL else ()) for p in CONFIGS],
    ids=lambda path: path.name,
)
def test_a_config_is_built(ray_cluster: int, path: Path) -> None:
    app = app_of(path)
    ServeDeploySchema.model_validate(config_of(path))
    deployments = ray.get(built.remote(app))
    roles = {"stt": "Transcriber", "llm": "LanguageModel", "tts": "Synthesizer"}
    here = {name for role, name in roles.items() if app["args"][role]["engine"] != "openai"}
    assert set(deployments) == here | {"Ingress"}
    in_yaml = {each["name"] for each in app["deployments"]}
    assert in_yaml <= set(deployments), "Serve refuses options of a deployment that is not there"
    if app["args"]["llm"]["engine"] == "vllm":
        assert "LanguageModel" not in in_yaml, "its options stand in args.llm"
        assert deployments["LanguageModel"]["config"]["max_ongoing_requests"] <= 1_000


@pytest.mark.serve
@pytest.mark.models
def test_the_laptops_shares_fit_two_cpus_and_one_ingress_more(ray_cluster: int) -> None:
    app = app_of(LOCAL)
    [bundle] = ray.get(built.remote(app))["LanguageModel"]["bundles"]
    placed = bundle["CPU"] + sum(
        each["num_replicas"] * each["ray_actor_options"]["num_cpus"] for each in app["deployments"]
    )
    assert placed + deployment(LOCAL, "Ingress")["ray_actor_options"]["num_cpus"] <= 2


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_full_ingress_still_says_so_and_outlives_its_calls(path: Path) -> None:
    args, ingress = app_of(path)["args"], deployment(path, "Ingress")
    assert ingress["max_ongoing_requests"] > args["ingress"]["max_calls"]
    longest = max(
        agent.get("limits", {}).get("call_length_s", 7_200) for agent in args["agents"].values()
    )
    assert ingress["graceful_shutdown_timeout_s"] > longest


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_strangers_reach_nothing_unsigned_and_see_no_texts(path: Path) -> None:
    config, twilio = config_of(path), app_of(path)["args"].get("twilio", {})
    if config["http_options"]["host"] != "127.0.0.1":
        assert twilio["auth_token_env"]
        assert not twilio.get("parley_events", False)


@pytest.mark.serve
def test_a_mistake_in_args_names_its_path(ray_cluster: int) -> None:
    app = app_of(ROOT / "configs" / "scripted.yaml")
    app["args"]["agents"]["default"]["sampling"] = {"temperature": 3}
    with pytest.raises(ray.exceptions.RayTaskError, match=r"agents\.default\.sampling\.temp"):
        ray.get(built.remote(app))


@pytest.mark.serve
def test_a_folder_that_is_not_there_says_what_to_do(ray_cluster: int) -> None:
    app = app_of(ROOT / "configs" / "scripted.yaml")
    app["args"]["stt"] = {"engine": "whisper", "model": ".weights/no-such-model"}
    with pytest.raises(ray.exceptions.RayTaskError, match="make serve"):
        ray.get(built.remote(app))


def test_a_tool_template_is_found_wherever_serve_was_started() -> None:
    section = Vllm.model_validate(app_of(ROOT / "configs" / "gpu.yaml")["args"]["llm"])
    template = with_template(section).engine_kwargs["chat_template"]
    assert Path(template) == ROOT / "configs" / "gemma3_tools.jinja"


@pytest.mark.parametrize("arguments", [{}, {"chat_template": "{{ messages[0].content }}"}])
def test_a_template_that_is_no_file_stays(arguments: dict[str, Any]) -> None:
    section = Vllm(model="m", engine_kwargs=arguments)
    assert with_template(section) is section


def test_a_template_that_is_not_there_is_named() -> None:
    section = Vllm(model="m", engine_kwargs={"chat_template": "configs/none.jinja"})
    with pytest.raises(ValueError, match=r"none\.jinja.*chat_template"):
        with_template(section)
