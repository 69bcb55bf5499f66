"""The ten lines of openai-python that README shows, as they stand, against a server."""

import subprocess
import sys
import wave
from pathlib import Path

import pytest
import soundfile

from ingress import listening
from tests.clients.caller import RATE_HZ, sentence

ROOT = Path(__file__).parents[2]
SNIPPET = ROOT / "docs" / "snippets" / "talk.py"
ENDS_WITHIN_S = 180
COMFORT = "That is sad to hear, and I am sorry for him."


@pytest.mark.timed
@pytest.mark.parametrize("line_silent_s", [listening.LINE_SILENT_S])  # it sends no silence itself
@pytest.mark.parametrize("replies", [(COMFORT, "And {last}?")], ids=["briefly"])
def test_it_holds_a_conversation(parley, sentences, tmp_path):
    """Two turns: what was said, and the sound of each answer."""
    url, models = parley
    for name, path in zip("ab", sentences.values(), strict=True):
        soundfile.write(tmp_path / f"{name}.wav", sentence(path).samples, RATE_HZ)
    done = subprocess.run(
        [sys.executable, str(SNIPPET), f"{url}/v1", "a.wav", "b.wav"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
    )
    assert done.returncode == 0, done.stderr
    first, second = sentences
    answers = {"a": COMFORT, "b": f"And {second}?"}
    assert done.stdout.splitlines() == [f"{name}.wav → {text}" for name, text in answers.items()]
    told = [(m.text, m.cut_off) for m in models.prompts[-1] if m.role != "system"]
    assert told == [(first, False), (COMFORT, False), (second, False)]
    for name, text in answers.items():
        with wave.open(str(tmp_path / f"{name}.wav.answer.wav")) as answer:
            seconds = answer.getnframes() / RATE_HZ
        assert seconds == pytest.approx(len(text.split()) * 0.1, abs=0.1)


def test_readme_shows_it():
    assert SNIPPET.read_text() in (ROOT / "README.md").read_text()
