"""For all tests: hypothesis measures no time, since machines are shared; in CI it tries the same
examples every time, so that a change is judged by what it changed."""

import os

from hypothesis import settings

settings.register_profile("parley", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("parley")
