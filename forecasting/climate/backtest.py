"""Score forecasts at every origin of a block, by lead, over the targets that are known."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.climate.windows import Windows


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
    error = forecast - windows.target.astype(np.float64)
    mae = np.nanmean(np.abs(error), axis=0)
    return Scores(
        mae_by_lead=_tuple(mae),
        rmse_by_lead=_tuple(np.sqrt(np.nanmean(error**2, axis=0))),
        mean_mae=float(mae.mean()),
        origins=int(np.isfinite(error).any(axis=1).sum()),
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
    inside = np.where(known, (target >= low) & (target <= high), np.nan)
    error = target[..., None] - quantiles
    steepness = np.asarray(levels)
    loss = np.maximum(steepness * error, (steepness - 1) * error)
    return Scores(
        mae_by_lead=point.mae_by_lead,
        rmse_by_lead=point.rmse_by_lead,
        mean_mae=point.mean_mae,
        origins=point.origins,
        pinball=float(np.nanmean(loss)),
        coverage_80_by_lead=_tuple(np.nanmean(inside, axis=0)),
    )


def skill(scores: Scores, rival: Scores) -> float:
    """Return 1 - MAE / rival's MAE over the horizon: 0 is no better, 1 is perfect.

    Source: Murphy (1988), Skill scores based on the mean square error, with the absolute one.
    """
    return 1.0 - scores.mean_mae / rival.mean_mae


def _tuple(numbers: NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)
