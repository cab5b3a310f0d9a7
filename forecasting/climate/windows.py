"""Cut a trusted series into windows without letting the future leak back."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from forecasting.climate.series import ClimateSeries
from forecasting.errors import SeriesTooShort, WindowError

Cell = TypeVar("Cell", bound=np.generic)

#: Fewest origins of the gate block: half a year of daily forecasts.
GATE_ORIGINS = 180

#: Stretches of the train block that members hold out in turn: half a year each in three
#: years, so that no season is every member's judge.
STRETCHES = 6


@dataclass(frozen=True, kw_only=True)
class WindowSpec:
    """How much past a forecast reads and how far ahead it looks, in steps."""

    history: int
    horizon: int

    def __post_init__(self) -> None:
        if self.history < 1 or self.horizon < 1:
            raise WindowError(
                "a window needs a past and a future",
                expected="history and horizon of at least 1",
                found=f"{self.history} and {self.horizon}",
            )

    @property
    def span(self) -> int:
        """Steps from the first of the history to the last of the target."""
        return self.history + self.horizon

    def starts(self, length: int) -> range:
        """Return where windows may begin in a series of that length.

        Raises:
            WindowError: not even one window fits.

        >>> WindowSpec(history=3, horizon=2).starts(length=7)
        range(0, 3)
        """
        if length < self.span:
            raise WindowError(f"need at least {self.span} steps, got {length}")
        return range(length - self.span + 1)

    def origins(self, first: int, last: int) -> range:
        """Return the origins whose targets all lie in rows first <= row < last.

        An origin is the last row of a history. The history may reach back over `first`: it
        is the past. No target reaches over `last`.
        """
        return range(max(first, self.history) - 1, max(last - self.horizon, self.history - 1))


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Histories and targets as views over one series; nothing is copied.

    history: (origins, history, variables) float32, NaN for gaps. target: (origins, horizon)
    float32, NaN for gaps; `history_observed` and `target_observed` are the masks of the
    same shapes. `first_origin` is the row of the first origin; the others follow, `stride`
    rows apart.
    """

    history: NDArray[np.float32]
    history_observed: NDArray[np.bool_]
    target: NDArray[np.float32]
    target_observed: NDArray[np.bool_]
    first_origin: int
    start_seconds: int
    step_seconds: int
    stride: int = 1

    def __len__(self) -> int:
        return len(self.history)

    @property
    def origins(self) -> range:
        """The rows of the origins."""
        last = self.first_origin + len(self) * self.stride
        return range(self.first_origin, last, self.stride)

    def origin_seconds(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the labels of origins, in seconds, by their position among the windows."""
        rows = self.first_origin + positions * self.stride
        return self.start_seconds + rows * self.step_seconds


def cut(series: ClimateSeries, spec: WindowSpec, origins: range) -> Windows:
    """Cut the windows of ascending origins, evenly apart, as views over the series.

    Raises:
        WindowError: the series holds no window, or an origin lacks its history or its target.
    """
    spec.starts(len(series))
    if not origins or origins.step < 1:
        raise WindowError("origins must be ascending rows", expected="one or more", found=origins)
    if origins[0] < spec.history - 1 or origins[-1] + spec.horizon >= len(series):
        raise WindowError(
            "an origin lacks its history or its target",
            expected=f"rows {spec.history - 1} to {len(series) - spec.horizon - 1}",
            found=f"{origins[0]} to {origins[-1]}",
        )
    past = slice(origins[0] - spec.history + 1, origins[-1] + 1)
    ahead = slice(origins[0] + 1, origins[-1] + spec.horizon + 1)
    column = series.target_column
    return Windows(
        history=_slide(series.values[past], spec.history)[:: origins.step],
        history_observed=_slide(series.observed[past], spec.history)[:: origins.step],
        target=_slide(series.values[ahead, column], spec.horizon)[:: origins.step],
        target_observed=_slide(series.observed[ahead, column], spec.horizon)[:: origins.step],
        first_origin=origins[0],
        start_seconds=int(series.start.timestamp()),
        step_seconds=int(series.step.total_seconds()),
        stride=origins.step,
    )


def _slide(rows: NDArray[Cell], steps: int) -> NDArray[Cell]:
    """View (rows, ...) as (windows, steps, ...)."""
    return np.moveaxis(sliding_window_view(rows, steps, axis=0), -1, 1)


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """Where each use of the series ends, in rows; by time, later uses never seen by earlier.

    train, then gate, each up to and without its border. Training, choosing, blending and the
    calibration of the intervals share the train block by holding out a stretch of it in turn.
    """

    train: int
    gate: int

    @classmethod
    def of(cls, rows: int, spec: WindowSpec) -> "Blocks":
        """Divide a series: the gate takes the last 15 % but at least 180 origins.

        Raises:
            SeriesTooShort: the train block could not hold the stretches.
        """
        judged = _judged(rows, spec)
        train = rows - judged
        if train < least_train(spec):
            raise SeriesTooShort(
                "too few steps to train, choose and judge on rows apart",
                expected=f"at least {_enough(rows, spec)} steps",
                found=rows,
            )
        return cls(train=train, gate=rows)

    def stretch(self, turn: int, spec: WindowSpec, stretches: int = STRETCHES) -> range:
        """Return the rows that a member holds out; turn 0 is the latest stretch."""
        place = stretches - 1 - turn % stretches
        long = self.train - spec.history
        return range(
            spec.history + long * place // stretches,
            spec.history + long * (place + 1) // stretches,
        )


def _judged(rows: int, spec: WindowSpec) -> int:
    """Return the rows of the gate."""
    return max(round(0.15 * rows), GATE_ORIGINS + spec.horizon - 1)


def least_train(spec: WindowSpec) -> int:
    """Return the rows of the least train block.

    A stretch holds four horizons, so that each of its halves has origins; and outside the
    longest way from its middle stretch a whole window is left.
    """
    return 3 * spec.history + 4 * STRETCHES * spec.horizon


def _enough(rows: int, spec: WindowSpec) -> int:
    """Return the next length that can be divided; the gate's share grows with it."""
    while True:
        needed = _judged(rows, spec) + least_train(spec)
        if rows >= needed:
            return rows
        rows = needed
