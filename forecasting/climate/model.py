"""Forecast quantiles in physical units: scaling, calendar and climatology live in the graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from forecasting.climate import calendar
from forecasting.climate.scaling import Climatology, Scaler
from forecasting.climate.windows import WindowSpec
from forecasting.errors import ModelInvalid
from forecasting.recurrent import CoreSpec, RecurrentCore

#: Quantile levels of every climate forecast; the median is the forecast's centre.
LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)


#: How a member looks at its history: from its own mean, or from what is usual.
View = Literal["departure", "level"]


@dataclass(frozen=True, kw_only=True)
class ForecasterSpec:
    """The shape of a quantile forecaster: its core's cell and widths, and what it reads.

    With the view `departure` the core reads departures from each variable's own mean over the
    history and never a level; with `level` it reads anomalies from what is usual. Where a year
    keeps to the climatology the level helps, where it does not it misleads: an ensemble of
    both was never far from the better one on the validation years of two stations.
    """

    cell: str
    widths: tuple[int, ...]
    variables: int
    target: int
    window: WindowSpec
    step_seconds: int
    dropout: float = 0.0
    head: int = 32
    view: View = "departure"
    levels: tuple[float, ...] = LEVELS

    def __post_init__(self) -> None:
        if 0.5 not in self.levels or list(self.levels) != sorted(set(self.levels)):
            raise ModelInvalid(
                "levels must ascend and hold the median", expected="0.5 within", found=self.levels
            )

    @property
    def features(self) -> int:
        """Inputs of the core at each step: departure and mask per variable, and calendar."""
        return 2 * self.variables + calendar.width(self.step_seconds)


class ClimateForecaster(nn.Module):
    """Quantiles of the target's residual on its last observation, for all leads at once.

    The forecast starts from a simple rival and says how far to go from it. A member that reads
    levels starts from damped anomaly persistence; one that reads departures from the last
    observation moved along the climatology's slope, which no shift of the climate misleads.

    `forward(history, origin)` speaks physical units: history (batch, history, variables)
    float32 with NaN for gaps, origin (batch,) int64 seconds of the last history step;
    it returns (batch, horizon, levels) in the target's unit, ascending along the levels.
    """

    def __init__(
        self,
        spec: ForecasterSpec,
        scaler: Scaler,
        climatology: Climatology,
        damping: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.core = RecurrentCore(
            CoreSpec(
                cell=spec.cell,  # type: ignore[arg-type]  # CoreSpec refuses other words
                inputs=spec.features,
                widths=spec.widths,
                dropout=spec.dropout,
            )
        )
        ahead = spec.window.horizon * calendar.width(spec.step_seconds)
        self.dropout = nn.Dropout(spec.dropout)
        self.hidden = nn.Linear(self.core.width + ahead + spec.variables, spec.head)
        self.out = nn.Linear(spec.head, spec.window.horizon * len(spec.levels))
        # A forecast that starts as persistence with narrow quantiles learns from there.
        nn.init.normal_(self.out.weight, std=0.01)
        self._keep("mean", scaler.mean)
        self._keep("deviation", scaler.deviation)
        self._keep("spread", scaler.spread)
        self._keep("usual", np.concatenate([[climatology.intercept], climatology.weights]))
        whole = np.ones(spec.window.horizon)
        self._keep("damping", whole if damping is None or spec.view != "level" else damping)
        steps = np.arange(1 - spec.window.history, 1 + spec.window.horizon)
        self.register_buffer("offsets", torch.from_numpy(steps * spec.step_seconds))

    def _keep(self, name: str, numbers: NDArray[np.float64]) -> None:
        self.register_buffer(name, torch.from_numpy(np.asarray(numbers, dtype=np.float32)))

    def forward(self, history: Tensor, origin: Tensor) -> Tensor:
        """Return quantiles in the target's unit: (batch, horizon, levels)."""
        spec, steps = self.spec, self.spec.window.history
        waves = self._waves(origin)
        usual = self._climatology(waves)  # (batch, history + horizon)
        last, usual_then = self._last_known(history, usual[:, :steps])
        features = self._features(history, waves, usual)
        outputs, _ = self.core(features)
        ahead = waves[:, steps:].flatten(1)
        seen = [self.dropout(outputs[:, -1]), ahead, features[:, -1, : spec.variables]]
        raw = self.out(functional.silu(self.hidden(torch.cat(seen, dim=1))))
        raw = raw.view(-1, spec.window.horizon, len(spec.levels))  # (batch, horizon, levels)
        anomaly = (last - usual_then).unsqueeze(1)
        start = usual[:, steps:] + anomaly * cast("Tensor", self.damping)
        spread = cast("Tensor", self.spread).view(1, -1, 1)
        return start.unsqueeze(-1) + self._ascending(raw) * spread

    def features(self, history: Tensor, origin: Tensor) -> Tensor:
        """Return what the core reads at each step: (batch, history, features), no gaps left.

        Args:
            history: (batch, history, variables) in physical units, NaN for gaps.
            origin: (batch,) int64 seconds of the last history step.
        """
        waves = self._waves(origin)
        return self._features(history, waves, self._climatology(waves))

    def _features(self, history: Tensor, waves: Tensor, usual: Tensor) -> Tensor:
        """Join departures, mask and calendar of the history's steps, departures first."""
        steps = self.spec.window.history
        departures, known = self._departures(history, usual[:, :steps])
        return torch.cat([departures, known, waves[:, :steps]], dim=-1)

    def _waves(self, origin: Tensor) -> Tensor:
        """Return the calendar of history and horizon: (batch, history + horizon, waves)."""
        labels = origin.unsqueeze(1) + cast("Tensor", self.offsets)
        return calendar.phases(labels, self.spec.step_seconds)

    def _departures(self, history: Tensor, usual: Tensor) -> tuple[Tensor, Tensor]:
        """Return scaled departures and mask, (batch, history, variables) each; 0 at a gap."""
        known = torch.isfinite(history)
        usual_of_all = cast("Tensor", self.mean).expand_as(history).clone()
        usual_of_all[:, :, self.spec.target] = usual
        scaled = torch.where(known, history - usual_of_all, 0.0) / cast("Tensor", self.deviation)
        mask = known.to(scaled.dtype)
        if self.spec.view == "level":
            return scaled, mask
        mean = scaled.sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        return torch.where(known, scaled - mean, 0.0), mask

    def _climatology(self, waves: Tensor) -> Tensor:
        """Return the target's usual value at each label: (batch, labels)."""
        usual = cast("Tensor", self.usual)
        return usual[0] + (waves * usual[1:]).sum(dim=-1)

    def _last_known(self, history: Tensor, usual: Tensor) -> tuple[Tensor, Tensor]:
        """Return the target's last observed value and the usual one on that day: (batch,) each.

        Without any observation both are what is usual at the origin.
        """
        target = history[:, :, self.spec.target]
        known = torch.isfinite(target)
        places = torch.arange(1, target.shape[1] + 1, device=target.device)
        place = (known * places).max(dim=1).values  # 0 where nothing is known
        index = torch.where(place > 0, place - 1, target.shape[1] - 1).unsqueeze(1)
        usual_then = usual.gather(1, index).squeeze(1)
        value = target.gather(1, index).squeeze(1)
        return torch.where(place > 0, value, usual_then), usual_then

    def _ascending(self, raw: Tensor) -> Tensor:
        """Build quantiles outward from the median by positive steps, so that none cross."""
        middle = self.spec.levels.index(0.5)
        centre = raw[..., middle : middle + 1]
        above = functional.softplus(raw[..., middle + 1 :]).cumsum(dim=-1)
        below = functional.softplus(raw[..., :middle].flip(-1)).cumsum(dim=-1).flip(-1)
        return torch.cat([centre - below, centre, centre + above], dim=-1)


class Ensemble(nn.Module):
    """The mean of its members' quantiles, level by level, which keeps them in order."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        if not members:
            raise ModelInvalid("an ensemble needs members", expected="at least 1", found=0)
        self.members = nn.ModuleList(members)

    def forward(self, history: Tensor, origin: Tensor) -> Tensor:
        """Return (batch, horizon, levels) in the target's unit, ascending along the levels."""
        return torch.stack([member(history, origin) for member in self.members]).mean(dim=0)


def pinball(target: Tensor, quantiles: Tensor, levels: Tensor) -> Tensor:
    """Pinball loss of each target, averaged over the levels, in the unit of the target.

    Args:
        target: (batch, horizon).
        quantiles: (batch, horizon, levels), ascending along the last axis.
        levels: (levels,), each in (0, 1).

    Returns:
        (batch, horizon); NaN where the target is.

    Source: Koenker and Bassett (1978), Regression Quantiles.
    """
    error = target.unsqueeze(-1) - quantiles  # (batch, horizon, levels)
    return torch.maximum(levels * error, (levels - 1) * error).mean(dim=-1)
