"""Learn how to mix forecasts from what each said of rows that it had not seen."""

import numpy as np
from numpy.typing import NDArray

#: Rounds of the descent, its first step, and from where on the weights are averaged.
ROUNDS, STEP, BURN_IN = 400, 0.5, 200

#: How strongly the weights are held to the prior: the price of a Kullback-Leibler distance of 1,
#: in typical errors. 0.02 to 1 differed by 0.1 % in the error over sixteen stations.
HOLD = 0.05


def stack(
    columns: NDArray[np.float64], target: NDArray[np.float64], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weights of one lead that make the mean absolute error least.

    Args:
        columns: (origins, columns), forecasts made without having seen the target.
        target: (origins,); gaps, and origins that a column has no forecast for, are left out.
        prior: (columns,), not negative; a column of weight 0 keeps it.

    Returns:
        (columns,), not negative, adding up to 1. The prior where nothing is known.

    Source: Kivinen and Warmuth (1997), Exponentiated gradient versus gradient descent, with
    the average of the later rounds.
    """
    prior = prior / prior.sum()
    known = np.isfinite(target) & np.isfinite(columns).all(axis=1)
    if not known.any():
        return prior
    used = prior > 0
    x, y, start = columns[known][:, used], target[known], prior[used]
    typical = max(float(np.abs(y - np.median(x, axis=1)).mean()), 1e-9)
    weights, total = start.copy(), np.zeros(len(start))
    for place in range(ROUNDS):
        slope = -np.sign(y - x @ weights) @ x / (len(y) * typical)
        slope += HOLD * np.log(np.maximum(weights, 1e-12) / start)
        slope -= slope @ weights
        weights = weights * np.exp(-STEP / np.sqrt(1 + place / 10) * slope)
        weights /= weights.sum()
        if place >= BURN_IN:
            total += weights
    result = np.zeros(len(prior))
    result[used] = total / total.sum()
    return result
