"""What the warm-up asks of the models before a caller does."""

from configs.schema import Stack
from ingress.lines import FixedLines, lines_of
from ingress.readiness import Readiness
from tests.ingress.line import Models

SCRIPTED = {"engine": "scripted"}


def stack(**agents):
    return Stack(stt=SCRIPTED, llm=SCRIPTED, tts=SCRIPTED, agents=agents)


class Languages(Models):
    def __init__(self) -> None:
        super().__init__()
        self.languages: list[str] = []

    async def transcribe(self, speech, *, language, final, deadline_s):
        self.languages.append(language)


async def test_every_agents_language_is_tried_once():
    models, readiness = Languages(), Readiness()
    one = {"prompt": "Be brief."}
    agents = {"default": one, "again": one, "german": {**one, "language": "de"}}
    await readiness.warm_up(stack(**agents), models.backends, FixedLines())
    assert models.languages == ["de", "en"]
    assert readiness.ready.is_set() and not readiness.waiting_for


async def test_fixed_lines_are_kept_but_not_what_a_call_completes():
    agents = {
        "default": {"prompt": "Be brief.", "greeting": "Hi {name}."},
        "named": {"prompt": "Be brief.", "greeting": "Hi {name}.", "variables": {"name": "Ada"}},
    }
    one = stack(**agents)
    lines = [line for line, _ in lines_of(one)]
    assert "Hi Ada." in lines and one.twilio.busy_line in lines and "Hi {name}." not in lines


async def test_the_synthesizers_voices_are_kept():
    models, readiness = Models(), Readiness()
    await readiness.warm_up(stack(default={"prompt": "Hi."}), models.backends, FixedLines())
    assert readiness.voices == ("af_heart", "am_michael")
