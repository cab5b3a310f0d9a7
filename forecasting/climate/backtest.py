"""Score forecasts at every origin of a block, by lead and by season, over the known targets."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.climate import metrics
from forecasting.climate.baselines import target_seconds
from forecasting.climate.windows import Windows

#: What a rival's error of zero counts as, in the target's unit, so that skill stays finite.
LEAST_ERROR = 1e-9

#: The meteorological seasons, named by their months, so that they hold in both hemispheres.
SEASONS = {"DJF": (12, 1, 2), "MAM": (3, 4, 5), "JJA": (6, 7, 8), "SON": (9, 10, 11)}

#: The central intervals that are scored, by their share in percent: lower and upper level.
INTERVALS = {80: (0.1, 0.9), 95: (0.025, 0.975)}


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Errors by lead, lead 1 first, in the target's unit; coverage as a share.

    `smape` is in percent, and never for a decision. `mase` is None where no scale was given. A
    point forecast has neither pinball loss nor CRPS nor intervals: those are None, and so are the
    numbers of an interval whose levels the forecast lacks.
    """

    mae_by_lead: tuple[float, ...]
    rmse_by_lead: tuple[float, ...]
    mean_mae: float
    origins: int
    smape: float | None = None
    mase: float | None = None
    pinball: float | None = None
    crps: float | None = None
    coverage_80_by_lead: tuple[float, ...] | None = None
    coverage_95_by_lead: tuple[float, ...] | None = None
    width_80_by_lead: tuple[float, ...] | None = None
    width_95_by_lead: tuple[float, ...] | None = None
    winkler_80: float | None = None
    winkler_95: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the scores as JSON."""
        return asdict(self)


def score_points(
    windows: Windows, forecast: NDArray[np.floating], scale: float | None = None
) -> Scores:
    """Score a point forecast.

    Args:
        windows: the origins with their targets.
        forecast: (origins, horizon) in the target's unit.
        scale: what MASE divides by: `metrics.naive_scale` of the rows of the fit.
    """
    target = windows.target.astype(np.float64)
    error = forecast.astype(np.float64) - target
    mae = metrics.mean_by_lead(np.abs(error), target)
    mean = float(mae.mean())
    return Scores(
        mae_by_lead=_tuple(mae),
        rmse_by_lead=_tuple(np.sqrt(metrics.mean_by_lead(error**2, target))),
        mean_mae=mean,
        origins=int(np.isfinite(target).any(axis=1).sum()),
        smape=float(metrics.smape(target, forecast.astype(np.float64)).mean()),
        mase=None if scale is None else mean / max(scale, LEAST_ERROR),
    )


def score_quantiles(
    windows: Windows,
    quantiles: NDArray[np.floating],
    levels: tuple[float, ...],
    scale: float | None = None,
) -> Scores:
    """Score a quantile forecast: its median as a point, its quantiles, its intervals.

    Args:
        windows: the origins with their targets.
        quantiles: (origins, horizon, levels) in the target's unit.
        levels: ascending, with 0.5 among them.
        scale: what MASE divides by, as for `score_points`.
    """
    target = windows.target.astype(np.float64)
    known = np.isfinite(target)
    stated = quantiles.astype(np.float64)
    losses = metrics.pinball_losses(target, stated, levels)
    return replace(
        score_points(windows, stated[..., levels.index(0.5)], scale),
        pinball=float(losses[known].mean()) if known.any() else math.nan,
        crps=float(metrics.crps(target, stated, levels).mean()),
        **_intervals(target, stated, levels),
    )


def _intervals(
    target: NDArray[np.float64], quantiles: NDArray[np.float64], levels: tuple[float, ...]
) -> dict[str, Any]:
    """Score each interval whose two levels are there, by the names that `Scores` has for it."""
    found: dict[str, Any] = {}
    for percent, (lower, upper) in INTERVALS.items():
        if lower in levels and upper in levels:
            low, high = quantiles[..., levels.index(lower)], quantiles[..., levels.index(upper)]
            found |= {
                f"coverage_{percent}_by_lead": _tuple(metrics.coverage(target, low, high)),
                f"width_{percent}_by_lead": _tuple(metrics.width(target, low, high)),
                f"winkler_{percent}": float(
                    metrics.winkler(target, low, high, percent / 100).mean()
                ),
            }
    return found


def score_seasons(windows: Windows, score: Callable[[Windows], Scores]) -> dict[str, Scores]:
    """Score the targets of each season apart, by the month of the target, not of the origin.

    Args:
        windows: the origins with their targets.
        score: scores the same forecast on windows whose other targets are made gaps.

    Returns:
        The scores of every season that has a known target. A lead without one is NaN.
    """
    moments = target_seconds(windows).astype("datetime64[s]")
    months = moments.astype("datetime64[M]").astype(np.int64) % 12 + 1
    found = {}
    for name, of_season in SEASONS.items():
        inside = np.isin(months, of_season)
        known = windows.target_observed & inside
        if known.any():
            target = np.where(inside, windows.target, np.float32(np.nan))
            found[name] = score(replace(windows, target=target, target_observed=known))
    return found


def skill(scores: Scores, rival: Scores) -> float:
    """Return 1 - MAE / rival's MAE over the horizon: 0 is no better, 1 is perfect.

    Source: Murphy (1988), Skill scores based on the mean square error, with the absolute one.

    A rival without any error, as persistence on a constant column, leaves no room for skill.
    """
    if scores.mean_mae == rival.mean_mae:
        return 0.0
    return 1.0 - scores.mean_mae / max(rival.mean_mae, LEAST_ERROR)


def _tuple(numbers: NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)
