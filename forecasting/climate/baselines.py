"""Forecast with the simple rivals that a network must beat before anybody is served by it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecasting.climate import calendar
from forecasting.climate.linear import SHIFT, LinearForecaster, fit_linear
from forecasting.climate.regressors import LinearSpec
from forecasting.climate.scaling import Climatology, fit_climatology
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Windows, WindowSpec

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
    """The simple rivals of one station, fitted on its train block.

    usual_distance: root mean square, in the target's unit, of the mean anomaly of as many
    steps as a history has: how far the climate strays for so long.
    """

    climatology: Climatology
    damping: NDArray[np.float64]
    column: int
    linear: LinearForecaster
    shifted: LinearForecaster
    recentred: LinearForecaster
    usual_distance: float

    @classmethod
    def blank(cls, spec: LinearSpec) -> "Baselines":
        """Return rivals of a shape that know nothing yet, to be filled from kept weights."""
        whole = replace(spec, recentred=False)
        waves = np.zeros(calendar.width(spec.step_seconds))
        return cls(
            climatology=Climatology(intercept=0.0, weights=waves, step_seconds=spec.step_seconds),
            damping=np.zeros(spec.window.horizon),
            column=spec.target,
            linear=LinearForecaster(whole),
            shifted=LinearForecaster(whole),
            recentred=LinearForecaster(replace(spec, recentred=True)),
            usual_distance=0.0,
        )

    def rivals(self) -> dict[str, Rival]:
        """Return each rival by the name it has in every report."""
        return {
            "persistence": self.persistence,
            "climatology": self.usual_course,
            "damped_anomaly_persistence": self.damped_anomaly,
            "linear_on_anomalies": self.linear.at,
            "linear_shifted": self.shifted.at,
            "linear_recentred": self.recentred.at,
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


def fit_baselines(
    series: ClimateSeries,
    rows: int,
    window: WindowSpec,
    usable: NDArray[np.bool_] | None = None,
) -> Baselines:
    """Fit climatology, the anomaly's damping per lead and the regressions on the first `rows`.

    `usable`, (origins,), says which of those rows' windows the regressions may look at.
    """
    climatology = fit_climatology(series, rows)
    usual = climatology.at(series.seconds[:rows])
    anomaly = series.values[:rows, series.target_column].astype(np.float64) - usual
    leads = range(1, window.horizon + 1)
    return Baselines(
        climatology=climatology,
        damping=np.array([_slope(anomaly[:-lead], anomaly[lead:]) for lead in leads]),
        column=series.target_column,
        linear=fit_linear(series, rows, window, usable=usable),
        shifted=fit_linear(series, rows, window, shift=SHIFT, usable=usable),
        recentred=fit_linear(series, rows, window, recentred=True, usable=usable),
        usual_distance=_usual_distance(anomaly, window.history),
    )


def _slope(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Least-squares slope through the origin over the pairs that are both known, in [0, 1]."""
    known = np.isfinite(before) & np.isfinite(after)
    power = float(before[known] @ before[known])
    if power == 0.0:
        return 0.0
    return float(np.clip(before[known] @ after[known] / power, 0.0, 1.0))


def _usual_distance(anomaly: NDArray[np.float64], steps: int) -> float:
    """Root mean square of the running mean of what is known; 0 where nothing is."""
    known = np.isfinite(anomaly)
    total = np.cumsum(np.concatenate([[0.0], np.where(known, anomaly, 0.0)]))
    count = np.cumsum(np.concatenate([[0], known]))
    counts = count[steps:] - count[:-steps]
    means = (total[steps:] - total[:-steps])[counts > 0] / counts[counts > 0]
    return float(np.sqrt(np.mean(means**2))) if means.size else 0.0
