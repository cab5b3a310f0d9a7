"""Draw a forecast as a fan of intervals after the steps observed: one SVG, no script."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
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

Observed = Sequence[tuple[str, float | None]]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A central interval by its share in percent, with its two ends at each step ahead."""

    share: float
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Fan:
    """What a picture shows: the steps observed, and what is forecast after them if anything is.

    `observed` has a label and a value (None for a gap) a step up to the origin, oldest first;
    `intervals` come widest first; `quarantined` are the labels at which the data checks refused
    the value.
    """

    observed: Observed
    ahead: Sequence[str] = ()
    median: Sequence[float] = ()
    intervals: Sequence[Interval] = ()
    quarantined: Collection[str] = field(default=())

    @property
    def labels(self) -> list[str]:
        """The label of every step drawn, oldest first."""
        return [label for label, _ in self.observed] + list(self.ahead)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where a step and a value stand on a picture."""

    steps: int
    low: float
    high: float

    @classmethod
    def around(cls, values: Collection[float], steps: int) -> "Frame":
        """Leave a little room below the least value and above the greatest."""
        known = values or (0.0, 1.0)
        margin = 0.05 * (max(known) - min(known)) or 1.0
        return cls(steps=steps, low=min(known) - margin, high=max(known) + margin)

    def x(self, step: float) -> float:
        """Return the horizontal place of a step, counted from the first one drawn."""
        return LEFT + (WIDTH - LEFT - RIGHT) * step / max(self.steps - 1, 1)

    def y(self, value: float) -> float:
        """Return the vertical place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def line(self, first: int, values: Sequence[float]) -> str:
        """Return the points of a line that begins at a step."""
        return " ".join(
            f"{self.x(first + place):.1f},{self.y(value):.1f}" for place, value in enumerate(values)
        )

    def runs(self, values: Sequence[float | None]) -> list[str]:
        """Return the points of a line from the first step on, broken at every gap."""
        runs: list[list[str]] = [[]]
        for step, value in enumerate(values):
            if value is None:
                runs.append([])
            else:
                runs[-1].append(f"{self.x(step):.1f},{self.y(value):.1f}")
        return [" ".join(run) for run in runs if run]

    def heights(self) -> Iterator[str]:
        """Yield a line and its label at each round value."""
        for value in round_values(self.low, self.high):
            y = f"{self.y(value):.1f}"
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
            yield f'<text x="{LEFT - 8}" y="{y}" dy="4" text-anchor="end">{value:g}</text>'


def fan_of(answer: dict[str, Any], observed: Observed, quarantined: Collection[str] = ()) -> Fan:
    """Take a forecast as the API gives it, with every interval that it holds."""
    _, columns = values_of(answer)
    median, *others = (name for name in columns if name != "time")
    # The other levels come in ascending order, as many below the median as above it.
    pairs = zip(others[: len(others) // 2], others[::-1], strict=False)
    return Fan(
        observed=observed,
        ahead=columns["time"],
        median=columns[median],
        intervals=[
            Interval(share=_end(high) - _end(low), low=columns[low], high=columns[high])
            for low, high in pairs
        ],
        quarantined=quarantined,
    )


def _end(name: str) -> float:
    """Return the percent in a series' name: `t_p2_5` is 2.5."""
    return float(name.rpartition("_p")[2].replace("_", "."))


def fan_chart(answer: dict[str, Any], observed: Observed) -> str:
    """Draw the observed days, then the median and every interval of the answer.

    Args:
        answer: a forecast as the API gives it.
        observed: label and value (None for a gap) of the days up to the origin, oldest first.
    """
    units, columns = values_of(answer)
    median = next(name for name in columns if name != "time")
    fan, model = fan_of(answer, observed), answer["model"]
    frame, title = frame_of(fan), f"{answer['station']}: {median}, {units[median]}"
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f"aria-label={quoteattr(title)}>"
        ),
        f"<style>{STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="18">{escape(title)}</text>',
        *frame.heights(),
        *_days(frame, fan.labels),
        *shapes(frame, fan),
        (
            f'<text x="{WIDTH - RIGHT}" y="18" text-anchor="end">'
            f"{escape(model['name'])} version {model['version']}; {shares(fan.intervals)}</text>"
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def frame_of(fan: Fan) -> Frame:
    """Return the frame that holds every value of the fan."""
    drawn = [value for _, value in fan.observed if value is not None]
    for values in (fan.median, *(end for each in fan.intervals for end in (each.low, each.high))):
        drawn += values
    return Frame.around(drawn, len(fan.labels))


def shapes(frame: Frame, fan: Fan) -> Iterator[str]:
    """Yield the origin, a filled area an interval, the lines, and the quarantined steps."""
    first = len(fan.observed)
    x = f"{frame.x(first - 1):.1f}"
    if fan.ahead:
        yield f'<line class="origin" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
    for each in fan.intervals:
        there = frame.line(first, each.low)
        back = " ".join(reversed(frame.line(first, each.high).split()))
        yield f'<polygon class="band" points="{there} {back}"/>'
    for run in frame.runs([value for _, value in fan.observed]):
        yield f'<polyline class="observed" points="{run}"/>'
    if fan.ahead:
        yield f'<polyline class="median" points="{frame.line(first, fan.median)}"/>'
    yield from _marks(frame, fan)


def _marks(frame: Frame, fan: Fan) -> Iterator[str]:
    """Yield a mark on the axis at each quarantined step: its value is not known."""
    y = HEIGHT - BOTTOM
    for step, (label, _) in enumerate(fan.observed):
        if label in fan.quarantined:
            x = frame.x(step)
            yield (
                f'<path class="quarantined" data-label={quoteattr(label)} '
                f'd="M{x:.1f} {y - 6} l5 6 l-5 6 l-5 -6 z">'
                f"<title>{escape(label)}: refused by the data checks</title></path>"
            )


def _days(frame: Frame, labels: Sequence[str]) -> Iterator[str]:
    """Yield the labels of some days."""
    for day in range(0, len(labels), max(len(labels) // 6, 1)):
        x = f"{frame.x(day):.1f}"
        # A label at the right edge would be cut off if it were centred.
        anchor = "end" if frame.x(day) > WIDTH - LEFT else "middle"
        text = escape(labels[day])
        yield f'<text x="{x}" y="{HEIGHT - 12}" text-anchor="{anchor}">{text}</text>'


def round_values(low: float, high: float) -> list[float]:
    """Return at most eight values between two others, a step of 1, 2 or 5 tens apart."""
    ten = math.floor(math.log10((high - low) / 8))
    steps = [digit * 10.0**power for power in (ten, ten + 1) for digit in (1, 2, 5)]
    step = next(step for step in steps if (high - low) / step <= 8)
    first = math.floor(low / step) + 1
    places = range(first, math.ceil(high / step))
    # Rounded to the step: 3 x 0.1 is not 0.3 in floating point.
    return [round(place * step, max(-ten, 0)) for place in places]


def shares(intervals: Sequence[Interval]) -> str:
    """Say which intervals are drawn, the narrowest first: `50, 80 and 95 %`."""
    shown = [f"{each.share:g}" for each in intervals][::-1]
    listed = " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))
    return f"{listed} %" if listed else "median only"
