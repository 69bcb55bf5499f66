"""The KubeRay manifest: it embeds `configs/gpu.yaml`, and its long times are long enough."""

import re
from pathlib import Path
from typing import Any

import yaml

from configs.agents import Limits

ROOT = Path(__file__).parent.parent.parent
MANIFEST = yaml.safe_load((ROOT / "deploy" / "rayservice.yaml").read_text())
SPEC = MANIFEST["spec"]
CLUSTER = SPEC["rayClusterConfig"]
GPU = yaml.safe_load((ROOT / "configs" / "gpu.yaml").read_text())
APP = GPU["applications"][0]
LONGEST_CALL_S = max(
    agent.get("limits", {}).get("call_length_s", Limits().call_length_s)
    for agent in APP["args"]["agents"].values()
)


def groups() -> list[dict[str, Any]]:
    return [CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]]


def container(group: dict[str, Any]) -> dict[str, Any]:
    [one] = group["template"]["spec"]["containers"]
    return one


def environment(group: dict[str, Any]) -> dict[str, Any]:
    return {v["name"]: v.get("value", v.get("valueFrom")) for v in container(group)["env"]}


def pinned(package: str) -> str:
    text = (ROOT / "requirements" / "gpu.txt").read_text()
    [version] = re.findall(rf"^{package}(?:\[[\w,]+\])?==(\S+)$", text, re.MULTILINE)
    return version


def test_it_is_a_rayservice() -> None:
    assert (MANIFEST["apiVersion"], MANIFEST["kind"]) == ("ray.io/v1", "RayService")
    assert set(SPEC) <= {
        "serveConfigV2",
        "rayClusterConfig",
        "upgradeStrategy",
        "rayClusterDeletionDelaySeconds",
        "excludeHeadPodFromServeSvc",
    }
    assert CLUSTER["rayVersion"] == pinned("ray")
    for group in CLUSTER["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_it_embeds_the_gpu_config() -> None:
    assert yaml.safe_load(SPEC["serveConfigV2"]) == GPU


def test_haproxy_is_on_and_lets_calls_live() -> None:
    for group in groups():
        found = environment(group)
        assert found["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
        assert int(found["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"]) > LONGEST_CALL_S
        assert int(found["RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S"]) > LONGEST_CALL_S
        assert int(found["RAY_SERVE_PORT_QUARANTINE_S"]) < 300


def test_a_cluster_and_a_pod_outlive_their_calls() -> None:
    [ingress] = [d for d in APP["deployments"] if d["name"] == "Ingress"]
    drained_s = ingress["graceful_shutdown_timeout_s"]
    assert drained_s > LONGEST_CALL_S
    assert SPEC["rayClusterDeletionDelaySeconds"] > drained_s
    for group in CLUSTER["workerGroupSpecs"]:
        assert group["template"]["spec"]["terminationGracePeriodSeconds"] > drained_s
        waiting = container(group)["lifecycle"]["preStop"]["exec"]["command"][-1]
        deadline = re.search(r"--deadline-remaining-seconds (\d+)", waiting)
        polls = re.search(r"seq (\d+)\);.*sleep (\d+)", waiting, re.DOTALL)
        assert deadline and int(deadline[1]) >= drained_s
        assert polls and int(polls[1]) * int(polls[2]) >= drained_s


def test_the_wait_for_calls_does_not_see_itself() -> None:
    """The shell and its grep have the pattern in their own command lines."""
    command = container(CLUSTER["workerGroupSpecs"][0])["lifecycle"]["preStop"]["exec"]["command"]
    [pattern] = re.findall(r'grep -\w+ "([^"]+)"', command[-1])
    assert re.search(pattern, "ray::ServeReplica:parley:Ingress.handle_request")
    assert not re.search(pattern, " ".join(command))


def test_secrets_are_references_that_the_config_names() -> None:
    for group in groups():
        found = environment(group)
        for name in (APP["args"]["twilio"]["auth_token_env"], "HF_TOKEN"):
            assert set(found[name]) == {"secretKeyRef"}, name


def test_gpus_and_weights_are_where_the_models_run() -> None:
    with_gpu = [
        g for g in groups() if "nvidia.com/gpu" in container(g)["resources"].get("limits", {})
    ]
    assert len(with_gpu) == 2
    claim = yaml.safe_load((ROOT / "deploy" / "weights-pvc.yaml").read_text())
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for group in with_gpu:
        [weights] = [v for v in group["template"]["spec"]["volumes"] if v["name"] == "weights"]
        assert weights["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        assert {"name": "weights", "mountPath": "/cache"} in container(group)["volumeMounts"]
    image = (ROOT / "Dockerfile").read_text()
    assert "HF_HOME=/cache/" in image


def test_a_worker_is_ready_when_its_proxy_answers() -> None:
    for group in CLUSTER["workerGroupSpecs"]:
        probe = container(group)["readinessProbe"]["httpGet"]
        assert probe == {"path": "/-/healthz", "port": GPU["http_options"]["port"]}


def test_nothing_runs_as_root() -> None:
    [user] = re.findall(r"^USER (\d+):", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for group in groups():
        context = group["template"]["spec"]["securityContext"]
        assert context["runAsNonRoot"] and context["runAsUser"] == int(user)
