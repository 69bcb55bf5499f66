"""The builder: from a `Stack` to a Serve application. Owns which deployment plays which role.

No `from __future__ import annotations` here: Ray validates `args` against the annotation only
where it is a class.
"""

from pathlib import Path
from typing import TypeVar

from ray.serve import Application

from configs.schema import (
    Kokoro,
    OpenAI,
    ScriptedLanguageModel,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    Stack,
    Vllm,
    Whisper,
)
from deployments.ingress import Ingress

Local = TypeVar("Local", Whisper, Vllm, Kokoro)

ROOT = Path(__file__).resolve().parent.parent
"""Of the repository: where relative folders of models begin, wherever Serve was started."""


def build(args: Stack) -> Application:
    """Bind the ingress to the models. Each role has the same deployment name for every engine
    (Transcriber, LanguageModel, Synthesizer), and none when its model lives elsewhere."""
    stack = Stack.model_validate(args)
    return Ingress.bind(
        stack,
        transcriber(stack.stt, "Transcriber"),
        language_model(stack.llm, "LanguageModel"),
        synthesizer(stack.tts, "Synthesizer"),
    )


def transcriber(section: Whisper | OpenAI | ScriptedTranscriber, name: str) -> Application | None:
    match section:
        case Whisper():
            from deployments.whisper import Whisper as Deployment

            return Deployment.options(name=name).bind(located(section))
        case ScriptedTranscriber():
            from deployments.scripted import Transcriber

            return Transcriber.options(name=name).bind(section)
        case OpenAI():
            return None


def language_model(section: Vllm | OpenAI | ScriptedLanguageModel, name: str) -> Application | None:
    match section:
        case Vllm():
            from deployments.language_model import language_model

            return language_model(with_template(located(section)), name)
        case ScriptedLanguageModel():
            from deployments.scripted import LanguageModel

            return LanguageModel.options(name=name).bind(section)
        case OpenAI():
            return None


def synthesizer(section: Kokoro | OpenAI | ScriptedSynthesizer, name: str) -> Application | None:
    match section:
        case Kokoro():
            from deployments.kokoro import Kokoro as Deployment

            return Deployment.options(name=name).bind(located(section))
        case ScriptedSynthesizer():
            from deployments.scripted import Synthesizer

            return Synthesizer.options(name=name).bind(section)
        case OpenAI():
            return None


def located(section: Local) -> Local:
    """The section with its model's folder absolute; a model hub's id stays as it is.

    A model that begins with `.` or `/` is a folder. Raises ValueError when it is not there.
    """
    if not section.model.startswith((".", "/")):
        return section
    folder = ROOT / section.model
    if not folder.is_dir():
        raise ValueError(
            f"no folder {folder} for the {section.engine} model {section.model!r}: "
            "`make serve` prepares the default ones, or name a model hub's id"
        )
    return section.model_copy(update={"model": str(folder)})


def with_template(section: Vllm) -> Vllm:
    """The section with its `chat_template` absolute, where it names a file (`….jinja`); a template
    that is written out stays. Raises ValueError when the file is not there."""
    template = section.engine_kwargs.get("chat_template")
    if not isinstance(template, str) or not template.endswith(".jinja"):
        return section
    file = ROOT / template
    if not file.is_file():
        raise ValueError(f"no file {file}: args.llm.engine_kwargs.chat_template names it")
    arguments = section.engine_kwargs | {"chat_template": str(file)}
    return section.model_copy(update={"engine_kwargs": arguments})
