"""The configuration tables name every field of the schema, with its default, and no other; the
documents' links lead somewhere."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from configs import agents, schema
from configs.webrtc import WebRtc

ROOT = Path(__file__).parent.parent.parent
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
DOCUMENTS = sorted(
    path
    for folder in (ROOT, ROOT / "docs", ROOT / "docs" / "decisions")
    for path in folder.glob("*.md")
)
SECTIONS = {
    "args": schema.Stack,
    "stt, engine: whisper": schema.Whisper,
    "llm, engine: vllm": schema.Vllm,
    "tts, engine: kokoro": schema.Kokoro,
    "stt, llm, tts, engine: openai": schema.OpenAI,
    "stt, engine: scripted": schema.ScriptedTranscriber,
    "llm, engine: scripted": schema.ScriptedLanguageModel,
    "llm, engine: scripted, replies[]": schema.ScriptedToolCall,
    "tts, engine: scripted": schema.ScriptedSynthesizer,
    "agents.NAME": agents.Agent,
    "agents.NAME.sampling": agents.Sampling,
    "agents.NAME.limits": agents.Limits,
    "listening": schema.Listening,
    "listening.end_of_turn": schema.EndOfTurn,
    "speaking": schema.Speaking,
    "twilio": schema.Twilio,
    "api": schema.Api,
    "webrtc": WebRtc,
    "ingress": schema.Ingress,
}
ROW = re.compile(r"\| `(\w+)` \| (.*?) \| (.+) \|")


def tables() -> dict[str, dict[str, str]]:
    """Heading of each configuration table → field → what stands as its default."""
    found: dict[str, dict[str, str]] = {}
    rows: dict[str, str] = {}
    for line in CONFIGURATION.splitlines():
        if heading := re.fullmatch(r"\*\*`(.+)`\*\*.*", line):
            rows = found.setdefault(heading[1], {})
        elif row := ROW.fullmatch(line):
            rows[row[1]] = row[2]
    return found


def written(default: Any) -> str:
    """A default as the tables write it."""
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, BaseModel):
        return "below"
    if default == agents.FALLBACK_LINES:
        return "three lines"
    return f"`{json.dumps(default)}`".replace(".0`", "`")


@pytest.mark.parametrize("heading", SECTIONS)
def test_a_table_is_its_section(heading: str) -> None:
    fields = SECTIONS[heading].model_fields
    expected = {name: written(f.default) for name, f in fields.items() if name != "engine"}
    assert tables().get(heading) == expected


def test_no_section_is_left_out() -> None:
    def sections(module: Any) -> set[type[BaseModel]]:
        classes = {one for one in vars(module).values() if isinstance(one, type)}
        return {one for one in classes if issubclass(one, schema.Section)} - {schema.Section}

    assert set(SECTIONS.values()) == sections(schema) | sections(agents)
    assert set(tables()) == set(SECTIONS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_every_make_target_is_there() -> None:
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z]+)\b", readme):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_decisions_are_short() -> None:
    for path in (ROOT / "docs" / "decisions").glob("*.md"):
        assert len(path.read_text().splitlines()) <= 30, path.name
