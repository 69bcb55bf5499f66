"""Conversion libraries print bars and deprecation notes of their own; ours is one line a model."""

import contextlib
import os
import warnings
from collections.abc import Generator


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """Nothing but errors comes out of the libraries used inside."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with (
        warnings.catch_warnings(),
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stderr(nowhere),
    ):
        warnings.simplefilter("ignore")
        yield
