"""Roll a forecaster through the past, origin by origin, as if the future did not exist yet."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Windows, WindowSpec, cut
from forecasting.errors import WindowError

#: Windows in, (origins, horizon) or (origins, horizon, levels) in the target's unit out.
Forecaster = Callable[[Windows], NDArray[np.floating]]

#: A series that ends with the last row that may be known, and how many rows it has, to a
#: forecaster.
Fit = Callable[[ClimateSeries, int], Forecaster]


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """What was said at each origin, beside what came: score it with `backtest`.

    `windows` hold the origins with their targets, `forecast` is (origins, horizon[, levels]) in
    the target's unit, `fitted_rows` is how many rows each fit saw, in order.
    """

    windows: Windows
    forecast: NDArray[np.float64]
    fitted_rows: tuple[int, ...]


def roll(
    series: ClimateSeries,
    window: WindowSpec,
    origins: range,
    fit: Fit,
    refit_every: int | None = None,
) -> Backtest:
    """Forecast at every origin with what was known then.

    No row after an origin can reach what is used at it: the fit gets a copy of the series that
    ends at its origin, the forecaster one window at a time, copied, without its target.

    Args:
        series: the whole series.
        window: the steps of a history and of the horizon.
        origins: the rows from which forecasts are made, with any stride.
        fit: makes a forecaster at the first origin, from the rows up to and with it.
        refit_every: makes a new one after so many origins; never when None.

    Raises:
        WindowError: an origin lacks its history or its target, or a refit is asked for after
            less than one origin.
    """
    if refit_every is not None and refit_every < 1:
        raise WindowError("cannot refit so often", expected="1 or more", found=refit_every)
    windows = cut(series, window, origins)
    fits, said = [], []
    for position, origin in enumerate(origins):
        if position == 0 or (refit_every is not None and position % refit_every == 0):
            past = _known_at(series, origin)
            forecaster = fit(past, len(past))
            fits.append(len(past))
        said.append(np.asarray(forecaster(_untold(windows, position)), dtype=np.float64))
    return Backtest(windows=windows, forecast=np.concatenate(said), fitted_rows=tuple(fits))


def _known_at(series: ClimateSeries, origin: int) -> ClimateSeries:
    """Copy the rows up to and with the origin: a view would lead back to the later ones."""
    past = series.rows(0, origin + 1)
    return replace(past, values=past.values.copy(), observed=past.observed.copy())


def _untold(windows: Windows, position: int) -> Windows:
    """Copy one window and leave its target unknown."""
    one = slice(position, position + 1)
    horizon = windows.target.shape[1]
    return replace(
        windows,
        history=windows.history[one].copy(),
        history_observed=windows.history_observed[one].copy(),
        target=np.full((1, horizon), np.nan, dtype=np.float32),
        target_observed=np.zeros((1, horizon), dtype=np.bool_),
        first_origin=windows.origins[position],
        stride=1,
    )
