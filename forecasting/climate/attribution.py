"""Share a forecast out among what it was made from: occlusion, checked by integrated gradients."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecasting.climate.selftest import Forecast

#: Where a group of days ends, in steps back from the origin: the last one alone, then wider.
GROUP_ENDS = (1, 3, 7, 14, 30)

#: Points on the way from the baseline at which the gradient is taken. At 23 origins of Delhi
#: (two LSTM members) the largest residue was 0.25 °C with 32 points and 0.0016 °C with 128.
PATH_POINTS = 128


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """What each cell of the history adds to the mean over leads of the median forecast.

    `occlusion` and `gradients` are (steps, variables) in the target's unit, 0 at a gap.
    `residue` is what the gradients leave unexplained of the way from the baseline's
    forecast to this one, in the target's unit: 0 in the limit of many points.
    """

    occlusion: NDArray[np.float64]
    gradients: NDArray[np.float64]
    residue: float

    @property
    def agreement(self) -> dict[str, float]:
        """Rank correlations of the two methods' shares; NaN where fewer than two differ.

        By variable, by group of days, and over the groups of all variables together.
        """
        one, other = (grouped(np.abs(each)) for each in (self.occlusion, self.gradients))
        return {
            "by_variable": rank_correlation(one.sum(axis=0), other.sum(axis=0)),
            "by_day_group": rank_correlation(one.sum(axis=1), other.sum(axis=1)),
            "by_both": rank_correlation(one.ravel(), other.ravel()),
        }


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A forecaster that can be asked twice: as it is served, and with the slopes of what it says.

    `forecast` is what is served; `module` says the same in torch; `centre` is the median's place
    among the levels.
    """

    forecast: Forecast
    module: nn.Module
    centre: int

    def medians(self, history: Tensor, origin: int) -> Tensor:
        """Return the mean over leads of each history's median, by torch: (batch,)."""
        origins = torch.full((history.shape[0],), origin, dtype=torch.int64)
        quantiles: Tensor = self.module(history, origins)
        return quantiles[..., self.centre].mean(dim=1)


def attribute(asked: Explained, history: NDArray[np.float32], origin: int) -> Attribution:
    """Share one forecast out by both methods.

    Args:
        asked: the forecaster.
        history: (steps, variables) in physical units, NaN for gaps.
        origin: seconds of the last step.
    """
    gradients, residue = integrate_gradients(asked, history, origin)
    occlusion = occlude(asked.forecast, history, origin, asked.centre)
    return Attribution(occlusion=occlusion, gradients=gradients, residue=residue)


def occlude(
    forecast: Forecast, history: NDArray[np.float32], origin: int, centre: int
) -> NDArray[np.float64]:
    """Make a gap of one cell after the other; returns what the forecast loses by each.

    Args:
        forecast: any forecaster; it is called once, on as many histories as there are cells.
        history: (steps, variables) in physical units, NaN for gaps.
        origin: seconds of the last step.
        centre: the median's place among the levels.

    Returns:
        (steps, variables): the mean over leads of the whole forecast's median less that of
        the forecast without the cell, in the target's unit.

    Source: Zeiler and Fergus (2014), Visualizing and understanding convolutional networks.
    """
    cells = history.size
    histories = np.repeat(history[None], cells + 1, axis=0)  # the last one stays whole
    histories.reshape(cells + 1, cells)[np.arange(cells), np.arange(cells)] = np.nan
    origins = np.full(cells + 1, origin, dtype=np.int64)
    medians = forecast(histories, origins)[..., centre].astype(np.float64).mean(axis=1)
    lost: NDArray[np.float64] = (medians[-1] - medians[:-1]).reshape(history.shape)
    # A batch differs in its last bits from place to place; a gap is nothing that can be lost.
    return np.where(np.isfinite(history), lost, 0.0)


def integrate_gradients(
    asked: Explained, history: NDArray[np.float32], origin: int, points: int = PATH_POINTS
) -> tuple[NDArray[np.float64], float]:
    """Walk from a history without weather to the real one and add up the slopes on the way.

    The baseline holds each variable at its own mean over the history, with the same gaps.

    Args:
        asked: the forecaster whose module is explained.
        history: (steps, variables) in physical units, NaN for gaps.
        origin: seconds of the last step.
        points: where the slope is taken, in the middle of as many equal stretches.

    Returns:
        (steps, variables) parts of the mean over leads of the median, in the target's unit,
        0 at gaps; and what they leave of the difference to the baseline's forecast.

    Source: Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks.
    """
    real = torch.from_numpy(history)
    known = torch.isfinite(real)
    total = torch.where(known, real, 0.0).sum(dim=0)
    baseline = torch.where(known, total / known.sum(dim=0).clamp(min=1), real)
    along = (torch.arange(points) + 0.5) / points
    path = baseline + along.view(-1, 1, 1) * (real - baseline)  # (points, steps, variables)
    path.requires_grad = True
    [slopes] = torch.autograd.grad(asked.medians(path, origin).sum(), path)
    parts = torch.where(known, slopes.mean(dim=0) * (real - baseline), 0.0).double()
    with torch.no_grad():
        medians = asked.medians(torch.stack([baseline, real]), origin)
    return parts.numpy(), float(medians[1] - medians[0] - parts.sum())


def shares(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return absolute parts as shares of their sum, the same shape; 0 where all are 0."""
    size = np.abs(parts)
    total = size.sum()
    return size / total if total > 0 else size


def groups(steps: int) -> list[range]:
    """Divide a history into groups of steps back from the origin, the origin being step 1.

    >>> groups(10)
    [range(1, 2), range(2, 4), range(4, 8), range(8, 11)]
    """
    ends = [*(end for end in GROUP_ENDS if end < steps), steps]
    return [range(first + 1, end + 1) for first, end in zip([0, *ends], ends, strict=False)]


def grouped(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum (steps, variables) over each group of steps: (groups, variables), the latest first."""
    back = parts[::-1]
    return np.stack(
        [back[each.start - 1 : each.stop - 1].sum(axis=0) for each in groups(len(parts))]
    )


def rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Correlate the ranks of two lists, ties sharing theirs; NaN where a list is all ties.

    Source: Spearman (1904), The proof and measurement of association between two things.
    """
    first, second = (_ranks(each) - (len(each) - 1) / 2 for each in (one, other))
    power = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / power if power > 0 else float("nan")


def _ranks(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank from 0, equal numbers at their mean place."""
    below = (numbers[None, :] < numbers[:, None]).sum(axis=1)
    equal = (numbers[None, :] == numbers[:, None]).sum(axis=1)
    ranks: NDArray[np.float64] = below + (equal - 1) / 2
    return ranks
