"""Judge a candidate by the graph that would be served: forecast every origin, gather evidence."""

import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecasting.climate.backtest import Scores, score_points, score_quantiles, score_seasons
from forecasting.climate.baselines import fit_baselines
from forecasting.climate.evidence import Cost, Duel, Evidence
from forecasting.climate.export import GraphForecaster
from forecasting.climate.metrics import naive_scale
from forecasting.climate.selftest import question
from forecasting.climate.series import ClimateSeries
from forecasting.climate.significance import absolute_losses, compare
from forecasting.climate.windows import Blocks, Windows, WindowSpec, cut
from forecasting.stores.published import ModelCard

#: Fewest origins on which a candidate may be said to be better than the champion.
LEAST_SHARED_ORIGINS = 60

#: Single forecasts whose median time is a candidate's: one is too much at the machine's mercy.
TIMED = 21


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The series, how it is cut, and the levels: what every candidate of a run is judged on."""

    series: ClimateSeries
    window: WindowSpec
    blocks: Blocks
    levels: tuple[float, ...]

    @property
    def gate(self) -> Windows:
        """The origins on which it is judged, never used for training or choosing."""
        origins = self.window.origins(self.blocks.train, self.blocks.gate)
        return cut(self.series, self.window, origins)

    @property
    def trained_through(self) -> str:
        """The date of the last row that any choice has seen."""
        return self.series.label(self.blocks.train - 1).date().isoformat()

    def score(self, windows: Windows, quantiles: NDArray[np.floating]) -> Scores:
        """Score quantiles, (origins, horizon, levels), MASE in units of the train block."""
        return score_quantiles(windows, quantiles, self.levels, self._scale)

    def rivals(self) -> dict[str, Scores]:
        """Score every simple rival on the gate's origins; fitted on the train block."""
        gate, scale = self.gate, self._scale
        return {
            name: score_points(gate, forecast, scale)
            for name, forecast in self._rival_forecasts(gate).items()
        }

    def evidence(
        self, graph: Path, champion: "Champion | None", trained_through: str | None = None
    ) -> Evidence:
        """Gather everything the gate looks at.

        Args:
            graph: the candidate's ONNX file.
            champion: the version it has to beat, if there is one.
            trained_through: the candidate's last row, where it is older than this trial.
        """
        forecaster = GraphForecaster(graph)
        gate = self.gate
        quantiles = forecaster.at(gate)
        losses = absolute_losses(gate, self._median(quantiles))
        forecasts = self._rival_forecasts(gate)
        evidence = Evidence(
            candidate=self.score(gate, quantiles),
            rivals={
                name: score_points(gate, each, self._scale) for name, each in forecasts.items()
            },
            comparisons={
                name: compare(losses, absolute_losses(gate, each))
                for name, each in forecasts.items()
            },
            selftest=question(
                forecaster, self.series, self.window, self.blocks.train, gate.origins
            ),
            cost=cost_of(graph, forecaster, gate),
            seasons=score_seasons(gate, lambda season: self.score(season, quantiles)),
        )
        if champion is None or not champion.reads(self):
            return evidence
        duel = self._duel(forecaster, champion, trained_through or self.trained_through)
        return replace(evidence, champion_version=champion.version, duel=duel)

    def _duel(
        self, forecaster: GraphForecaster, champion: "Champion", trained_through: str
    ) -> Duel | None:
        """Compare with the champion at the origins that neither has seen; None without enough."""
        shared = champion.unseen(self)
        if shared is None:
            return None
        ours, theirs = forecaster.at(shared), GraphForecaster(champion.graph).at(shared)
        seen = date.fromisoformat(champion.card.trained_through)
        return Duel(
            champion=self.score(shared, theirs),
            candidate=self.score(shared, ours),
            comparison=compare(
                absolute_losses(shared, self._median(ours)),
                absolute_losses(shared, self._median(theirs)),
            ),
            newer_by_days=(date.fromisoformat(trained_through) - seen).days,
            stand_in=champion.stand_in,
        )

    def _median(self, quantiles: NDArray[np.float32]) -> NDArray[np.float32]:
        median: NDArray[np.float32] = quantiles[..., self.levels.index(0.5)]
        return median

    def _rival_forecasts(self, windows: Windows) -> dict[str, NDArray[np.float64]]:
        simple = fit_baselines(self.series, self.blocks.train, self.window)
        return {name: rival(windows) for name, rival in simple.rivals().items()}

    @property
    def _scale(self) -> float:
        """What MASE divides by: the error of the one-step naive forecast on the train block."""
        target = self.series.values[: self.blocks.train, self.series.target_column]
        return naive_scale(target.astype(np.float64))


def cost_of(graph: Path, forecaster: GraphForecaster, windows: Windows) -> Cost:
    """Weigh a graph and time single forecasts of it, at evenly spaced origins."""
    seconds = []
    for place in np.linspace(0, len(windows) - 1, TIMED).astype(np.int64):
        history, origin = windows.history[[place]], windows.origin_seconds(np.array([place]))
        started = time.perf_counter()
        forecaster(history, origin)
        seconds.append(time.perf_counter() - started)
    return Cost(
        megabytes=graph.stat().st_size / 1e6,
        milliseconds=1e3 * float(np.median(seconds)),
    )


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The version that a candidate has to beat, with its verified graph and card.

    `stand_in` is the version whose graph and card these are, where the champion has seen too
    many rows to be asked itself.
    """

    version: int
    graph: Path
    card: ModelCard
    stand_in: int | None = None

    def reads(self, trial: Trial) -> bool:
        """Say whether the champion can forecast this series at all.

        One that reads other variables, or another window, cannot serve the station's data
        either, and so stands in nobody's way.
        """
        return (
            self.card.variables == trial.series.names
            and self.card.target == trial.series.target
            and (self.card.history, self.card.horizon)
            == (trial.window.history, trial.window.horizon)
            and self.card.levels == trial.levels
        )

    def unseen(self, trial: Trial) -> Windows | None:
        """Return the gate's origins whose every target the champion has not seen either."""
        gate = trial.gate
        first_targets = [trial.series.label(origin + 1).date() for origin in gate.origins]
        seen = sum(day.isoformat() <= self.card.trained_through for day in first_targets)
        if len(gate) - seen < LEAST_SHARED_ORIGINS:
            return None
        return cut(trial.series, trial.window, gate.origins[seen:])
