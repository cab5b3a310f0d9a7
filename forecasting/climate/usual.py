"""Tabulate what is usual at a station, so that it can be said where no model may answer."""

from typing import Final

import numpy as np

from forecasting.climate.model import LEVELS
from forecasting.climate.scaling import fit_climatology
from forecasting.climate.series import ClimateSeries
from forecasting.stores.climatologies import DAY_SECONDS, ClimatologyTable, leap_year_places

#: 2000-01-01T00:00, the first step of a leap year.
LEAP_YEAR: Final = 946_684_800

#: Fewest distances from the usual that a month's quantiles rest on; all months' where it has less.
FEWEST: Final = 60

#: Digits kept of each number, as of a forecast's.
DECIMALS: Final = 4


def tabulate_climatology(series: ClimateSeries, through: str) -> ClimatologyTable:
    """Tabulate the target's harmonics over all rows, and the quantiles of what strays from them.

    Args:
        series: an admitted series.
        through: the label of its last step.

    A month's quantiles are those of its own distances and of its neighbours'.

    Raises:
        SeriesTooShort: nothing is known of the target.
    """
    climatology = fit_climatology(series, len(series))
    step = climatology.step_seconds
    labels = LEAP_YEAR + np.arange(0, 366 * DAY_SECONDS, step, dtype=np.int64)
    values = series.values[:, series.target_column].astype(np.float64)
    known = np.isfinite(values)
    seconds = series.seconds[known]
    strayed = values[known] - climatology.at(seconds)
    _, months = leap_year_places(seconds, step)
    offsets = []
    for month in range(12):
        near = strayed[np.isin(months, [(month - 1) % 12, month, (month + 1) % 12])]
        pool = near if len(near) >= FEWEST else strayed
        offsets.append(tuple(np.quantile(pool, LEVELS).round(DECIMALS).tolist()))
    return ClimatologyTable(
        levels=LEVELS,
        course=tuple(climatology.at(labels).round(DECIMALS).tolist()),
        offsets=tuple(offsets),
        step_seconds=step,
        through=through,
    )
