"""Score forecasts at every origin of a block, by lead, over the targets that are known."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.climate.windows import Windows

#: What a rival's error of zero counts as, in the target's unit, so that skill stays finite.
LEAST_ERROR = 1e-9


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Errors by lead, lead 1 first, in the target's unit; coverage as a share.

    A point forecast has no coverage and no pinball loss: those are None.
    """

    mae_by_lead: tuple[float, ...]
    rmse_by_lead: tuple[float, ...]
    mean_mae: float
    origins: int
    pinball: float | None = None
    coverage_80_by_lead: tuple[float, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the scores as JSON."""
        return asdict(self)


def score_points(windows: Windows, forecast: NDArray[np.floating]) -> Scores:
    """Score a point forecast: (origins, horizon) in the target's unit."""
    target = windows.target.astype(np.float64)
    known = np.isfinite(target)
    error = np.where(known, forecast - target, 0.0)
    mae = _mean_over(np.abs(error), known)
    return Scores(
        mae_by_lead=_tuple(mae),
        rmse_by_lead=_tuple(np.sqrt(_mean_over(error**2, known))),
        mean_mae=float(mae.mean()),
        origins=int(known.any(axis=1).sum()),
    )


def score_quantiles(
    windows: Windows, quantiles: NDArray[np.floating], levels: tuple[float, ...]
) -> Scores:
    """Score a quantile forecast by its median, its pinball loss and its 80 % coverage.

    Args:
        windows: the origins with their targets.
        quantiles: (origins, horizon, levels) in the target's unit.
        levels: ascending, with 0.1, 0.5 and 0.9 among them.
    """
    point = score_points(windows, quantiles[..., levels.index(0.5)])
    target = windows.target.astype(np.float64)
    known = np.isfinite(target)
    low, high = quantiles[..., levels.index(0.1)], quantiles[..., levels.index(0.9)]
    inside = (known & (target >= low) & (target <= high)).astype(np.float64)
    error = target[..., None] - quantiles
    steepness = np.asarray(levels)
    loss = np.maximum(steepness * error, (steepness - 1) * error)
    return Scores(
        mae_by_lead=point.mae_by_lead,
        rmse_by_lead=point.rmse_by_lead,
        mean_mae=point.mean_mae,
        origins=point.origins,
        pinball=float(loss[known].mean()) if known.any() else math.nan,
        coverage_80_by_lead=_tuple(_mean_over(inside, known)),
    )


def skill(scores: Scores, rival: Scores) -> float:
    """Return 1 - MAE / rival's MAE over the horizon: 0 is no better, 1 is perfect.

    Source: Murphy (1988), Skill scores based on the mean square error, with the absolute one.

    A rival without any error, as persistence on a constant column, leaves no room for skill.
    """
    if scores.mean_mae == rival.mean_mae:
        return 0.0
    return 1.0 - scores.mean_mae / max(rival.mean_mae, LEAST_ERROR)


def _mean_over(numbers: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Average each lead over its known targets: (origins, horizon) to (horizon,).

    Not `nanmean`: a forecast that is NaN where the target is known must spoil the score, or a
    candidate would be rewarded for saying nothing where it is hard. NaN where no target is known.
    """
    counts = known.sum(axis=0)
    total = np.where(known, numbers, 0.0).sum(axis=0)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)


def _tuple(numbers: NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)
