"""Coverage in Ray's worker processes: they are killed rather than ended, so what was measured is
written every second."""

import os
import sys
import threading
import time

if root := os.environ.get("PARLEY_COVERAGE"):
    import coverage

    measured = coverage.Coverage(
        data_file=os.path.join(root, ".coverage"),
        config_file=os.path.join(root, "pyproject.toml"),
        data_suffix=True,
    )
    measured.start()

    def save() -> None:
        while True:
            time.sleep(1)
            if "ray.serve" in sys.modules or "deployments" in sys.modules:
                measured.save()

    threading.Thread(target=save, daemon=True, name="coverage").start()
