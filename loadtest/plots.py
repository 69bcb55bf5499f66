"""Plots as inline SVG, without a library: lines, points and bars over two axes. Pure.

Colours are classes (`c0` … `c7`, `axis`, `slo`, `bad`), so that the page's style has them for
light and dark.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

COLOURS = 8
WIDTH, HEIGHT = 860, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 44

Point = tuple[float, float]


def ticks(longest: float, about: int = 6) -> list[float]:
    """Round numbers from 0 to `longest` or just above."""
    if longest <= 0:
        return [0.0, 1.0]
    step = 10 ** math.floor(math.log10(longest / about))
    step *= next(k for k in (1, 2, 5, 10) if longest / (step * k) <= about)
    return [number * step for number in range(math.ceil(longest / step - 1e-9) + 1)]


@dataclass(slots=True)
class Plot:
    """Axes from 0 to round numbers at or above `x_most` and `y_most`."""

    x_label: str
    y_label: str
    x_most: float
    y_most: float
    rows: Sequence[str] = ()
    """Names of rows, from the top, in place of the y axis's numbers."""
    height: int = HEIGHT
    _parts: list[str] = field(default_factory=list[str])
    _x_ticks: list[float] = field(default_factory=list[float])
    _y_ticks: list[float] = field(default_factory=list[float])

    def __post_init__(self) -> None:
        self._x_ticks, self._y_ticks = ticks(self.x_most, 8), ticks(self.y_most)
        if self.rows:
            self._y_ticks = [0.0, float(len(self.rows))]

    def x(self, value: float) -> float:
        return round(LEFT + value / self._x_ticks[-1] * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        return round(self.height - BOTTOM - value / self._y_ticks[-1] * self._inner, 1)

    @property
    def _inner(self) -> int:
        return self.height - TOP - BOTTOM

    def line(self, points: Sequence[Point], colour: str, title: str, *, area: bool = False) -> None:
        way = " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)
        name = f"<title>{escape(title)}</title>"
        if area and points:
            closed = f"{self.x(points[0][0])},{self.y(0)} {way} {self.x(points[-1][0])},{self.y(0)}"
            self._parts.append(f'<polygon class="area {colour}" points="{closed}"/>')
        self._parts.append(f'<polyline class="line {colour}" points="{way}">{name}</polyline>')

    def point(self, at: Point, colour: str, title: str, *, faint: bool = False) -> None:
        place = f'cx="{self.x(at[0])}" cy="{self.y(at[1])}" r="3"'
        shade = " faint" if faint else ""
        name = f"<title>{escape(title)}</title>"
        self._parts.append(f'<circle class="point {colour}{shade}" {place}>{name}</circle>')

    def bar(self, row: int, begins: float, ends: float, colour: str, title: str) -> None:
        """A part of a row's bar."""
        each = self._inner / len(self.rows)
        x, width = self.x(begins), max(0.0, round(self.x(ends) - self.x(begins), 1))
        place = f'x="{x}" y="{TOP + each * (row + 0.2):.1f}" width="{width}"'
        name = f"<title>{escape(title)}</title>"
        size = f'height="{each * 0.6:.1f}"'
        self._parts.append(f'<rect class="bar {colour}" {place} {size}>{name}</rect>')

    def across(self, value: float, title: str) -> None:
        """A level of the y axis that matters."""
        self._rule(LEFT, self.y(value), WIDTH - RIGHT, self.y(value), title)

    def upright(self, value: float, title: str) -> None:
        """A place of the x axis that matters."""
        self._rule(self.x(value), TOP, self.x(value), self.height - BOTTOM, title)

    def _rule(self, x1: float, y1: float, x2: float, y2: float, title: str) -> None:
        way = f'x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"'
        self._parts.append(f'<line class="slo" {way}><title>{escape(title)}</title></line>')

    def svg(self) -> str:
        """The whole plot."""
        size = f'viewBox="0 0 {WIDTH} {self.height}" role="img"'
        label = f'aria-label="{escape(self.y_label)} by {escape(self.x_label)}"'
        return "".join(["<svg ", size, " ", label, ">", *self._axes(), *self._parts, "</svg>"])

    def _axes(self) -> list[str]:
        bottom = self.height - BOTTOM
        parts = [
            f'<text class="label" x="{WIDTH - RIGHT}" y="{self.height - 6}" text-anchor="end">'
            f"{escape(self.x_label)}</text>"
        ]
        for value in self._x_ticks:
            x = self.x(value)
            parts.append(f'<line class="grid" x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}"/>')
            parts.append(_text(x, bottom + 18, "middle", f"{value:,g}"))
        if self.rows:
            each = self._inner / len(self.rows)
            return parts + [
                _text(LEFT - 8, TOP + each * (row + 0.5) + 4, "end", name)
                for row, name in enumerate(self.rows)
            ]
        for value in self._y_ticks:
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>')
            parts.append(_text(LEFT - 8, y + 4, "end", f"{value:,g}"))
        return parts


def _text(x: float, y: float, anchor: str, text: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="axis" {place}>{escape(text)}</text>'
