"""Explain one forecast: what the gates did over its history, and what it was made from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from forecasting.climate.attribution import (
    Attribution,
    Explained,
    attribute,
    grouped,
    groups,
    shares,
)
from forecasting.climate.gating import Gating, watch_gates
from forecasting.climate.gradients import GradientCourse, compare_cells, gather_examples
from forecasting.climate.model import ClimateForecaster
from forecasting.climate.selftest import Forecast
from forecasting.climate.series import DAY, ClimateSeries
from forecasting.climate.windows import WindowSpec
from forecasting.errors import ModelInvalid, WindowError


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Everything that is known of one forecast, made at a row of a series.

    `history` (steps, variables) is what was read, `quantiles` (horizon, levels) what was said;
    `gradients` compares the cells on the same series.
    """

    series: ClimateSeries
    row: int
    levels: tuple[float, ...]
    history: NDArray[np.float32]
    quantiles: NDArray[np.float64]
    gating: Gating
    attribution: Attribution
    gradients: dict[str, GradientCourse]

    @property
    def unit(self) -> str:
        """The target's unit."""
        return self.series.variables[self.series.target_column].unit

    @property
    def labels(self) -> list[str]:
        """The labels of the history: ISO days, or minutes where the step is shorter."""
        rows = range(self.row - len(self.history) + 1, self.row + 1)
        length = len("2000-01-01" if self.series.step >= DAY else "2000-01-01T00:00")
        return [self.series.label(row).isoformat()[:length] for row in rows]

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as the command line and the run record print it."""
        gating = self.gating
        return {
            "station": self.series.station.name,
            "target": self.series.target,
            "unit": self.unit,
            "origin": self.labels[-1],
            "time": self.labels,
            "levels": list(self.levels),
            "forecast": self.quantiles.tolist(),
            "gates": {
                cell: {
                    name: {part: values.tolist() for part, values in vars(course).items()}
                    for name, course in gates.items()
                }
                for cell, gates in gating.gates.items()
            },
            "memory": {
                "mean_length": gating.memory_length,
                "members": [asdict(each) for each in gating.memory],
                "kept_by_steps_back": {cell: kept.tolist() for cell, kept in gating.kept.items()},
            },
            "attribution": _attribution_json(self.attribution, self.series.names),
            "gradient_norms": {
                cell: {
                    "untrained": course.untrained.tolist(),
                    "trained": course.trained.tolist(),
                    "loss_before": course.loss[0],
                    "loss_after": course.loss[1],
                }
                for cell, course in self.gradients.items()
            },
        }


def explain(
    forecast: Forecast, ensemble: nn.Module, series: ClimateSeries, row: int
) -> Explanation:
    """Explain the forecast that is made at a row of a series.

    Args:
        forecast: what is served, in the levels of the members.
        ensemble: the module that was exported, with the gated networks as its `members`.
        series: observations; the cells are compared on the whole of it.
        row: the origin; `origin_row` finds it.

    Raises:
        ModelInvalid: the members read or say something else than the series or the graph, or
            have no gates.
        WindowError: the row has no whole history.
    """
    members = [cast("ClimateForecaster", each) for each in ensemble.members]  # type: ignore[union-attr]
    spec = members[0].spec
    _require_history(series, spec.window, row)
    _require_equal(
        "the model reads other columns than the series has",
        (spec.variables, spec.target, spec.step_seconds),
        (len(series.variables), series.target_column, int(series.step.total_seconds())),
    )
    history = np.array(series.values[row - spec.window.history + 1 : row + 1])
    origin = int(series.seconds[row])
    quantiles = forecast(history[None], np.array([origin]))[0].astype(np.float64)
    _require_equal(
        "the graph forecasts otherwise than its members",
        (spec.window.horizon, len(spec.levels)),
        quantiles.shape,
    )
    return Explanation(
        series=series,
        row=row,
        levels=spec.levels,
        history=history,
        quantiles=quantiles,
        gating=watch_gates(members, history, origin),
        attribution=attribute(
            Explained(forecast=forecast, module=ensemble, centre=spec.levels.index(0.5)),
            history,
            origin,
        ),
        gradients=compare_cells(gather_examples(members[0], series), members[0].core.width),
    )


def origin_row(series: ClimateSeries, window: WindowSpec, day: date | None) -> int:
    """Find the last step of a day, or of the series where no day is given.

    Raises:
        WindowError: the day is not in the series, or has no whole history.
    """
    if day is None:
        _require_history(series, window, len(series) - 1)
        return len(series) - 1
    days = series.seconds.astype("datetime64[s]").astype("datetime64[D]")
    found = np.flatnonzero(days == np.datetime64(day))
    row = int(found[-1]) if found.size else -1
    _require_history(series, window, row, asked=day.isoformat())
    return row


def _require_history(
    series: ClimateSeries, window: WindowSpec, row: int, asked: str | None = None
) -> None:
    """Refuse an origin that is no step of the series or too near to its start."""
    first = window.history - 1
    if first <= row < len(series):
        return
    wanted = "a longer series"
    if first < len(series):
        wanted = f"a day from {series.label(first).date()} to {series.end.date()}"
    raise WindowError(
        f"no {window.history} steps of {series.station.name} end there",
        expected=wanted,
        found=asked or f"step {row} of {len(series)}",
    )


def _require_equal(message: str, expected: object, found: object) -> None:
    if expected != found:
        raise ModelInvalid(message, expected=expected, found=found)


def _attribution_json(found: Attribution, names: Sequence[str]) -> dict[str, Any]:
    """Return both methods' parts, and their shares by variable, step and group of steps."""
    methods = {"occlusion": found.occlusion, "integrated_gradients": found.gradients}
    return {
        "explained": "mean over leads of the median forecast",
        **{name: _parts_json(parts, names) for name, parts in methods.items()},
        "rank_correlation": found.agreement,
        "residue": found.residue,
    }


def _parts_json(parts: NDArray[np.float64], names: Sequence[str]) -> dict[str, Any]:
    share = shares(parts)  # (steps, variables)
    by_group = zip(groups(len(parts)), grouped(share).sum(axis=1).tolist(), strict=True)
    return {
        "by_variable_and_step": dict(zip(names, parts.T.tolist(), strict=True)),
        "share_by_variable": dict(zip(names, share.sum(axis=0).tolist(), strict=True)),
        "share_by_step": share.sum(axis=1).tolist(),
        "share_by_steps_back": {f"{group[0]}-{group[-1]}": each for group, each in by_group},
    }
