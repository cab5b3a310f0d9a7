"""Carry trusted observations: one fixed step, known units, and a mask where nothing is known."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import SeriesInvalid

DAY = timedelta(days=1)

#: Steps that are checked at once.
CHECKED_AT_ONCE = 100_000

#: The one internal unit of each kind of quantity.
UNITS = ("°C", "%", "m/s", "hPa", "mm", "W/m²", "MJ/m²", "s", "µg/m³", "m", "m³/s", "1")


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One measured quantity, by its Open-Meteo name, in its internal unit."""

    name: str
    unit: str
    lower: float
    upper: float

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise SeriesInvalid(
                f"bounds of {self.name} are empty",
                expected="lower < upper",
                found=f"{self.lower} and {self.upper}",
            )


@dataclass(frozen=True, kw_only=True)
class Station:
    """Where the observations come from; degrees north and east, IANA time zone, metres."""

    name: str
    latitude: float
    longitude: float
    timezone: str
    elevation: float | None = None


@dataclass(frozen=True, kw_only=True)
class ClimateSeries:
    """Observations of one station on a regular grid of times.

    `values` is (steps, variables) float32 in internal units, NaN where nothing is known;
    `observed` is the mask of the same shape. `start` labels the first step on the
    station's own calendar; its zone is UTC only so that no daylight saving applies.

    Raises:
        SeriesInvalid: shapes, mask, target or step do not belong together.
    """

    station: Station
    variables: tuple[Variable, ...]
    target: str
    start: datetime
    values: NDArray[np.float32]
    observed: NDArray[np.bool_]
    step: timedelta = DAY

    def __post_init__(self) -> None:
        shape = (len(self), len(self.variables))
        if self.values.shape != shape or self.observed.shape != shape:
            raise SeriesInvalid(
                "values and mask must be (steps, variables)",
                expected=shape,
                found=f"{self.values.shape} and {self.observed.shape}",
            )
        if not all(
            np.array_equal(np.isfinite(self.values[part]), self.observed[part])
            for part in self._stretches()
        ):
            raise SeriesInvalid("the mask must be true exactly where a value is finite")
        if self.target not in self.names:
            raise SeriesInvalid(
                "the target is not a variable", expected=self.names, found=self.target
            )
        if self.start.tzinfo is None or self.step <= timedelta(0):
            raise SeriesInvalid("the start needs a zone and the step must be positive")

    def __len__(self) -> int:
        return len(self.values)

    def _stretches(self) -> Iterator[slice]:
        """Divide the steps, so that a check of ten million of them needs no copy as large."""
        for first in range(0, len(self), CHECKED_AT_ONCE):
            yield slice(first, first + CHECKED_AT_ONCE)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables' names, in the order of the columns."""
        return tuple(variable.name for variable in self.variables)

    @property
    def target_column(self) -> int:
        """The column of the target."""
        return self.names.index(self.target)

    @property
    def end(self) -> datetime:
        """The label of the last step."""
        return self.start + (len(self) - 1) * self.step

    @property
    def seconds(self) -> NDArray[np.int64]:
        """(steps,) the labels as seconds since 1970-01-01T00:00 on the station's calendar."""
        first = int(self.start.timestamp())
        return first + np.arange(len(self), dtype=np.int64) * int(self.step.total_seconds())

    def label(self, position: int) -> datetime:
        """Return the label of the step at a position, counted from 0."""
        return self.start + position * self.step

    def rows(self, first: int, last: int) -> "ClimateSeries":
        """Return the steps first <= position < last as a view."""
        return ClimateSeries(
            station=self.station,
            variables=self.variables,
            target=self.target,
            start=self.label(first),
            values=self.values[first:last],
            observed=self.observed[first:last],
            step=self.step,
        )

    @property
    def sha256(self) -> str:
        """The data version: a digest over labels, names, units and every value."""
        head = {
            "station": self.station.name,
            "start": self.start.astimezone(UTC).isoformat(),
            "step": self.step.total_seconds(),
            "target": self.target,
            "variables": [[variable.name, variable.unit] for variable in self.variables],
            "steps": len(self),
        }
        digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
        # One bit pattern for every gap: NaN has many.
        digest.update(np.where(self.observed, self.values, np.float32(np.nan)).tobytes())
        return digest.hexdigest()
