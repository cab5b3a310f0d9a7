"""Ask whether one forecast errs less than another by more than luck, lead by lead and in all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from forecasting.climate.windows import Windows

Numbers = NDArray[np.float64]

#: Resamples of the moving block bootstrap: 999 make 1/1000 the least p-value.
RESAMPLES = 999

#: A bootstrap block in horizons. Blocks of one horizon rejected a true null in 6 % of simulated
#: gate blocks instead of 5 %, blocks of three in 4 % (docs/measurements.md).
BLOCK_HORIZONS = 2

#: Fewest origins that can be resampled in two blocks of two.
LEAST_ORIGINS = 4


#: How much two losses may differ and be called equal, as a share of the rival's mean loss: what
#: float32 leaves of a pressure of 1,000 hPa that is forecast within 1.
ALIKE = 1e-4


@dataclass(frozen=True, kw_only=True)
class DieboldMariano:
    """Equal accuracy tested at each lead, lead 1 first; a negative statistic speaks for ours.

    `p_better_by_lead` is one-sided (ours errs less), `p_different_by_lead` two-sided, and
    `holm_by_lead` is the one-sided p adjusted for having asked at every lead. A lead without two
    known targets has statistic NaN and p-values of 1.
    """

    statistic_by_lead: tuple[float, ...]
    p_better_by_lead: tuple[float, ...]
    p_different_by_lead: tuple[float, ...]
    holm_by_lead: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class AverageSuperiority:
    """Average superior predictive ability: is ours better in the mean loss over the horizon?

    `mean_difference` is ours less the rival's, in the target's unit; negative speaks for ours.
    `origins` counts those with a known target, `block` is in origins.
    """

    mean_difference: float
    statistic: float
    p_better: float
    origins: int
    block: int
    resamples: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One forecast against another at the same origins: over the horizon, and lead by lead."""

    over_horizon: AverageSuperiority
    by_lead: DieboldMariano


def compare(ours: Numbers, theirs: Numbers) -> Comparison:
    """Compare two forecasts by their losses at the same origins: (origins, horizon) each."""
    difference = loss_differences(ours, theirs)
    return Comparison(
        over_horizon=average_superiority(difference), by_lead=diebold_mariano(difference)
    )


def absolute_losses(windows: Windows, forecast: NDArray[np.floating]) -> Numbers:
    """Return the absolute errors of a point forecast: (origins, horizon) in the target's unit.

    NaN where the target is a gap; infinite where the target is known and the forecast is not a
    number, so that saying nothing is never taken for being right.
    """
    target = windows.target.astype(np.float64)
    error = np.abs(forecast.astype(np.float64) - target)
    silent = np.isfinite(target) & ~np.isfinite(forecast)
    return np.where(silent, np.inf, error)


def loss_differences(ours: Numbers, theirs: Numbers) -> Numbers:
    """Return our losses less theirs, (origins, horizon); where both are infinite ours counts.

    A lead whose losses differ by rounding alone has no differences: two ways to the same forecast
    would else be told apart for certain, since rounding leans to one side at every origin.
    """
    both = np.isinf(ours) & np.isinf(theirs)
    difference = ours - np.where(both, 0.0, theirs)
    finite = theirs[np.isfinite(theirs)]
    alike = ALIKE * float(np.abs(finite).mean()) if finite.size else 0.0
    told_apart = (np.abs(difference) > alike).any(axis=0)
    return np.where(told_apart | np.isnan(difference), difference, 0.0)


def diebold_mariano(difference: Numbers) -> DieboldMariano:
    """Test every lead of loss differences, (origins, horizon) with NaN for gaps.

    Source: Diebold and Mariano (1995), Comparing predictive accuracy; Harvey, Leybourne and
    Newbold (1997), Testing the equality of prediction mean squared errors; Holm (1979).
    """
    leads = range(1, difference.shape[1] + 1)
    tested = [statistics_at(difference[:, lead - 1 : lead], lead) for lead in leads]
    statistic = np.concatenate([found for found, _ in tested])
    freedom = np.concatenate([known for _, known in tested]) - 1
    better = np.where(np.isnan(statistic), 1.0, stats.t.cdf(statistic, np.maximum(freedom, 1)))
    both = np.where(
        np.isnan(statistic), 1.0, 2 * stats.t.sf(np.abs(statistic), np.maximum(freedom, 1))
    )
    return DieboldMariano(
        statistic_by_lead=_tuple(statistic),
        p_better_by_lead=_tuple(better),
        p_different_by_lead=_tuple(both),
        holm_by_lead=_tuple(holm(better)),
    )


def statistics_at(difference: Numbers, lead: int) -> tuple[Numbers, NDArray[np.int64]]:
    """Return the corrected statistic of many series of one lead, and how many losses each has.

    Args:
        difference: (origins, series) of loss differences, NaN for gaps.
        lead: forecasts of that lead make errors that overlap over lead - 1 origins.

    Returns:
        Two times (series,); the statistic is NaN where fewer losses are known than it needs.
    """
    known = (~np.isnan(difference)).sum(axis=0)
    count = np.maximum(known, 1)
    correction = (count + 1 - 2 * lead + lead * (lead - 1) / count) / count
    usable = (known >= 2) & (known > lead) & (correction > 0)
    root = np.sqrt(np.where(usable, correction, 1.0))
    return np.where(usable, _studentised(difference, lead - 1) * root, np.nan), known


