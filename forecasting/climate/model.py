"""Forecast quantiles in physical units: scaling, calendar and climatology live in the graph."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from forecasting.climate import calendar
from forecasting.climate.linear import LinearForecaster, known_in
from forecasting.climate.regressors import LinearSpec
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
    keeps to the climatology the level helps, where it does not it misleads. With `differences`
    the core also reads how far each variable has moved since the step before. `statics` counts
    the numbers of its station that a member reads whose weights several stations share.
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
    differences: bool = False
    levels: tuple[float, ...] = LEVELS
    statics: int = 0

    def __post_init__(self) -> None:
        if 0.5 not in self.levels or list(self.levels) != sorted(set(self.levels)):
            raise ModelInvalid(
                "levels must ascend and hold the median", expected="0.5 within", found=self.levels
            )

    @property
    def features(self) -> int:
        """Inputs of the core at each step: departure and mask per variable, calendar, statics."""
        each = 3 if self.differences else 2
        return each * self.variables + calendar.width(self.step_seconds) + self.statics

    @property
    def linear(self) -> LinearSpec:
        """What the regression reads from which the member starts."""
        return LinearSpec(
            variables=self.variables,
            target=self.target,
            window=self.window,
            step_seconds=self.step_seconds,
            recentred=self.view == "departure",
        )


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What a member knows of its station before it is trained, from its own training rows.

    linear: the regression that fits the view; None gives zeros.
    """

    scaler: Scaler
    climatology: Climatology
    linear: LinearForecaster | None = None


class Prepared(NamedTuple):
    """Windows as the trained part of a member reads them, whichever station they are of.

    features (batch, history, features), ahead (batch, horizon * waves); start (batch, horizon) is
    what the regression says and spread (batch or 1, horizon) the usual change, both in the
    target's unit.
    """

    features: Tensor
    ahead: Tensor
    start: Tensor
    spread: Tensor


