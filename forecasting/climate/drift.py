"""Ask whether recent observations still come from where a model's training rows came from.

Each variable's anomalies (what is left when the training rows' own yearly course is taken off)
of the recent steps are compared with those of the training rows of the same season. Days in a
row resemble each other, so both sides count for as many independent values as they are worth.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov
from scipy.stats import chi2

from forecasting.climate.calendar import design
from forecasting.climate.series import ClimateSeries

#: A population stability index above which a population counts as shifted.
#: Source: Siddiqi (2006), Credit Risk Scorecards, p. 137.
STABILITY_LIMIT = 0.25

#: Chance of a false alarm that is accepted for a station, shared by its variables (Bonferroni).
SIGNIFICANCE = 0.01

#: Classes of the stability index, of equal share in the training rows.
CLASSES = 10

#: Least values of either side, and what they are worth at least: with fewer nothing is said.
LEAST_VALUES, LEAST = 30, 5.0

#: Days that count as recent, and days of the year to either side that count as the same season.
RECENT_DAYS, SEASON_DAYS = 90, 15

#: A share that no class goes below, so that an empty one has a logarithm.
SMALLEST_SHARE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How far a variable's recent anomalies are from the training rows' of the same season.

    `stability` is the population stability index with its `limit`; `distance` the largest
    difference of the two distributions (Kolmogorov and Smirnov) with its `p`. `shift` is the
    difference of the medians, in the variable's unit. `drifted` where both tests say so.
    """

    variable: str
    stability: float
    limit: float
    distance: float
    p: float
    shift: float
    drifted: bool


def drift_of(training: ClimateSeries, recent: ClimateSeries) -> tuple[Drift, ...]:
    """Compare recent steps with training rows, variable by variable.

    Args:
        training: the rows that the model was trained on, of a year or more.
        recent: steps after them, with the same variables.

    Returns:
        One comparison for each variable that has enough values on both sides.
    """
    step = int(training.step.total_seconds())
    calendar = design(training.seconds, step), design(recent.seconds, step)
    same_season = _same_season(training, recent)
    level = SIGNIFICANCE / len(training.names)
    found = []
    for column, name in enumerate(training.names):
        course = _course(calendar[0], training.values[:, column])
        if course is None or name not in recent.names:
            continue
        past = training.values[:, column] - calendar[0] @ course
        now = recent.values[:, recent.names.index(name)] - calendar[1] @ course
        past = np.where(same_season, past, np.nan)
        worth = independent(past), independent(now)
        if min(worth) >= LEAST:
            found.append(_compared(name, _known(past), _known(now), worth, level))
    return tuple(found)


def recent_of(series: ClimateSeries, after: int) -> ClimateSeries:
    """Return the last days of a series, without its first steps, which were trained on."""
    steps = timedelta(days=RECENT_DAYS) // series.step
    return series.rows(max(after, len(series) - steps), len(series))


def independent(values: NDArray[np.float64]) -> float:
    """Return how many independent values a stretch with gaps (NaN) is worth.

    Source: Wilks (2011), Statistical Methods in the Atmospheric Sciences, equation 5.12.

    >>> float(independent(np.array([1.0, -1.0] * 20)))
    40.0
    """
    count = float(np.isfinite(values).sum())
    if count < LEAST_VALUES:
        return 0.0
    centred = values - np.nanmean(values)
    before, after = centred[:-1], centred[1:]
    both = np.isfinite(before) & np.isfinite(after)
    spread = float(np.nanmean(centred**2))
    if spread == 0.0 or not both.any():
        return 0.0
    alike = min(max(float(np.mean(before[both] * after[both])) / spread, 0.0), 0.999)
    return count * (1 - alike) / (1 + alike)


def stability(past: NDArray[np.float64], now: NDArray[np.float64]) -> tuple[float, int]:
    """Return the population stability index of two samples, and in how many classes.

    The classes hold equal shares of the past; where many values are equal (days without rain),
    there are fewer of them.
    """
    edges = np.unique(np.quantile(past, np.linspace(0, 1, CLASSES + 1)[1:-1]))
    classes = len(edges) + 1
    shares = [
        np.maximum(
            np.bincount(np.searchsorted(edges, each, side="left"), minlength=classes) / len(each),
            SMALLEST_SHARE,
        )
        for each in (past, now)
    ]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0]))), classes


def _compared(
    name: str,
    past: NDArray[np.float64],
    now: NDArray[np.float64],
    worth: tuple[float, float],
    level: float,
) -> Drift:
    index, classes = stability(past, now)
    # What the index reaches by luck: Yurdakul and Naranjo (2020), Statistical properties of the
    # population stability index, Journal of Risk Model Validation 14(4).
    luck = float(chi2.ppf(1 - level, max(classes - 1, 1))) * (1 / worth[0] + 1 / worth[1])
    limit = max(STABILITY_LIMIT, luck)
    distance = _distance(past, now)
    p = float(kolmogorov(distance * np.sqrt(worth[0] * worth[1] / (worth[0] + worth[1]))))
    return Drift(
        variable=name,
        stability=round(index, 4),
        limit=round(limit, 4),
        distance=round(distance, 4),
        p=p,
        shift=round(float(np.median(now) - np.median(past)), 3),
        drifted=index > limit and p < level,
    )


def _distance(past: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    grid = np.sort(np.concatenate([past, now]))
    below = [np.searchsorted(np.sort(each), grid, side="right") for each in (past, now)]
    return float(np.abs(below[0] / len(past) - below[1] / len(now)).max())


def _course(
    calendar: NDArray[np.float64], values: NDArray[np.float32]
) -> NDArray[np.float64] | None:
    """Fit the yearly course of a variable; None where there are too few values for one."""
    known = np.isfinite(values)
    if known.sum() < 4 * calendar.shape[1]:
        return None
    course, *_ = np.linalg.lstsq(calendar[known], values[known].astype(np.float64), rcond=None)
    return np.asarray(course)


def _same_season(training: ClimateSeries, recent: ClimateSeries) -> NDArray[np.bool_]:
    """(training steps,) true where a step's day of the year is near one of the recent steps'."""
    year = 366
    days = [_days_of_year(series) for series in (training, recent)]
    near = np.zeros(year + 1, dtype=bool)
    for offset in range(-SEASON_DAYS, SEASON_DAYS + 1):
        near[(np.unique(days[1]) - 1 + offset) % year + 1] = True
    return near[days[0]]


def _days_of_year(series: ClimateSeries) -> NDArray[np.int64]:
    labels = series.seconds.astype("datetime64[s]").astype("datetime64[D]")
    days = labels - labels.astype("datetime64[Y]")
    return np.asarray(days.astype(np.int64) + 1)


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]
