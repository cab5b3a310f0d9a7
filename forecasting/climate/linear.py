"""Forecast by direct linear regression on anomalies: the rival to fear where physics is linear."""

from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecasting.climate import calendar
from forecasting.climate.regressors import OTHER_MEAN, TARGET_MEAN, LinearSpec
from forecasting.climate.ridge import shared_by_leads, solve
from forecasting.climate.scaling import fit_climatology
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Windows, WindowSpec, cut

#: How large a lasting shift of the climate the shifted regression is prepared for, in root mean
#: squares of the histories' mean anomalies. 2 to 5 were level over ten stations.
SHIFT = 3.0

#: Windows whose regressors are made at once.
AT_ONCE = 4096


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
        spec, usual = self.spec, cast("Tensor", self.usual)
        steps, waves = spec.window.history, self.waves(origin)
        course = usual[0] + waves @ usual[1:]
        season = waves[:, steps - 1]
        known = known_in(history)
        anomaly = torch.where(known, history - course[:, :steps], 0.0)
        whole = _mean(anomaly, known.to(history.dtype))  # (batch, 1, variables)
        lost = whole * float(spec.recentred)
        anomaly = torch.where(known, anomaly - lost, 0.0)
        anchor = course[:, steps:, spec.target] + lost[..., spec.target]
        columns = _columns(spec, anomaly, known, whole - lost)
        return torch.cat([columns, season, columns[:, :1] * season[:, :2]], dim=-1), anchor

    def waves(self, origin: Tensor) -> Tensor:
        """Return the calendar of history and horizon: (batch, history + horizon, waves)."""
        return calendar.around(origin, self.get_buffer("offsets"), self.spec.step_seconds)

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


def known_in(numbers: Tensor) -> Tensor:
    """Tell numbers from gaps and infinities, as `isfinite` does.

    In a served graph that is six operations, and this is two.
    """
    return (numbers - numbers) == 0


def _columns(spec: LinearSpec, anomaly: Tensor, known: Tensor, rest: Tensor) -> Tensor:
    """Return the regressors but the season, (batch, columns), in the order of `places`.

    A gap is taken for the mean of the days around it that are known; `rest` is (batch, 1,
    variables), what stands for that where none of them is.
    """
    lately = known[:, -OTHER_MEAN:].to(anomaly.dtype)
    near = _mean(anomaly[:, -OTHER_MEAN:], lately)
    recent = torch.where(lately.sum(dim=1, keepdim=True) > 0, near, rest)
    filled = torch.where(known, anomaly, recent)
    days = min(TARGET_MEAN, spec.window.history)
    short = filled[:, -days:].sum(dim=1)[:, spec.target : spec.target + 1] / days
    flat = torch.cat([filled, recent, rest], dim=1).flatten(1)
    return torch.cat([flat, short], dim=-1)[:, spec.places]


def _mean(numbers: Tensor, mask: Tensor) -> Tensor:
    """Average what is known of (batch, steps, variables) along the steps: (batch, 1, variables)."""
    count = mask.sum(dim=1, keepdim=True).clamp(min=1)
    return numbers.sum(dim=1, keepdim=True) / count


def _batches(windows: Windows) -> Iterator[tuple[Tensor, Tensor]]:
    for first in range(0, len(windows), AT_ONCE):
        positions = np.arange(first, min(first + AT_ONCE, len(windows)))
        yield (
            # In one order always: sums in another would differ in their last bits.
            torch.from_numpy(np.ascontiguousarray(windows.history[positions])),
            torch.from_numpy(windows.origin_seconds(positions)),
        )
