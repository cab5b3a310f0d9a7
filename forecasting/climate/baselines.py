"""Forecast with the simple rivals that a network must beat before anybody is served by it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.climate.scaling import Climatology, fit_climatology
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Windows

#: Windows in, (origins, horizon) forecasts in the target's unit out.
Rival = Callable[[Windows], NDArray[np.float64]]


def last_known(windows: Windows, column: int, usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the target's last observed value in each history: (origins,).

    Args:
        windows: the histories.
        column: the target's column.
        usual: (origins,) what stands in where a history holds no observation at all.
    """
    observed = windows.history_observed[:, :, column]
    steps = observed.shape[1]
    back = np.argmax(observed[:, ::-1], axis=1)
    values = windows.history[np.arange(len(windows)), steps - 1 - back, column]
    return np.where(observed.any(axis=1), values, usual).astype(np.float64)


def target_seconds(windows: Windows) -> NDArray[np.int64]:
    """Return the labels of every target step: (origins, horizon)."""
    origins = windows.origin_seconds(np.arange(len(windows)))
    leads = np.arange(1, windows.target.shape[1] + 1)
    ahead: NDArray[np.int64] = leads * windows.step_seconds
    return origins[:, None] + ahead


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """The simple rivals of one station, fitted on its train block."""

    climatology: Climatology
    damping: NDArray[np.float64]
    column: int

    def rivals(self) -> dict[str, Rival]:
        """Return each rival by the name it has in every report."""
        return {
            "persistence": self.persistence,
            "climatology": self.usual_course,
            "damped_anomaly_persistence": self.damped_anomaly,
        }

    def persistence(self, windows: Windows) -> NDArray[np.float64]:
        """Say that the last known value stays: (origins, horizon)."""
        last = self._last(windows)
        return np.repeat(last[:, None], windows.target.shape[1], axis=1)

    def usual_course(self, windows: Windows) -> NDArray[np.float64]:
        """Say what is usual on that day of the year: (origins, horizon)."""
        return self.climatology.at(target_seconds(windows))

    def damped_anomaly(self, windows: Windows) -> NDArray[np.float64]:
        """Let today's distance from the usual fade lead by lead: (origins, horizon).

        Source: Van den Dool, Empirical Methods in Short-Term Climate Prediction (2007).
        """
        anomaly = self._last(windows) - self._usual_at_origin(windows)
        return self.usual_course(windows) + anomaly[:, None] * self.damping

    def _usual_at_origin(self, windows: Windows) -> NDArray[np.float64]:
        return self.climatology.at(windows.origin_seconds(np.arange(len(windows))))

    def _last(self, windows: Windows) -> NDArray[np.float64]:
        return last_known(windows, self.column, self._usual_at_origin(windows))


def fit_baselines(series: ClimateSeries, rows: int, horizon: int) -> Baselines:
    """Fit climatology and the anomaly's damping per lead on the first `rows`."""
    climatology = fit_climatology(series, rows)
    usual = climatology.at(series.seconds[:rows])
    anomaly = series.values[:rows, series.target_column].astype(np.float64) - usual
    damping = [_slope(anomaly[:-lead], anomaly[lead:]) for lead in range(1, horizon + 1)]
    return Baselines(
        climatology=climatology, damping=np.array(damping), column=series.target_column
    )


def _slope(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Least-squares slope through the origin over the pairs that are both known, in [0, 1]."""
    known = np.isfinite(before) & np.isfinite(after)
    power = float(before[known] @ before[known])
    if power == 0.0:
        return 0.0
    return float(np.clip(before[known] @ after[known] / power, 0.0, 1.0))