def long_run_variance(difference: Numbers, lag: int) -> Numbers:
    """Return the variance of sqrt(n) times the mean of each series: (origins, series) -> (series,).

    Autocovariances up to a lag, all of one weight, since those of an optimal forecast's errors
    end there; Bartlett's falling weights only for a series where that is not positive. Over a gap
    the pairs that are both known count, as in Parzen (1963), On spectral analysis with missing
    observations.
    """
    flat = _autocovariances(difference, np.ones(lag + 1))
    if (flat > 0).all():
        return flat
    falling = _autocovariances(difference, 1.0 - np.arange(lag + 1) / (lag + 1))
    return np.where(flat > 0, flat, falling)


def _autocovariances(difference: Numbers, weights: Numbers) -> Numbers:
    """Add up weighted autocovariances, both sides of lag 0."""
    known = np.isfinite(difference)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, difference, 0.0).sum(axis=0) / count
    departure = np.where(known, difference - mean, 0.0)
    total: Numbers = (departure**2).sum(axis=0)
    for lag, weight in enumerate(weights[1:], start=1):
        total = total + 2 * weight * (departure[lag:] * departure[:-lag]).sum(axis=0)
    variance: Numbers = total / count
    return variance


def _studentised(difference: Numbers, lag: int) -> Numbers:
    """Return sqrt(n) mean / deviation of each series; infinite where there is no deviation.

    One infinite loss decides by itself: whoever said nothing loses.
    """
    silent = np.isposinf(difference).any(axis=0)
    unanswered = np.isneginf(difference).any(axis=0)
    finite = np.where(np.isfinite(difference), difference, np.nan)
    count = np.maximum(np.isfinite(finite).sum(axis=0), 1)
    mean = np.nansum(finite, axis=0) / count
    variance = long_run_variance(finite, lag)
    certain = np.where(mean == 0.0, 0.0, np.copysign(np.inf, mean))
    root = np.sqrt(np.where(variance > 0, variance / count, 1.0))
    statistic = np.where(variance > 0, mean / root, certain)
    return np.where(silent, np.inf, np.where(unanswered, -np.inf, statistic))


def holm(p_values: Numbers) -> Numbers:
    """Adjust p-values for having asked as many questions as there are, step down.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted


def average_superiority(difference: Numbers, seed: int = 0) -> AverageSuperiority:
    """Test the mean loss difference over the horizon, leads of equal weight, one-sided.

    The studentised mean is compared with those of moving block resamples. The sample's variance
    sums autocovariances up to lag horizon - 1; a resample's is that of its own blocks.

    Args:
        difference: (origins, horizon) of loss differences, NaN for gaps. An origin without any
            known target does not count.
        seed: draws the resamples; the same seed gives the same p-value.

    Source: Quaedvlieg (2021), Multi-horizon forecast comparison, Journal of Business and
    Economic Statistics 39, section 2.3; Goetze and Kuensch (1996) for the blocks' variance.
    """
    origins, horizon = int((~np.isnan(difference)).any(axis=1).sum()), difference.shape[1]
    block = max(1, min(BLOCK_HORIZONS * horizon, origins // 2))
    mean, statistic, p_better = np.nan, np.nan, 1.0
    if np.isinf(difference).any():
        mean = statistic = np.inf if np.isposinf(difference).any() else -np.inf
        p_better = _certain(statistic)
    elif origins >= LEAST_ORIGINS:
        means = _over_leads(difference)
        mean = float(means.mean())
        statistic = float(_studentised(means[:, None], min(horizon, origins) - 1)[0])
        p_better = _share_below(means, statistic, block, seed)
    return AverageSuperiority(
        mean_difference=mean,
        statistic=statistic,
        p_better=p_better,
        origins=origins,
        block=block,
        resamples=RESAMPLES,
    )


def _over_leads(difference: Numbers) -> Numbers:
    """Return one number an origin, whose mean is the mean over leads of the leads' own means.

    A gap counts as its lead's mean, which moves neither the mean nor an origin's departure; the
    departures of a lead with gaps count for more in the same measure. Origins and leads without
    any known target are left out.
    """
    known = np.isfinite(difference)
    told = difference[np.ix_(known.any(axis=1), known.any(axis=0))]
    known = np.isfinite(told)
    means = np.nanmean(told, axis=0)  # (leads,)
    departure = np.where(known, told - means, 0.0) / known.mean(axis=0)
    over: Numbers = means.mean() + departure.mean(axis=1)
    return over


def _certain(statistic: float) -> float:
    """Return the p-value of what has no deviation: the least there is, or 1."""
    return 1.0 if statistic >= 0 else 1.0 / (RESAMPLES + 1)


def _share_below(means: Numbers, statistic: float, block: int, seed: int) -> float:
    """Return the share of resamples as far below their expectation as the sample is below 0."""
    if np.isinf(statistic):
        return _certain(statistic)
    rng = np.random.default_rng(seed)
    windows = np.lib.stride_tricks.sliding_window_view(means, block)
    count = len(means) // block
    blocks = windows[rng.integers(0, len(windows), (RESAMPLES, count + 1))]
    resamples = blocks.reshape(RESAMPLES, -1)[:, : len(means)]
    drawn = resamples.mean(axis=1)
    whole = resamples[:, : count * block].reshape(RESAMPLES, count, block)
    sums = (whole - drawn[:, None, None]).sum(axis=2)  # (resamples, blocks)
    variance = (sums**2).mean(axis=1) / block
    scaled = np.sqrt(len(means)) * (drawn - windows.mean())
    below = scaled <= statistic * np.sqrt(variance)
    return float((1 + below.sum()) / (RESAMPLES + 1))


def _tuple(numbers: Numbers) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)
