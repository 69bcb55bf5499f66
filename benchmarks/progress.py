"""How far a benchmark is, for whoever waits. Owns the line on the terminal."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Told = Callable[[str], None]
"""Called once for each step that is done, with what came of it."""


@contextmanager
def progress(console: Console, benchmark: str, steps: int) -> Generator[Told]:
    """A bar that takes `steps` calls of what it gives."""
    columns = (TextColumn(benchmark), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=console) as bar:
        task = bar.add_task("", total=steps)
        yield lambda text: bar.update(task, advance=1, description=escape(text[:60]))
