"""Forecast by direct linear regression on anomalies: the rival to fear where physics is linear."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecasting.climate import calendar
from forecasting.climate.ridge import shared_by_leads, solve
from forecasting.climate.scaling import fit_climatology
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Windows, WindowSpec, cut

#: Last steps of the target, and of every other variable, that are regressors of their own.
TARGET_LAGS, OTHER_LAGS = 7, 3

#: Steps of the short means beside the mean over the whole history: of the target, of the others.
TARGET_MEAN, OTHER_MEAN = 14, 7

#: Weight of the ridge on standardised regressors, in days of windows: the prior counts as so many,
#: however many there are. Against a ridge that is a fixed share of them (0.03, which is the same at
#: three years) the mean absolute error fell by 2 % on one year and by 0.3 % on ten. A regressor
#: further back, or of another variable, is held nearer to zero: the error over ten stations fell
#: by 1 % against an even ridge.
#: Source: Litterman (1986), Forecasting with Bayesian vector autoregressions.
RIDGE_DAYS = 40

#: How far back, in the units of the ridge, stand the others, the means, and the season.
OTHER_DISTANCE, MEAN_DISTANCE, OTHER_MEAN_DISTANCE, SEASON_DISTANCE = 2.0, 2.0, 4.0, 3.0

#: How large a lasting shift of the climate the shifted regression is prepared for, in root mean
#: squares of the histories' mean anomalies. 2 to 5 were level over ten stations.
SHIFT = 3.0

#: Windows whose regressors are made at once.
AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class LinearSpec:
    """What a linear forecast reads.

    `recentred` takes anomalies relative to their own mean over the history: a shift of the
    climate that lasts as long as the history then misleads it no more.
    """

    variables: int
    target: int
    window: WindowSpec
    step_seconds: int
    recentred: bool

    @property
    def lags(self) -> tuple[int, ...]:
        """Steps back that are regressors: the nearest, and below daily steps whole days back."""
        near = range(min(TARGET_LAGS, self.window.history))
        day = self.steps_a_day
        days = [k * day - 1 for k in (1, 2) if day > TARGET_LAGS and k * day <= self.window.history]
        return (*near, *days)

    @property
    def distances(self) -> NDArray[np.float64]:
        """How near to zero each regressor is held, in their order."""
        others = [*(OTHER_DISTANCE * (lag + 1) for lag in range(self.other_lags))]
        waves = calendar.width(self.step_seconds)
        return np.array(
            [
                *(1.0 + min(lag, TARGET_LAGS) for lag in self.lags),
                *[MEAN_DISTANCE] * (1 if self.recentred else 2),
                *(self.variables - 1) * [*others, OTHER_MEAN_DISTANCE],
                *[SEASON_DISTANCE] * (waves + 2),
            ]
        )

    @property
    def penalty(self) -> NDArray[np.float64]:
        """The ridge's weight on each standardised regressor, in windows: (width,)."""
        penalty: NDArray[np.float64] = RIDGE_DAYS * self.steps_a_day * self.distances**2
        return penalty

    @property
    def steps_a_day(self) -> int:
        """Windows that begin on one day."""
        return max(calendar.DAY // self.step_seconds, 1)

    def moved(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (width,) how a shift of the climate of the usual size moves the regressors.

        The usual size is the root mean square of the mean anomaly; what is recentred stays.
        """
        means = len(self.lags) + 1  # the lags, the short mean, and then the whole history's
        moved = np.zeros(matrix.shape[1])
        if len(matrix) and not self.recentred:
            moved[: means + 1] = np.sqrt(np.mean(matrix[:, means] ** 2))
        return moved

    @property
    def places(self) -> list[int]:
        """Where each regressor but the season stands among what it is looked up in.

        That is, one after the other: every step of every variable (history x variables, a step's
        variables together), the recent mean of each variable, the mean of its whole history,
        and the target's short mean.
        """
        steps, target = self.window.history, self.target
        recent = steps * self.variables
        rest = recent + self.variables

        def back(lag: int, column: int) -> int:
            return (steps - 1 - lag) * self.variables + column

        places = [back(lag, target) for lag in self.lags]
        places += [rest + self.variables] + ([] if self.recentred else [rest + target])
        for column in range(self.variables):
            if column != target:
                places += [back(lag, column) for lag in range(self.other_lags)]
                places += [recent + column]
        return places

    @property
    def other_lags(self) -> int:
        """Steps back of the other variables that are regressors."""
        return min(OTHER_LAGS, self.window.history)


class LinearForecaster(nn.Module):
    """A regression for each lead, in physical units at both ends.

    `forward(history, origin)` takes history (batch, history, variables) with NaN for gaps and
    origin (batch,) int64 seconds; it returns (batch, horizon) in the target's unit.
    """

    def __init__(self, spec: LinearSpec) -> None:
        super().__init__()
        self.spec = spec
        steps = np.arange(1 - spec.window.history, 1 + spec.window.horizon)
        width, horizon = len(spec.distances), spec.window.horizon
        waves = calendar.width(spec.step_seconds)
        self.register_buffer("offsets", torch.from_numpy(steps * spec.step_seconds))
        self.register_buffer("usual", torch.zeros(1 + waves, spec.variables))
        self.register_buffer("weights", torch.zeros(width, horizon))
        self.register_buffer("intercept", torch.zeros(horizon))

    def forward(self, history: Tensor, origin: Tensor) -> Tensor:
        """Return the forecast: (batch, horizon)."""
        regressors, anchor = self.regressors(history, origin)
        return anchor + regressors @ cast("Tensor", self.weights) + cast("Tensor", self.intercept)

    def regressors(self, history: Tensor, origin: Tensor) -> tuple[Tensor, Tensor]:
        """Return the regressors (batch, width), and what the regression is added to.

        The latter, (batch, horizon), is the usual course, moved by the history's mean anomaly
        where the forecast is recentred.
        """
        spec, steps = self.spec, self.spec.window.history
        labels = origin.unsqueeze(1) + cast("Tensor", self.offsets)
        waves = calendar.phases(labels, spec.step_seconds)  # (batch, history + horizon, waves)
        usual = cast("Tensor", self.usual)
        course = usual[0] + waves @ usual[1:]  # (batch, history + horizon, variables)
        known = torch.isfinite(history)
        anomaly = torch.where(known, history - course[:, :steps], 0.0)
        whole = _mean(anomaly, known, steps)  # (batch, variables)
        if spec.recentred:
            anomaly = torch.where(known, anomaly - whole.unsqueeze(1), 0.0)
            rest = torch.zeros_like(whole)
        else:
            rest = whole
        anchor = course[:, steps:, spec.target]
        if spec.recentred:
            anchor = anchor + whole[:, spec.target].unsqueeze(1)
        columns = self._columns(anomaly, known, rest)
        season = waves[:, steps - 1]
        return torch.cat([columns, season, columns[:, :1] * season[:, :2]], dim=1), anchor

    def _columns(self, anomaly: Tensor, known: Tensor, rest: Tensor) -> Tensor:
        """Return the regressors but the season, (batch, columns), in the order of `places`.

        A gap is taken for the mean of the days around it that are known.
        """
        count = known[:, -OTHER_MEAN:].sum(dim=1)
        recent = torch.where(count > 0, _mean(anomaly, known, OTHER_MEAN), rest)
        filled = torch.where(known, anomaly, recent.unsqueeze(1))
        short = filled[:, -TARGET_MEAN:, self.spec.target].mean(dim=1, keepdim=True)
        # One look-up: a slice a regressor is a node a regressor in the served graph, and twelve
        # members spent more time on those than in their cells.
        pool = torch.cat([filled.flatten(1), recent, rest, short], dim=1)
        return pool[:, self.spec.places]

    def weights_of(self) -> NDArray[np.float32]:
        """Return every fitted number as one row, to compare two fits by."""
        parts = (self.get_buffer(name) for name in ("usual", "weights", "intercept"))
        return torch.cat([part.flatten() for part in parts]).numpy()

    def at(self, windows: Windows) -> NDArray[np.float64]:
        """Forecast at every origin: (origins, horizon) in the target's unit."""
        with torch.no_grad():
            parts = [self(*batch).double().numpy() for batch in _batches(windows)]
        return np.concatenate(parts)


def fit_linear(
    series: ClimateSeries,
    rows: int,
    window: WindowSpec,
    *,
    recentred: bool = False,
    shift: float = 0.0,
    usable: NDArray[np.bool_] | None = None,
) -> LinearForecaster:
    """Fit a linear forecaster on the windows of the first `rows`.

    Args:
        series: the station's observations.
        rows: the rows that may be looked at.
        window: the history's and the horizon's steps.
        recentred: see `LinearSpec`.
        shift: fit as if every window were seen again with its history and its target moved
            together by a normal draw of so many root mean squares of the mean anomaly.
        usable: (origins,) which of those windows may be used; all when None. A lead of which
            they know no target is left at what the regression is added to.

    Leads share their weights with those beside them (`LEAD_WIDTH`), as weather's memory fades
    smoothly; each keeps its own mean forecast.

    Source: Marquardt and Snee (1975), Ridge regression in practice, with a penalty of its own
    for each regressor; noise on the inputs as a penalty as in Bishop (1995), Training with
    noise is equivalent to Tikhonov regularization.
    """
    spec = LinearSpec(
        variables=len(series.variables),
        target=series.target_column,
        window=window,
        step_seconds=int(series.step.total_seconds()),
        recentred=recentred,
    )
    model = LinearForecaster(spec)
    usual = [_usual(series, rows, column) for column in range(spec.variables)]
    model.usual = torch.from_numpy(np.stack(usual, axis=1)).float()
    windows = cut(series, window, window.origins(0, rows))
    parts = [model.regressors(*batch) for batch in _batches(windows)]
    matrix = torch.cat([part[0] for part in parts]).double().numpy()
    anchor = torch.cat([part[1] for part in parts]).double().numpy()
    chosen = np.ones(len(windows), dtype=np.bool_) if usable is None else usable
    move = shift * spec.moved(matrix[chosen])
    known = chosen[:, None] & windows.target_observed
    leads = [
        solve(
            matrix[known[:, lead]],
            windows.target[known[:, lead], lead] - anchor[known[:, lead], lead],
            spec.penalty,
            move,
        )
        for lead in range(window.horizon)
    ]
    weights = np.stack([lead[0] for lead in leads], axis=1)
    shared = weights @ shared_by_leads(np.asarray(known.any(axis=0)))
    # The mean forecast of each lead stays.
    mean = matrix[chosen].mean(axis=0) if chosen.any() else np.zeros(matrix.shape[1])
    intercept = np.array([lead[1] for lead in leads]) + mean @ (weights - shared)
    model.weights = torch.from_numpy(shared).float()
    model.intercept = torch.from_numpy(intercept).float()
    return model


def _usual(series: ClimateSeries, rows: int, column: int) -> NDArray[np.float64]:
    """Return a variable's climatology as intercept and weights; zeros where it was never seen."""
    waves = calendar.width(int(series.step.total_seconds()))
    if not series.observed[:rows, column].any():
        return np.zeros(1 + waves)
    fitted = fit_climatology(series, rows, column)
    return np.concatenate([[fitted.intercept], fitted.weights])


def _mean(numbers: Tensor, known: Tensor, steps: int) -> Tensor:
    """Average what is known of the last steps: (batch, steps, variables) to (batch, variables)."""
    count = known[:, -steps:].sum(dim=1).clamp(min=1)
    return numbers[:, -steps:].sum(dim=1) / count


def _batches(windows: Windows) -> Iterator[tuple[Tensor, Tensor]]:
    for first in range(0, len(windows), AT_ONCE):
        positions = np.arange(first, min(first + AT_ONCE, len(windows)))
        yield (
            # In one order always: sums in another would differ in their last bits.
            torch.from_numpy(np.ascontiguousarray(windows.history[positions])),
            torch.from_numpy(windows.origin_seconds(positions)),
        )
