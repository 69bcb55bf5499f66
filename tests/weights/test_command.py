"""The command line: `python -m weights`."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from weights import __main__ as command
from weights.catalog import Model

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def run(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the command with the toy models in place of the real ones; returns the exit status."""
    gone = replace(model, name="gone", archives=(replace(model.archives[0], version="2.0"),))
    monkeypatch.setattr(command, "MODELS", (gone, model))

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["weights", "--dest", str(tmp_path / "dest"), *arguments])
        return command.main()

    return call


def test_prepares_once_with_a_line_a_model(run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("toy") == 0
    assert "toy              prepared in" in capsys.readouterr().out
    assert run("toy") == 0
    assert capsys.readouterr().out.split() == ["toy", "ready"]


def test_one_failure_does_not_keep_the_others_back(
    run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 1
    said = capsys.readouterr()
    assert "toy              prepared in" in said.out
    assert "error: gone: toy-weights==2.0 could not be downloaded" in said.err
    assert "WEIGHTS=" in said.err


def test_check_prepares_nothing(run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--check") == 1
    assert "not prepared" in capsys.readouterr().out
    assert not (tmp_path / "dest").exists()
    run("toy")
    assert run("--check", "toy") == 0


def test_unknown_model_is_named(run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("whisper-tny")
    assert "no model named 'whisper-tny'; there are gone, toy" in capsys.readouterr().err


@pytest.mark.models
def test_prepared_weights_are_as_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["weights", "--check", "--dest", str(ROOT / ".weights")])
    assert command.main() == 0
