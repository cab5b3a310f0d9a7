"""Blend the members with the simple rivals, lead by lead, and move the quantiles: one graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecasting.climate import calendar
from forecasting.climate.baselines import Baselines
from forecasting.climate.linear import LinearForecaster, known_in
from forecasting.climate.model import (
    ClimateForecaster,
    ForecasterSpec,
    last_known,
)
from forecasting.climate.side_by_side import at, regressions_of, said_by
from forecasting.errors import ModelInvalid

#: What is blended, in the order of the weights: the members of each view, then the rivals.
COLUMNS = (
    "level",
    "departure",
    "persistence",
    "climatology",
    "damped_anomaly_persistence",
    "linear_on_anomalies",
    "linear_shifted",
    "linear_recentred",
)

#: The columns that a lasting shift of the climate misleads least: those that read no level, and
#: those that were fitted with shifts. Without the latter the error over ten stations was 0.1 %
#: larger.
UNSHIFTED = ("level", "departure", "persistence", "linear_shifted", "linear_recentred")

#: At how many usual distances from the climatology the trust in the other columns is down to
#: 0.61, as a bell curve. 2 to 4 were level over sixteen stations.
FADE = 2.5


@dataclass(frozen=True, kw_only=True)
class BlendWeights:
    """How the columns are mixed, and how far the quantiles are moved.

    near, far: (horizon, columns), each row adds up to 1; `far` uses `UNSHIFTED` columns only.
    usual_distance: the root mean square of the history's mean anomaly, in the target's unit.
    offsets: (horizon, levels) in the target's unit, 0 at the median.
    """

    near: NDArray[np.float64]
    far: NDArray[np.float64]
    usual_distance: float
    offsets: NDArray[np.float64]

    def trust(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far the climatology is trusted at mean anomalies of any shape: in (0, 1]."""
        trust: NDArray[np.float64] = np.exp(-0.5 * (distance / self.reach) ** 2)
        return trust

    @property
    def reach(self) -> float:
        """The mean anomaly, in the target's unit, at which the trust is down to 0.61."""
        return FADE * max(self.usual_distance, 1e-6)

    @classmethod
    def even(cls, spec: ForecasterSpec) -> "BlendWeights":
        """Return the weights of members and rivals that nothing is known about yet."""
        share = np.full((spec.window.horizon, len(COLUMNS)), 1 / len(COLUMNS))
        nothing = np.zeros((spec.window.horizon, len(spec.levels)))
        return cls(near=share, far=share, usual_distance=1.0, offsets=nothing)


