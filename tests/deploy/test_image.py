"""The GPU image, as far as its Dockerfile tells without a container engine."""

import re
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NEVER_IN_AN_IMAGE = (".weights", ".venv", ".git", ".env", "tests")


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) in order, comments and continued lines resolved."""
    lines = [
        line
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if not line.startswith("#") and line.strip()
    ]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(name, rest.strip()) for name, rest in (x.split(" ", 1) for x in joined.splitlines())]


def arguments(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def ignored(path: str) -> bool:
    """As docker reads .dockerignore: the last pattern that matches decides."""
    verdict = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.lstrip("!")
        everywhere = pattern.startswith("**/") and fnmatch(path.split("/")[-1], pattern[3:])
        if everywhere or fnmatch(path, pattern) or path.startswith(f"{pattern}/"):
            verdict = not line.startswith("!")
    return verdict


def test_the_base_is_pinned_by_tag_and_digest() -> None:
    [base] = arguments("FROM")
    assert re.fullmatch(r"[\w/.-]+:[\w.-]*\d+\.\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}", base), base


def test_it_does_not_run_as_root() -> None:
    [user] = arguments("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)  # numbers, so that Kubernetes can tell
    names = [name for name, _ in instructions()]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name == "RUN")


def test_its_health_is_the_apps() -> None:
    [check] = arguments("HEALTHCHECK")
    assert "/health" in check and "CMD" in check


def test_it_copies_the_code_and_no_weights() -> None:
    sources = [source for rest in arguments("COPY") for source in rest.split()[:-1]]
    assert {"configs", "audio", "conversation", "ingress", "deployments"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not ignored(source), f"{source} does not reach the build"
        assert not source.startswith(NEVER_IN_AN_IMAGE) and source != "."
    assert not arguments("ADD")


def test_what_must_not_travel_does_not_reach_the_build() -> None:
    for path in (*NEVER_IN_AN_IMAGE, "heard-CA1.wav", "weights", "configs/.env.local"):
        assert ignored(path), path


def test_every_folder_that_the_app_imports_is_in_it() -> None:
    """The dependency rule's folders (tests/test_architecture.py) behind `deployments`."""
    copied = {source for rest in arguments("COPY") for source in rest.split()[:-1]}
    imported = {"deployments"}
    for folder in ("deployments", "ingress"):
        for path in (ROOT / folder).rglob("*.py"):
            found = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
            imported |= {name for name in found if (ROOT / name).is_dir()}
    assert imported <= copied


def test_the_libraries_that_whisper_loads_are_found() -> None:
    environment = " ".join(arguments("ENV"))
    [python] = re.findall(r"python:(\d+\.\d+)", arguments("FROM")[0])
    assert f"/usr/local/lib/python{python}/site-packages/nvidia/cublas/lib" in environment
    assert "nvidia-cublas-cu12==" in (ROOT / "requirements" / "gpu.txt").read_text()
