"""Draw one variable over time as inline SVG: the line, its gaps, and what was quarantined."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from data_checks.days import runs
from data_checks.rows import written_label

WIDTH, HEIGHT = 920.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 14.0, 26.0

#: About two points for each pixel across: more would only make the page heavy.
MOST_POINTS = 1800
TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """What to draw: `kept` and `removed` are (steps,) in internal units, NaN where nothing is."""

    name: str
    unit: str
    start: datetime
    step: timedelta
    kept: NDArray[np.float64]
    removed: NDArray[np.float64]

    def drawing(self) -> "Drawing":
        """Lay the values out on the page."""
        scale = _Scale(self)
        return Drawing(
            name=self.name,
            unit=self.unit,
            paths=tuple(_paths(self.kept, scale)),
            marks=tuple(_marks(self, scale)),
            heights=tuple((f"{value:g}", scale.y(value)) for value in scale.levels),
            dates=tuple(_dates(self, scale)),
            gaps=tuple(_gaps(self, scale)),
        )


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A quarantined value; `shape` is "up" or "down" where it lies beyond the plot."""

    x: float
    y: float
    shape: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A plot in the units of its view box: lines, marks, and labelled ticks."""

    name: str
    unit: str
    paths: tuple[str, ...]
    marks: tuple[Mark, ...]
    heights: tuple[tuple[str, float], ...]
    dates: tuple[tuple[str, float], ...]
    gaps: tuple[tuple[float, float], ...]


class _Scale:
    """Map steps and values to the view box; the range is that of the kept values."""

    def __init__(self, sketch: Sketch) -> None:
        known = sketch.kept[np.isfinite(sketch.kept)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        self.levels = _levels(low, high)
        self.low = min(low, self.levels[0])
        self.high = max(high, self.levels[-1])
        self.steps = max(len(sketch.kept) - 1, 1)

    def x(self, position: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * position / self.steps, 1)

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)


def _levels(low: float, high: float) -> list[float]:
    """Return about five round values that enclose the range."""
    span = max(high - low, 1e-6 * max(abs(low), abs(high), 1.0))
    power = 10.0 ** np.floor(np.log10(span / TICKS))
    spacing = next(power * factor for factor in (1, 2, 5, 10) if power * factor * TICKS >= span)
    first, last = np.floor(low / spacing), np.ceil(high / spacing)
    last = max(last, first + 1)
    return [round(float(level * spacing), 10) for level in np.arange(first, last + 1)]


def _paths(values: NDArray[np.float64], scale: _Scale) -> Iterator[str]:
    """Return one path for each run without a gap; one lone value becomes a short dash."""
    for first, last in runs(np.isfinite(values)):
        points = [
            f"{scale.x(at)},{scale.y(float(values[at]))}" for at in _thinned(values, first, last)
        ]
        yield f"M{' L'.join(points)}" if len(points) > 1 else f"M{points[0]} h1"


def _thinned(values: NDArray[np.float64], first: int, last: int) -> list[int]:
    """Return the positions to draw: all, or the lowest and the highest of every block."""
    block = max(1, 2 * len(values) // MOST_POINTS)
    if block <= 2:
        return list(range(first, last))
    chosen: list[int] = []
    for start in range(first, last, block):
        part = values[start : min(start + block, last)]
        chosen += sorted({start + int(part.argmin()), start + int(part.argmax())})
    return chosen


def _marks(sketch: Sketch, scale: _Scale) -> Iterator[Mark]:
    positions = np.flatnonzero(np.isfinite(sketch.removed))
    for position in positions[: 2 * MOST_POINTS]:
        value = float(sketch.removed[position])
        label = sketch.start + int(position) * sketch.step
        shape = "up" if value > scale.high else "down" if value < scale.low else "inside"
        title = f"{written_label(label, sketch.step)}: {value:.7g} {sketch.unit}, quarantined"
        yield Mark(x=scale.x(int(position)), y=scale.y(value), shape=shape, title=title)


def _dates(sketch: Sketch, scale: _Scale) -> Iterator[tuple[str, float]]:
    """Return up to six evenly spaced dates with their places."""
    count = min(6, len(sketch.kept))
    for position in sorted({int(at) for at in np.linspace(0, len(sketch.kept) - 1, count)}):
        yield (sketch.start + position * sketch.step).date().isoformat(), scale.x(position)


def _gaps(sketch: Sketch, scale: _Scale) -> Iterator[tuple[float, float]]:
    """Return left edge and width of every gap that holds no quarantined value."""
    for first, last in runs(np.isnan(sketch.kept) & np.isnan(sketch.removed)):
        left = scale.x(max(first - 0.5, 0))
        yield left, round(max(scale.x(min(last - 0.5, scale.steps)) - left, 1.0), 1)
