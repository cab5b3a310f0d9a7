"""Turn errors and quantiles into numbers by lead: arrays in, one number a lead out.

Everywhere `target` is (origins, horizon) with NaN for gaps, a forecast is of the same shape,
quantiles have a last axis of levels, and what comes back is (horizon,). A gap in the target is
left out; a forecast that is NaN where the target is known spoils its lead, or a candidate would
be rewarded for saying nothing where it is hard. A lead without any known target is NaN.
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def mean_by_lead(loss: Numbers, target: Numbers) -> Numbers:
    """Average a loss, (origins, horizon), over the known targets of each lead."""
    known = np.isfinite(target)
    counts = known.sum(axis=0)
    total = np.where(known, loss, 0.0).sum(axis=0)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)


def pinball_losses(target: Numbers, quantiles: Numbers, levels: tuple[float, ...]) -> Numbers:
    """Return the pinball loss of every quantile, (origins, horizon, levels), in the target's unit.

    Source: Koenker and Bassett (1978), Regression Quantiles.
    """
    error = target[..., None] - quantiles
    steepness = np.asarray(levels)
    return np.maximum(steepness * error, (steepness - 1) * error)


def level_weights(levels: tuple[float, ...]) -> Numbers:
    """Return how much of (0, 1) each level stands for: what lies nearer to it than to others.

    >>> level_weights((0.25, 0.5, 0.75))
    array([0.375, 0.25 , 0.375])
    """
    stated = np.asarray(levels)
    borders = np.concatenate([[0.0], (stated[1:] + stated[:-1]) / 2, [1.0]])
    return np.diff(borders)


def crps(target: Numbers, quantiles: Numbers, levels: tuple[float, ...]) -> Numbers:
    """Return the continuous ranked probability score by lead, in the target's unit.

    It is twice the integral of the pinball loss over all levels in (0, 1). The integral is taken
    as a sum over the given levels, each weighted by `level_weights`. With the nine levels of
    `model.LEVELS` it is 1 to 3 % too low for a normal, Laplace or Student (4) law, sharp or wide,
    so compare only scores over the same levels.

    Source: Gneiting and Raftery (2007), Strictly Proper Scoring Rules, section 4.2; Laio and
    Tamea (2007), Verification tools for probabilistic forecasts, equation 10.
    """
    losses = 2.0 * pinball_losses(target, quantiles, levels) @ level_weights(levels)
    return mean_by_lead(losses, target)


def coverage(target: Numbers, low: Numbers, high: Numbers) -> Numbers:
    """Return the share of targets inside the interval, borders included, by lead."""
    inside = ((target >= low) & (target <= high)).astype(np.float64)
    return mean_by_lead(np.where(np.isnan(high - low), np.nan, inside), target)


def width(target: Numbers, low: Numbers, high: Numbers) -> Numbers:
    """Return the mean width of the interval by lead, at the origins whose target is known."""
    return mean_by_lead(high - low, target)


def winkler(target: Numbers, low: Numbers, high: Numbers, share: float) -> Numbers:
    """Return the interval score by lead: the width, and 2 / (1 - share) for every unit missed.

    Source: Winkler (1972), A decision-theoretic approach to interval estimation.
    """
    missed = np.maximum(low - target, 0.0) + np.maximum(target - high, 0.0)
    return mean_by_lead(high - low + 2.0 / (1.0 - share) * missed, target)


def smape(target: Numbers, forecast: Numbers) -> Numbers:
    """Return the symmetric percentage error by lead, 0 to 200; 0 where both are 0.

    Not for decisions: at 0 °C it is a ratio of nothing to nothing.

    Source: Makridakis and Hibon (2000), The M3-Competition.
    """
    size = np.abs(target) + np.abs(forecast)
    share = np.abs(forecast - target) / np.where(size == 0.0, 1.0, size)
    return mean_by_lead(200.0 * share, target)


def naive_scale(values: Numbers) -> float:
    """Return the mean absolute change from one step to the next over the pairs both known.

    Args:
        values: (steps,) the target on the rows that a model was fitted on. Pass no others.

    Returns:
        The in-sample error of the one-step naive forecast, in the target's unit; NaN without a
        pair. MASE is an error divided by it.

    Source: Hyndman and Koehler (2006), Another look at measures of forecast accuracy.
    """
    changes = np.abs(np.diff(values))
    known = np.isfinite(changes)
    return float(changes[known].mean()) if known.any() else float("nan")
