"""Say which stations are trained together, and which time is held out at all of them alike.

The weather of neighbours is correlated: what one station's rows say of a time is not unknown at
the next station. So a pool is divided by the clock, not by row numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Blocks, WindowSpec, least_train

#: Fewest stations that are worth a model of their own.
LEAST_STATIONS = 2


@dataclass(frozen=True, kw_only=True)
class Share:
    """One station's part of a pool, in its own rows.

    The pool sees its rows before `train`; `held` are the rows, from and up to, that it holds out
    in each turn, the latest in turn 0.
    """

    train: int
    held: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Span:
    """When a station's rows are, in seconds of UTC, and how it is cut into blocks.

    `first` is the earliest moment at which row 0 may begin; a row may end `doubt` seconds later
    than one step after it may begin, where a zone's clock changes with the season.
    """

    first: int
    doubt: int
    step: int
    blocks: Blocks

    @classmethod
    def of(cls, series: ClimateSeries, blocks: Blocks, *, one_zone: bool) -> "Span":
        """Place a series in time; where all stations share a zone, their labels are compared."""
        slow, fast = (0, 0) if one_zone else _offsets(series)
        label = int(series.start.timestamp())
        step = int(series.step.total_seconds())
        return cls(first=label - fast, doubt=fast - slow, step=step, blocks=blocks)

    def begins(self, row: int) -> int:
        """Return the earliest moment at which a row may begin."""
        return self.first + row * self.step

    def rows_before(self, moment: int) -> int:
        """Count the rows that have ended by a moment for sure."""
        return max(0, (moment - self.first - self.doubt) // self.step)

    def touching(self, begin: int, end: int) -> tuple[int, int]:
        """Return the rows, from and up to, any part of which may lie in a stretch of time."""
        return self.rows_before(begin), -((self.first - end) // self.step)


def _offsets(series: ClimateSeries) -> tuple[int, int]:
    """Return how far the station's clock is ahead of UTC in a year, at least and at most."""
    zone = ZoneInfo(series.station.timezone)
    moments = [datetime(series.end.year, month, 1, tzinfo=zone) for month in (1, 4, 7, 10)]
    offsets = [moment.utcoffset() for moment in moments]
    seconds = [int(offset.total_seconds()) for offset in offsets if offset is not None]
    return min(seconds), max(seconds)


def share_out(
    stations: Mapping[str, tuple[ClimateSeries, Blocks]], window: WindowSpec, folds: int
) -> dict[str, Share]:
    """Divide stations' rows for a common training; empty where fewer than two can take part.

    The pool sees nothing from the moment on at which the first of its stations' gate blocks
    begins. A station whose gate begins before that moment, or with too few rows before it, is
    left out; the moment is the gate's begin of that station which gives the pool the most rows.

    Args:
        stations: each one's series and blocks, by name.
        window: the steps of a history and of the horizon.
        folds: how many stretches are held out in turn.
    """
    one_zone = len({series.station.timezone for series, _ in stations.values()}) == 1
    spans = {
        name: Span.of(series, blocks, one_zone=one_zone)
        for name, (series, blocks) in stations.items()
    }
    return share_spans(spans, window, folds)


def share_spans(
    spans: Mapping[str, Span], window: WindowSpec, folds: int, least: int = LEAST_STATIONS
) -> dict[str, Share]:
    """Divide stations' rows as `share_out` does, of which nothing but their spans is known.

    Args:
        spans: when each station's rows are, by its name.
        window: the steps of a history and of the horizon.
        folds: how many stretches are held out in turn.
        least: fewest stations that are a pool.
    """
    # Many stations end on the same day: each moment is tried once, or a thousand take a million.
    moments = sorted({span.begins(span.blocks.train) for span in spans.values()})
    pools = [(_before(spans, moment, window), moment) for moment in moments]
    large = [pool for pool in pools if len(pool[0]) >= least]
    if not large:
        return {}
    rows, moment = max(large, key=lambda pool: sum(pool[0].values()))
    return _stretches({name: spans[name] for name in rows}, rows, moment, (window, folds))


def _before(spans: Mapping[str, Span], moment: int, window: WindowSpec) -> dict[str, int]:
    """Return the rows that each station brings to a pool that ends at a moment."""
    rows = {
        name: span.rows_before(moment)
        for name, span in spans.items()
        if span.begins(span.blocks.train) >= moment
    }
    return {name: count for name, count in rows.items() if count >= least_train(window)}


def _stretches(
    spans: Mapping[str, Span], rows: Mapping[str, int], end: int, cut: tuple[WindowSpec, int]
) -> dict[str, Share]:
    """Divide the time in which every station has a whole history behind it into stretches."""
    window, folds = cut
    begin = max(span.begins(window.history) for span in spans.values())
    step = next(iter(spans.values())).step
    steps = (end - begin) // step
    edges = [begin + steps * place // folds * step for place in range(folds + 1)]
    pairs = list(pairwise(edges))[::-1]
    shares = {}
    for name, span in spans.items():
        touched = [span.touching(*pair) for pair in pairs]
        held = tuple((max(first, window.history), min(last, rows[name])) for first, last in touched)
        shares[name] = Share(train=rows[name], held=held)
    return shares
