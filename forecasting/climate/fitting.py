"""Make the training task of one ensemble member: batches of windows, pinball loss, error in °C."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecasting.climate.model import ClimateForecaster, pinball
from forecasting.climate.windows import Windows
from forecasting.errors import SeriesTooShort
from forecasting.training.machine import best_device

#: Weight of the centre's Huber loss beside the pinball loss over all levels.
CENTRE_WEIGHT = 0.5

#: Where Huber's loss turns from square to straight, in spreads of the lead.
HUBER_TURN = 1.0


@dataclass(frozen=True, kw_only=True)
class Batches:
    """How many windows make a step, and how far those of a member that reads levels are moved.

    shift: standard deviation, in the target's unit, of one draw for a window, by which the
    target's history and future are moved together: the climate of the years to come may stand
    elsewhere than that of the few years which a member has seen.
    """

    size: int
    shift: float = 0.0


class MemberTask:
    """One member on the windows of the train block, scored on those of its early stop.

    Args:
        model: the member.
        train: the windows of the train block.
        usable: (origins,) which of them the member may see.
        early_stop: the windows on which it stops.
        batches: windows a step, and the shift that levels are trained with.

    Raises:
        SeriesTooShort: there is no window with a known target to train or to stop on.
    """

    def __init__(
        self,
        model: ClimateForecaster,
        train: Windows,
        usable: NDArray[np.bool_],
        early_stop: Windows,
        batches: Batches,
    ) -> None:
        self.usable = usable & train.target_observed.any(axis=1)
        _require(int(self.usable.sum()), "training")
        _require(int(early_stop.target_observed.sum()), "the early stop")
        self.device = best_device()
        self._model = model.to(self.device)
        self.train, self.early_stop, self._size = train, early_stop, batches.size
        self.shift = batches.shift if model.spec.view == "level" else 0.0
        self.levels = torch.tensor(model.spec.levels, device=self.device)
        self.centre = model.spec.levels.index(0.5)

    @property
    def model(self) -> nn.Module:
        """The member's weights."""
        return self._model

    def batches(self, generator: torch.Generator) -> Iterable[NDArray[np.int64]]:
        """Yield the windows' positions in random order; windows without a target left out."""
        usable = np.flatnonzero(self.usable)
        order = torch.randperm(len(usable), generator=generator).numpy()
        for first in range(0, len(usable), self._size):
            yield usable[order[first : first + self._size]]

    def loss(self, batch: object, carry: object) -> tuple[Tensor, object]:
        """Return the mean loss over the known targets of a batch, in spreads of the lead."""
        history, origin, target = gather(self.train, np.asarray(batch), self.device)
        if self.shift:
            shift = self.shift * torch.randn(len(history), device=self.device)
            history[:, :, self._model.spec.target] += shift.unsqueeze(1)
            target = target + shift.unsqueeze(1)
        quantiles = self._model(history, origin)
        spread = self._model.get_buffer("spread")
        return loss_in_spreads(target, quantiles, spread, self.levels), carry

    def score(self) -> float:
        """Return the mean absolute error of the median on the early-stop stretch, target's unit."""
        quantiles = predict(self._model, self.early_stop)
        error = np.abs(self.early_stop.target - quantiles[..., self.centre])
        return float(np.nanmean(error))


def loss_in_spreads(target: Tensor, quantiles: Tensor, spread: Tensor, levels: Tensor) -> Tensor:
    """Return the mean loss over the known targets, in spreads of the lead.

    Args:
        target: (batch, horizon), NaN for gaps.
        quantiles: (batch, horizon, levels).
        spread: (horizon,) or (batch, horizon), the usual change up to each lead.
        levels: (levels,), 0.5 among them.
    """
    known = torch.isfinite(target)
    centre = quantiles[..., int((levels - 0.5).abs().argmin())]
    filled = torch.where(known, target, centre.detach())
    error = (filled - centre) / spread
    huber = nn.functional.huber_loss(
        error, torch.zeros_like(error), delta=HUBER_TURN, reduction="none"
    )
    loss = pinball(filled, quantiles, levels) / spread + CENTRE_WEIGHT * huber
    return loss[known].mean()


def _require(known: int, use: str) -> None:
    if not known:
        raise SeriesTooShort(
            f"no window with a known target for {use}", expected="1 or more", found=0
        )


def gather(
    windows: Windows, positions: NDArray[np.int64], device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Copy one batch out of the views.

    Returns:
        history (batch, history, variables), origin (batch,) seconds, target (batch, horizon).
    """
    return (
        torch.from_numpy(np.ascontiguousarray(windows.history[positions])).to(device),
        torch.from_numpy(windows.origin_seconds(positions)).to(device),
        torch.from_numpy(windows.target[positions]).to(device),
    )


def predict(model: nn.Module, windows: Windows, batch: int = 512) -> NDArray[np.float32]:
    """Forecast at every origin: (origins, horizon, levels) in the target's unit."""
    device = next(model.parameters()).device
    parts = []
    with torch.no_grad():
        for first in range(0, len(windows), batch):
            positions = np.arange(first, min(first + batch, len(windows)))
            history, origin, _ = gather(windows, positions, device)
            parts.append(model(history, origin).cpu().numpy())
    return np.concatenate(parts)
