"""The dependency rule and the proportions of the house, read from the source itself."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = (
    "configs",
    "audio",
    "conversation",
    "ingress",
    "deployments",
    "loadtest",
    "weights",
    "benchmarks",
)
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

MAY_IMPORT = {
    "configs": {"conversation"},
    "audio": set(),
    "conversation": set(),
    "ingress": {"conversation", "audio", "configs"},
    "deployments": {"ingress", "conversation", "audio", "configs"},
    "loadtest": {"audio"},
    "weights": set(),
    "benchmarks": set(FOLDERS),
}
MODEL_LIBRARIES = {
    "torch",
    "vllm",
    "faster_whisper",
    "ctranslate2",
    "kokoro",
    "misaki",
    "transformers",
}
IMPURE = {"asyncio", "time", "socket", "ray", "fastapi", "starlette", "logging", "os", "threading"}
NAMES_WE_DO_NOT_USE = ("Manager", "Handler", "Processor", "Service")
FILES_WE_DO_NOT_HAVE = {
    "utils.py",
    "core.py",
    "helpers.py",
    "services.py",
    "managers.py",
    "base.py",
}


def lines(node: ast.AST) -> int:
    return node.end_lineno - node.lineno + 1


def inner(node: ast.AST) -> list[ast.AST]:
    """Functions within a function, which count for themselves."""
    return [
        child
        for child in ast.walk(node)
        if child is not node and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_file_keeps_the_rules(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    folder, text = parts[0], path.read_text()
    tree = ast.parse(text)
    used = imports(tree)
    assert not (used & set(FOLDERS)) - MAY_IMPORT[folder] - {folder}
    in_engines = parts[:2] == ("deployments", "engines")
    if "ray" in used:
        assert folder == "benchmarks" or (folder == "deployments" and not in_engines)
    if used & MODEL_LIBRARIES:
        assert in_engines or folder in {"weights", "benchmarks"}
    if folder == "conversation":
        assert not used & IMPURE
    assert len(text.splitlines()) <= 300
    assert path.name not in FILES_WE_DO_NOT_HAVE
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            assert not node.name.endswith(NAMES_WE_DO_NOT_USE), node.name
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node)
            body = (
                lines(node) - (len(doc.splitlines()) if doc else 0) - sum(map(lines, inner(node)))
            )
            assert body <= 30, f"{node.name} has {body} lines"


def test_model_libraries_are_imported_late() -> None:
    """A builder or an ingress image must not need them."""
    for path in SOURCES:
        if path.is_relative_to(ROOT / "deployments"):
            at_top = imports(
                ast.Module(
                    body=[
                        n
                        for n in ast.parse(path.read_text()).body
                        if isinstance(n, ast.Import | ast.ImportFrom)
                    ],
                    type_ignores=[],
                )
            )
            assert not at_top & MODEL_LIBRARIES, path
