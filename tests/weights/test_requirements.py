"""The pinned lists agree with one another, and leave out what would break the rest."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "requirements"
LINE = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?==([\w.+!-]+)")
BROKEN_BESIDE_CPU_TORCH = ("torchvision", "torchaudio", "torchcodec")


def pins(name: str) -> dict[str, str]:
    """Package name, normalised → version; every line must be one exact pin."""
    found: dict[str, str] = {}
    for line in (FOLDER / name).read_text().splitlines():
        if line and not line.startswith("#"):
            pin = LINE.fullmatch(line)
            assert pin, f"{name}: {line!r} is not an exact pin"
            package = re.sub(r"[-_.]+", "-", pin[1]).lower()
            assert package not in found, f"{name}: {package} stands there twice"
            found[package] = pin[2]
    return found


@pytest.mark.parametrize("name", ["gpu.txt", "dev.txt"])
def test_shared_packages_have_one_version(name: str) -> None:
    cpu, other = pins("cpu.txt"), pins(name)
    assert {p: v for p, v in other.items() if cpu.get(p, v) != v} == {}


def test_cpu_list_leaves_out_the_cuda_builds() -> None:
    assert not pins("cpu.txt").keys() & set(BROKEN_BESIDE_CPU_TORCH)


@pytest.mark.parametrize("package", BROKEN_BESIDE_CPU_TORCH)
def test_import_works_or_is_absent_but_never_breaks(package: str) -> None:
    try:
        __import__(package)
    except ModuleNotFoundError as error:
        assert error.name == package
