"""What a benchmark found, for people and for programs. Owns the targets' verdict."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, and its target if it has one. None was not measured, and meets none."""

    name: str
    value: float | None
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.at_most is None and self.at_least is None:
            return None
        if self.value is None:
            return False
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    @property
    def target(self) -> str:
        bounds = (("≤", self.at_most), ("≥", self.at_least))
        return " ".join(f"{sign} {number(bound)}" for sign, bound in bounds if bound is not None)


@dataclass(frozen=True, slots=True)
class Detail:
    """A table beside the figures: numbers and texts in rows."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Report:
    """All that one benchmark found. `notes` say what makes its figures doubtful."""

    benchmark: str
    figures: list[Figure]
    details: list[Detail] = field(default_factory=list[Detail])
    notes: list[str] = field(default_factory=list[str])

    @property
    def met(self) -> bool:
        return all(figure.met is not False for figure in self.figures)

    def as_json(self) -> str:
        figures = [{**asdict(figure), "met": figure.met} for figure in self.figures]
        details = {
            d.title: [dict(zip(d.columns, r, strict=True)) for r in d.rows] for d in self.details
        }
        body = {"benchmark": self.benchmark, "met": self.met, "figures": figures}
        return json.dumps({**body, "details": details, "notes": self.notes}, ensure_ascii=False)

    def show(self, console: Console) -> None:
        for detail in self.details:
            console.print(_table(detail.title, detail.columns, detail.rows))
        verdicts = {True: "[green]met[/]", False: "[bold red]not met[/]", None: ""}
        rows = [
            (f.name, f"{number(f.value)} {f.unit}", f.target, verdicts[f.met]) for f in self.figures
        ]
        console.print(_table(self.benchmark, ("figure", "measured", "target", ""), rows))
        for note in self.notes:
            console.print(f"note: {note}", style="yellow", markup=False)


def number(value: Any) -> str:
    """Four digits or so, as a person reads them; texts as they are."""
    if not isinstance(value, float):
        return "-" if value is None else str(value)
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.1f}"


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        numbers = any(isinstance(row[index], int | float) for row in rows)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(number, row))
    return table
