"""Fit scale and climatology on the train block only, and leave them as plain numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.climate.calendar import design
from forecasting.climate.series import ClimateSeries
from forecasting.errors import SeriesTooShort

#: Least standard deviation, in the variable's unit: a constant column must not divide by zero.
SIGMA_FLOOR = 1e-3

#: Ridge on the harmonics, so that a block shorter than the cycle still has one answer.
HARMONIC_RIDGE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Scaler:
    """Mean and standard deviation per variable, in its unit: (variables,) each.

    `spread`, (horizon,), is that of the target's change from an origin to each lead.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    spread: NDArray[np.float64]


def fit_scaler(series: ClimateSeries, rows: int, horizon: int) -> Scaler:
    """Fit the scaler on the first `rows` of the series, gaps left out."""
    values = series.values[:rows].astype(np.float64)
    target = values[:, series.target_column]
    spread = [_deviation(target[lead:] - target[:-lead]) for lead in range(1, horizon + 1)]
    return Scaler(
        mean=np.array([_mean(column) for column in values.T]),
        deviation=np.array([_deviation(column) for column in values.T]),
        spread=np.array(spread),
    )


def _mean(column: NDArray[np.float64]) -> float:
    known = column[np.isfinite(column)]
    return float(known.mean()) if known.size else 0.0


def _deviation(column: NDArray[np.float64]) -> float:
    """Standard deviation over what is known, never below the floor."""
    known = column[np.isfinite(column)]
    return max(float(known.std()), SIGMA_FLOOR) if known.size else 1.0


@dataclass(frozen=True, kw_only=True)
class Climatology:
    """The target's usual course over the year: an intercept and weights on the calendar."""

    intercept: float
    weights: NDArray[np.float64]
    step_seconds: int

    def at(self, seconds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the usual value at labels of any shape, in the target's unit."""
        curve: NDArray[np.float64] = design(seconds, self.step_seconds) @ self.weights
        return self.intercept + curve


def fit_climatology(series: ClimateSeries, rows: int, column: int | None = None) -> Climatology:
    """Fit harmonics of the calendar to a column (the target's when None) of the first `rows`.

    Raises:
        SeriesTooShort: nothing is known of the column in those rows.

    Source: harmonic analysis by least squares, as in Wilks, Statistical Methods in the
    Atmospheric Sciences, chapter on time series.
    """
    step = int(series.step.total_seconds())
    values = series.values[:rows, series.target_column if column is None else column]
    known = np.isfinite(values)
    if not known.any():
        raise SeriesTooShort(
            "no observation to fit a climatology on", expected="1 or more", found=f"0 of {rows}"
        )
    waves = design(series.seconds[:rows][known], step)
    matrix = np.column_stack([np.ones(len(waves)), waves])
    penalty = HARMONIC_RIDGE * len(waves) * np.eye(matrix.shape[1])
    penalty[0, 0] = 0.0
    solution = np.linalg.solve(
        matrix.T @ matrix + penalty, matrix.T @ values[known].astype(np.float64)
    )
    return Climatology(intercept=float(solution[0]), weights=solution[1:], step_seconds=step)