class ClimateForecaster(nn.Module):
    """Quantiles of the target's residual on its last observation, for all leads at once.

    The forecast starts from a simple rival and says how far to go from it: a member that reads
    levels from the regression that is prepared for shifts of the climate, one that reads
    departures from the recentred one.

    `forward(history, origin)` speaks physical units: history (batch, history, variables)
    float32 with NaN for gaps, origin (batch,) int64 seconds of the last history step;
    it returns (batch, horizon, levels) in the target's unit, ascending along the levels.
    """

    def __init__(self, spec: ForecasterSpec, statistics: Statistics) -> None:
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
        climatology, scaler = statistics.climatology, statistics.scaler
        self._keep("mean", scaler.mean)
        self._keep("deviation", scaler.deviation)
        self._keep("spread", scaler.spread)
        self._keep("usual", np.concatenate([[climatology.intercept], climatology.weights]))
        if spec.statics:
            self._keep("statics", np.zeros(spec.statics))
        self.linear = statistics.linear or LinearForecaster(spec.linear)
        steps = np.arange(1 - spec.window.history, 1 + spec.window.horizon)
        self.register_buffer("offsets", torch.from_numpy(steps * spec.step_seconds))

    def _keep(self, name: str, numbers: NDArray[np.float64]) -> None:
        self.register_buffer(name, torch.from_numpy(np.asarray(numbers, dtype=np.float32)))

    def forward(self, history: Tensor, origin: Tensor) -> Tensor:
        """Return quantiles in the target's unit: (batch, horizon, levels)."""
        return self.forecast(self.prepare(history, origin))

    def prepare(self, history: Tensor, origin: Tensor) -> Prepared:
        """Take from windows all that was fitted to the station; what is left has shared weights."""
        waves = self.waves(origin)
        return Prepared(
            features=self._features(history, waves, self._climatology(waves)),
            ahead=waves[:, self.spec.window.history :].flatten(1),
            start=self.linear(history, origin),
            spread=cast("Tensor", self.spread).unsqueeze(0),
        )

    def forecast(self, prepared: Prepared) -> Tensor:
        """Return quantiles in the target's unit, of any stations' windows: as `forward` does."""
        spec, features = self.spec, prepared.features
        outputs, _ = self.core(features)
        seen = [self.dropout(outputs[:, -1]), prepared.ahead, features[:, -1, : spec.variables]]
        raw = self.out(functional.silu(self.hidden(torch.cat(seen, dim=1))))
        moved = self.ascending(raw, -1) * prepared.spread.unsqueeze(-1)
        quantiles: Tensor = prepared.start.unsqueeze(-1) + moved
        return quantiles

    def features(self, history: Tensor, origin: Tensor) -> Tensor:
        """Return what the core reads at each step: (batch, history, features), no gaps left.

        Args:
            history: (batch, history, variables) in physical units, NaN for gaps.
            origin: (batch,) int64 seconds of the last history step.
        """
        waves = self.waves(origin)
        return self._features(history, waves, self._climatology(waves))

    def _features(self, history: Tensor, waves: Tensor, usual: Tensor) -> Tensor:
        """Join departures, mask, calendar and statics of the history's steps, in that order."""
        steps = self.spec.window.history
        departures, known = self._departures(history, usual[:, :steps])
        moved = [differences_of(departures, known)] if self.spec.differences else []
        parts = [departures, known, *moved, waves[:, :steps]]
        if self.spec.statics:
            statics = cast("Tensor", self.statics)
            parts.append(statics.expand(*departures.shape[:2], self.spec.statics))
        return torch.cat(parts, dim=-1)

    def waves(self, origin: Tensor) -> Tensor:
        """Return the calendar of history and horizon: (batch, history + horizon, waves)."""
        return calendar.around(origin, self.get_buffer("offsets"), self.spec.step_seconds)

    def _departures(self, history: Tensor, usual: Tensor) -> tuple[Tensor, Tensor]:
        """Return scaled departures and mask, (batch, history, variables) each; 0 at a gap."""
        known = known_in(history)
        # Chosen, not assigned: an assignment is eighteen nodes of the served graph, this is two.
        own = torch.arange(self.spec.variables, device=history.device) == self.spec.target
        usual_of_all = torch.where(own, usual.unsqueeze(-1), cast("Tensor", self.mean))
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

    def ascending(self, raw: Tensor, *leading: int) -> Tensor:
        """Build quantiles outward from the median by positive steps, so that none cross.

        Args:
            raw: (..., horizon x levels).
            leading: the sizes before those two, as `Tensor.view` takes them: numbers, since the
                graph would look up a shape's each time.

        Returns:
            (*leading, horizon, levels), to be multiplied by the spread and added to the start.
        """
        levels, horizon = self.spec.levels, self.spec.window.horizon
        middle, shape = levels.index(0.5), (*leading, horizon, len(levels))
        width = horizon * len(levels)
        # In whole vectors, as in `calendar.around`; padding would be more operations.
        steps = functional.softplus(torch.cat([raw, raw[..., : -width % calendar.VECTOR]], dim=-1))
        steps, raw = steps[..., :width].view(shape), raw.view(shape)
        centre = raw[..., middle : middle + 1]
        above = steps[..., middle + 1 :].cumsum(dim=-1)
        below = steps[..., :middle].flip(-1).cumsum(dim=-1).flip(-1)
        return torch.cat([centre - below, centre, centre + above], dim=-1)


def differences_of(departures: Tensor, known: Tensor) -> Tensor:
    """Return what each step adds to the one before, 0 where one of the two is not known.

    Args:
        departures: (batch, steps, variables).
        known: the mask of the same shape, 1 where a value is known.
    """
    both = known[:, 1:] * known[:, :-1]
    return functional.pad((departures[:, 1:] - departures[:, :-1]) * both, (0, 0, 1, 0))


def last_known(target: Tensor, usual: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Return the target's last observed value and the usual one on that day: (..., 1) each.

    Without any observation both are what is usual at the origin.

    Args:
        target: (..., history), NaN for gaps.
        usual: (..., history), what is usual on those days.
        steps: of the history; a number, since the graph would look up a shape's each time.
    """
    known = known_in(target)
    places = torch.arange(1, steps + 1, device=target.device, dtype=target.dtype)
    # Where nothing is known, the last step stands out.
    nowhere = torch.tensor([0.0] * (steps - 1) + [0.5]).to(places)
    index = torch.where(known, places, nowhere).argmax(dim=-1, keepdim=True)
    return torch.where(known, target, usual).gather(-1, index), usual.gather(-1, index)


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
