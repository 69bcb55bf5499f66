"""For all tests: hypothesis measures no time, since machines are shared."""

from hypothesis import settings

settings.register_profile("parley", deadline=None)
settings.load_profile("parley")