class Blend(nn.Module):
    """One self-contained forecaster: members, rivals, their weights and the calibration.

    While the history's mean keeps to the climatology, the `near` weights count; the further it
    is from it, the more the `far` ones, which use only what a shift misleads little.
    `forward` takes and returns what a member's does.
    """

    def __init__(
        self, members: Sequence[ClimateForecaster], rivals: Baselines, weights: BlendWeights
    ) -> None:
        super().__init__()
        if not members:
            raise ModelInvalid("an ensemble needs members", expected="at least 1", found=0)
        self.members = nn.ModuleList(members)
        self.spec: ForecasterSpec = members[0].spec
        self.linear, self.shifted, self.recentred = rivals.linear, rivals.shifted, rivals.recentred
        climatology = rivals.climatology
        self._keep("usual", np.concatenate([[climatology.intercept], climatology.weights]))
        self._keep("damping", rivals.damping)
        self._keep("near", weights.near)
        self._keep("far", weights.far)
        self._keep("offsets", weights.offsets)
        self._keep("reach", np.array(weights.reach))
        window = self.spec.window
        steps = np.arange(1 - window.history, 1 + window.horizon) * self.spec.step_seconds
        self.register_buffer("labels", torch.from_numpy(steps))

    def _keep(self, name: str, numbers: NDArray[np.float64]) -> None:
        self.register_buffer(name, torch.from_numpy(np.asarray(numbers, dtype=np.float32)))

    def forward(self, history: Tensor, origin: Tensor) -> Tensor:
        """Return quantiles in the target's unit: (batch, horizon, levels)."""
        columns, spread = self._columns(history, origin)
        near, far = (
            cast("Tensor", each).T.unsqueeze(1) for each in (self.near, self.far)
        )  # (columns, 1, horizon)
        strange = self._strange(history, origin)
        # As `BlendWeights.trust`, in as few operations as there may be.
        trust = torch.exp(strange * strange * (-0.5 / cast("Tensor", self.reach) ** 2))
        centre = (columns * (far + trust * (near - far))).sum(dim=0)
        moved = spread + cast("Tensor", self.offsets)
        return centre.unsqueeze(-1) + outward(moved, self.spec.levels)

    def parts(self, history: Tensor, origin: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is blended, before any weight.

        Returns:
            The columns (batch, horizon, columns) in the order of `COLUMNS`, and the members'
            quantiles less their medians (batch, horizon, levels).
        """
        columns, spread = self._columns(history, origin)
        return columns.movedim(0, -1), spread

    def _columns(self, history: Tensor, origin: Tensor) -> tuple[Tensor, Tensor]:
        """Return as `parts`, the columns first: a graph need not turn them to add them up."""
        members = self._each()
        regressions = [*(member.linear for member in members), *self._regressions()]
        starts = regressions_of(regressions, history, origin)
        medians, around = said_by(members, starts[: len(members)], history, origin)
        views = [
            at(medians, self._places(view)).mean(dim=0, keepdim=True)
            for view in ("level", "departure")
        ]
        rivals = self._simple(history, origin)
        columns = torch.cat([*views, *rivals, starts[len(members) :]])
        return columns, around.mean(dim=0)

    def mean_anomaly(self, history: Tensor, origin: Tensor) -> Tensor:
        """Return the target's mean distance from the usual over each history: (batch,)."""
        return self._strange(history, origin).flatten()

    def _strange(self, history: Tensor, origin: Tensor) -> Tensor:
        """Return the mean anomaly as (1, batch, 1)."""
        target = self._target(history)
        anomaly = target - self._course(origin)[..., : self.spec.window.history]
        # The usual is known always.
        known = known_in(target)
        count = known.to(anomaly.dtype).sum(dim=-1, keepdim=True).clamp(min=1)
        return torch.where(known, anomaly, 0.0).sum(dim=-1, keepdim=True) / count

    def _target(self, history: Tensor) -> Tensor:
        """Return the target's history: (1, batch, history), as a column of the blend lies."""
        return history.transpose(1, 2)[:, self.spec.target].unsqueeze(0)

    def _each(self) -> list[ClimateForecaster]:
        return [cast("ClimateForecaster", member) for member in self.members]

    def _places(self, view: str) -> list[int]:
        """Return where the members of a view stand, all where it has none."""
        views = [member.spec.view for member in self._each()]
        return [place for place, own in enumerate(views) if own == view or view not in views]

    def _course(self, origin: Tensor) -> Tensor:
        """Return the usual course: (1, batch, history + horizon)."""
        usual = cast("Tensor", self.usual)
        waves = calendar.around(origin, self.get_buffer("labels"), self.spec.step_seconds)
        # With the labels last, as in `side_by_side`.
        return usual[0] + (waves.transpose(1, 2) * usual[1:, None][None, None]).sum(dim=2)

    def _regressions(self) -> list[LinearForecaster]:
        """The regressions among the rivals, in the order of `COLUMNS`."""
        return [self.linear, self.shifted, self.recentred]

    def _simple(self, history: Tensor, origin: Tensor) -> list[Tensor]:
        """Return the rivals before the regressions in `COLUMNS`: (1, batch, horizon) each."""
        window, course = self.spec.window, self._course(origin)
        usual, ahead = course[..., : window.history], course[..., window.history :]
        last, usual_then = last_known(self._target(history), usual, window.history)
        damped = ahead + (last - usual_then) * cast("Tensor", self.damping)
        return [last.expand(-1, -1, window.horizon), ahead, damped]


def outward(moved: Tensor, levels: Sequence[float]) -> Tensor:
    """Let no quantile stand nearer to the median than the one inside it: (..., levels).

    Each becomes the outermost of those from the median to its own, all levels at once.
    """
    place = torch.arange(len(levels), device=moved.device) - levels.index(0.5)
    side = torch.where(place < 0, -1.0, 1.0)
    own, other = place.unsqueeze(-1), place.unsqueeze(0)
    inside = (own * other >= 0) & (other.abs() <= own.abs())
    outward = moved.unsqueeze(-2) * side.unsqueeze(-1) + torch.where(inside, 0.0, -torch.inf)
    # A largest of some may leave a NaN out: nothing of a forecast may hide one.
    return outward.amax(dim=-1) * side + 0.0 * moved
