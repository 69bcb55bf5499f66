"""`footprint`: what the stack takes of a machine: seconds to start, memory of each process."""

import psutil

from benchmarks.report import Detail, Figure, Report
from benchmarks.running_stack import NoStack, RunningStack, title_of

MIB = 2**20


def footprint(stack: RunningStack) -> Report:
    """Raises NoStack for a stack on another machine."""
    if stack.root is None:
        raise NoStack(f"the processes behind {stack.url} are not on this machine")
    rows = [row for one in stack.processes() if (row := _row(one))]
    figures = [
        Figure("memory of all processes (shared pages divided)", sum(r[1] for r in rows), "MiB"),
        Figure("start until ready", sum(_seconds(stack).values()) or None, "s"),
    ]
    started = [(part, seconds) for part, seconds in stack.started_s.items()]
    details = [
        Detail(
            "memory",
            ("process", "PSS, MiB", "RSS, MiB", "threads"),
            sorted(rows, key=lambda r: -r[1]),
        )
    ]
    if started:
        details.insert(0, Detail("start, as `make serve` prints it", ("part", "s"), started))
    return Report("footprint", figures, details)


def _seconds(stack: RunningStack) -> dict[str, float]:
    """What follows one another; the models' own times lie within `ready`."""
    return {k: v for k, v in stack.started_s.items() if k in ("ray", "serve", "ready")}


def _row(process: psutil.Process) -> tuple[str, float, float, int] | None:
    try:
        memory, threads = process.memory_full_info(), process.num_threads()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return _name(process), memory.pss / MIB, memory.rss / MIB, threads


def _name(process: psutil.Process) -> str:
    """A short name: Ray's and vLLM's titles, of others the program or `-m` module."""
    words = title_of(process).split()
    if not words:
        return str(process.pid)
    if words[0].startswith(("ray::", "VLLM::")):
        return words[0]
    if "-m" in words[:3]:
        return f"python -m {words[words.index('-m') + 1]}"
    if words[0].rpartition("/")[2].startswith("python") and "-c" not in words:
        words = [word for word in words[1:] if not word.startswith("-")] or words
    return words[0].rpartition("/")[2]
