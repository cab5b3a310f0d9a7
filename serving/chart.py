"""Draw a forecast as a fan of intervals after the days observed: one SVG, no script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from serving.answers import values_of

WIDTH, HEIGHT = 760, 320
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 34, 36

STYLE = """
svg { background: #ffffff; color: #1f2933; font: 12px system-ui, sans-serif }
text { fill: currentColor } .title { font-size: 14px; font-weight: 600 }
.grid { stroke: #1f293322 } .observed { fill: none; stroke: #475569; stroke-width: 1.5 }
.median { fill: none; stroke: #0e7490; stroke-width: 2.5 } .origin { stroke: #475569 }
.origin { stroke-dasharray: 3 3 } .band { fill: #0e7490; fill-opacity: 0.18 }
@media (prefers-color-scheme: dark) {
  svg { background: #0f172a; color: #e2e8f0 } .grid { stroke: #e2e8f022 }
  .observed, .origin { stroke: #94a3b8 } .median { stroke: #22d3ee } .band { fill: #22d3ee }
}
"""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where a day and a value stand on the picture."""

    days: int
    low: float
    high: float

    def x(self, day: float) -> float:
        """Return the horizontal place of a day, counted from the first one drawn."""
        return LEFT + (WIDTH - LEFT - RIGHT) * day / max(self.days - 1, 1)

    def y(self, value: float) -> float:
        """Return the vertical place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def fan_chart(answer: dict[str, Any], observed: Sequence[tuple[str, float | None]]) -> str:
    """Draw the observed days, then the median and every interval of the answer.

    Args:
        answer: a forecast as the API gives it.
        observed: label and value (None for a gap) of the days up to the origin, oldest first.
    """
    units, columns = values_of(answer)
    median, *others = (name for name in columns if name != "time")
    drawn = [value for _, value in observed if value is not None]
    for name in (median, *others):
        drawn += columns[name]
    margin = 0.05 * (max(drawn) - min(drawn)) or 1.0
    frame = Frame(
        days=len(observed) + len(columns["time"]), low=min(drawn) - margin, high=max(drawn) + margin
    )
    unit = units[median]
    model = answer["model"]
    title = f"{answer['station']}: {median}, {unit}"
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f"aria-label={quoteattr(title)}>"
        ),
        f"<style>{STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="18">{escape(title)}</text>',
        *_grid(frame, observed, columns["time"]),
        *_bands(frame, len(observed), columns, others),
        *(f'<polyline class="observed" points="{run}"/>' for run in _runs(frame, observed)),
        f'<polyline class="median" points="{_line(frame, len(observed), columns[median])}"/>',
        (
            f'<text x="{WIDTH - RIGHT}" y="18" text-anchor="end">'
            f"{escape(model['name'])} version {model['version']}; {_shares(median, others)}</text>"
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(
    frame: Frame, observed: Sequence[tuple[str, float | None]], ahead: Sequence[str]
) -> list[str]:
    """Return lines at round values, the labels of some days, and the line of the origin."""
    lines = []
    for value in _round_values(frame.low, frame.high):
        y = f"{frame.y(value):.1f}"
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y}" dy="4" text-anchor="end">{value:g}</text>')
    labels = [label for label, _ in observed] + list(ahead)
    for day in range(0, len(labels), max(len(labels) // 6, 1)):
        x = f"{frame.x(day):.1f}"
        # A label at the right edge would be cut off if it were centred.
        anchor = "end" if frame.x(day) > WIDTH - LEFT else "middle"
        text = escape(labels[day])
        lines.append(f'<text x="{x}" y="{HEIGHT - 12}" text-anchor="{anchor}">{text}</text>')
    x = f"{frame.x(len(observed) - 1):.1f}"
    lines.append(f'<line class="origin" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
    return lines


def _round_values(low: float, high: float) -> list[float]:
    """Return at most eight values between two others, a step of 1, 2 or 5 tens apart."""
    ten = math.floor(math.log10((high - low) / 8))
    steps = [digit * 10.0**power for power in (ten, ten + 1) for digit in (1, 2, 5)]
    step = next(step for step in steps if (high - low) / step <= 8)
    first = math.floor(low / step) + 1
    places = range(first, math.ceil(high / step))
    # Rounded to the step: 3 x 0.1 is not 0.3 in floating point.
    return [round(place * step, max(-ten, 0)) for place in places]


def _shares(median: str, others: Sequence[str]) -> str:
    """Say which intervals are drawn, the narrowest first: `50, 80 and 95 %`."""
    ends = [name.removeprefix(f"{median}_p").replace("_", ".") for name in others]
    pairs = zip(ends[: len(ends) // 2], ends[::-1], strict=False)
    shares = [f"{float(high) - float(low):g}" for low, high in pairs][::-1]
    listed = " and ".join(filter(None, [", ".join(shares[:-1]), *shares[-1:]]))
    return f"{listed} %" if listed else "median only"


def _bands(frame: Frame, first: int, columns: dict[str, Any], others: Sequence[str]) -> list[str]:
    """Return a filled area an interval, the widest first."""
    pairs = zip(others[: len(others) // 2], others[::-1], strict=False)
    bands = []
    for low, high in pairs:
        there = _line(frame, first, columns[low])
        back = " ".join(reversed(_line(frame, first, columns[high]).split()))
        bands.append(f'<polygon class="band" points="{there} {back}"/>')
    return bands


def _line(frame: Frame, first: int, values: Sequence[float]) -> str:
    return " ".join(
        f"{frame.x(first + place):.1f},{frame.y(value):.1f}" for place, value in enumerate(values)
    )


def _runs(frame: Frame, observed: Sequence[tuple[str, float | None]]) -> list[str]:
    """Return the observed line, broken at every gap."""
    runs: list[list[str]] = [[]]
    for day, (_, value) in enumerate(observed):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{frame.x(day):.1f},{frame.y(value):.1f}")
    return [" ".join(run) for run in runs if run]
