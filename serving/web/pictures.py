"""Draw what the pages show as inline SVG, coloured by the page's own style sheet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from serving.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Fan, Frame, frame_of, shapes
from serving.web.words import MONTHS

#: Most labels along the lower edge.
MOST_TICKS: Final = 8


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line over the leads, lead 1 first; `look` is its class in the style sheet."""

    name: str
    look: str
    values: Sequence[float | None]


def fan_picture(fan: Fan, title: str) -> str:
    """Draw the fan with its months, or its days where it has hours, below it.

    Args:
        fan: what is shown.
        title: what a screen reader says in the picture's place.
    """
    frame = frame_of(fan)
    return _picture(
        "fan", title, [*_future(frame, fan), *frame.heights(), *_times(frame, fan.labels)],
        shapes(frame, fan),
    )  # fmt: skip


def lead_picture(lines: Sequence[Line], title: str, *, floor: float | None = None) -> str:
    """Draw lines over the leads.

    Args:
        lines: the last one is drawn on top.
        title: what a screen reader says in the picture's place.
        floor: a value that the picture includes below the least one drawn.
    """
    known = [value for line in lines for value in line.values if value is not None]
    steps = max((len(line.values) for line in lines), default=0)
    frame = Frame.around([*known, *([] if floor is None else [floor])], steps)
    return _picture("leads", title, [*frame.heights(), *_leads(frame)], _lines(frame, lines))


def _picture(kind: str, title: str, *layers: Sequence[str] | Iterator[str]) -> str:
    head = (
        f'<svg class="picture {kind}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" data-top="{TOP}">'
    )
    # Every text in it has been escaped where it was put in: templates take it as it is.
    return "\n".join([head, *(part for layer in layers for part in layer), "</svg>"])


def _future(frame: Frame, fan: Fan) -> Iterator[str]:
    """Yield the ground behind what is forecast."""
    if fan.ahead:
        x = frame.x(len(fan.observed) - 1)
        width = WIDTH - RIGHT - x
        yield (
            f'<rect class="future" x="{x:.1f}" y="{TOP}" width="{width:.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM}"/>'
        )
        yield f'<text x="{WIDTH - RIGHT}" y="{TOP - 8}" text-anchor="end">forecast</text>'


def _times(frame: Frame, labels: Sequence[str]) -> Iterator[str]:
    """Yield the beginning of each month, or of each day where the steps are hours."""
    for place, (step, text) in enumerate(ticks(labels)):
        x = frame.x(step)
        anchor = "end" if x > WIDTH - LEFT else "start" if x < LEFT + 20 else "middle"
        alternate = " alternate" if place % 2 else ""
        y = HEIGHT - BOTTOM
        yield f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 5}"/>'
        yield (
            f'<text class="time{alternate}" x="{x:.1f}" y="{HEIGHT - 12}" '
            f'text-anchor="{anchor}">{escape(text)}</text>'
        )


def ticks(labels: Sequence[str]) -> list[tuple[int, str]]:
    """Return which steps are labelled, and how.

    >>> ticks(["2015-12-31", "2016-01-01", "2016-01-02"])
    [(0, '31 Dec'), (1, '1 Jan'), (2, '2 Jan')]
    """
    hourly = any("T" in label for label in labels)
    begins = [
        step
        for step, label in enumerate(labels)
        if (label.endswith("T00:00") if hourly else label.endswith("-01"))
    ]
    monthly = not hourly and len(begins) > 2
    steps = begins if monthly or len(begins) > 2 else list(range(len(labels)))
    every = -(-len(steps) // MOST_TICKS)
    return [(step, _short(labels[step], monthly=monthly)) for step in steps[:: max(every, 1)]]


def _short(label: str, *, monthly: bool) -> str:
    year, month, rest = label[:4], MONTHS[int(label[5:7]) - 1], label[8:10]
    if monthly:
        return f"{month} {year}" if month == MONTHS[0] else month
    return f"{int(rest)} {month}"


def _leads(frame: Frame) -> Iterator[str]:
    every = -(-frame.steps // 12)
    for step in range(0, frame.steps, max(every, 1)):
        x = f"{frame.x(step):.1f}"
        anchor = "end" if frame.x(step) > WIDTH - RIGHT - 4 else "middle"
        y = HEIGHT - 12
        yield f'<text class="time" x="{x}" y="{y}" text-anchor="{anchor}">{step + 1}</text>'


def _lines(frame: Frame, lines: Sequence[Line]) -> Iterator[str]:
    for line in lines:
        for run in frame.runs(line.values):
            name = escape(line.name)
            yield f'<polyline class="line {line.look}" data-name="{name}" points="{run}"/>'
            if line.look in DOTTED:
                for point in run.split():
                    x, _, y = point.partition(",")
                    yield f'<circle class="dot {line.look}" cx="{x}" cy="{y}" r="3.5"/>'


#: Lines that carry a dot at each lead: those of the model itself.
DOTTED: Final = frozenset({"model", "achieved-80", "achieved-95"})
