"""Move quantiles to where the errors on unseen origins say that they should have been."""

import numpy as np
from numpy.typing import NDArray


def conformal_offsets(
    errors: NDArray[np.float64], spread: NDArray[np.float64], levels: tuple[float, ...]
) -> NDArray[np.float64]:
    """Return how far to move each quantile at each lead, in the target's unit.

    Args:
        errors: (origins, horizon, levels), target minus quantile at origins that neither
            training nor stopping has seen; NaN for gaps.
        spread: (horizon,) size of a usual change by each lead. Errors are compared in its
            unit, so that a lead can borrow those of the leads beside it: the outermost
            quantiles rest on one origin in forty.
        levels: ascending, with the median among them, which stays where it is.

    Returns:
        (horizon, levels); zeros where nothing is known.

    Source: Romano, Patterson and Candes (2019), Conformalized quantile regression, with one
    offset for each level, and the finite-sample rank of each side.
    """
    horizon = errors.shape[1]
    relative = errors / spread[None, :, None]
    offsets = np.zeros((horizon, len(levels)))
    for lead in range(horizon):
        near = slice(max(0, lead - 1), lead + 2)
        for place, level in enumerate(levels):
            if level == 0.5:
                continue
            pool = relative[:, near, place]
            pool = pool[np.isfinite(pool)]
            if pool.size:
                offsets[lead, place] = spread[lead] * _rank(pool, level)
    return offsets


def _rank(pool: NDArray[np.float64], level: float) -> float:
    """Return the level's quantile, taken outward from the median by the rank of n + 1."""
    share = level + (level - 0.5) / max(len(pool), 1)
    return float(np.quantile(pool, np.clip(share, 0.0, 1.0)))
