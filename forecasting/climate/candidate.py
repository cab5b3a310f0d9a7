"""Judge a candidate by the graph that would be served: forecast every origin, gather evidence."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from forecasting.climate.backtest import Scores, score_points, score_quantiles
from forecasting.climate.baselines import fit_baselines
from forecasting.climate.export import GraphForecaster
from forecasting.climate.gate import Evidence
from forecasting.climate.selftest import question
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Blocks, Windows, WindowSpec, cut
from forecasting.stores.published import ModelCard

#: Fewest origins on which a candidate may be said to be better than the champion.
LEAST_SHARED_ORIGINS = 60


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The series, how it is cut, and the levels: what every candidate of a run is judged on."""

    series: ClimateSeries
    window: WindowSpec
    blocks: Blocks
    levels: tuple[float, ...]

    @property
    def calibration(self) -> Windows:
        """The origins on which a candidate is chosen."""
        origins = self.window.origins(self.blocks.train, self.blocks.train)
        return cut(self.series, self.window, origins)

    @property
    def gate(self) -> Windows:
        """The origins on which it is judged, never used for training or choosing."""
        origins = self.window.origins(self.blocks.train, self.blocks.gate)
        return cut(self.series, self.window, origins)

    @property
    def trained_through(self) -> str:
        """The date of the last row that any choice has seen."""
        return self.series.label(self.blocks.train - 1).date().isoformat()

    def choose_by(self, graph: Path) -> float:
        """Return the pinball loss on the calibration block; the least is chosen."""
        quantiles = GraphForecaster(graph).at(self.calibration)
        loss = score_quantiles(self.calibration, quantiles, self.levels).pinball
        return float("inf") if loss is None or not np.isfinite(loss) else loss

    def rivals(self) -> dict[str, Scores]:
        """Score every simple rival on the gate's origins; fitted on the train block."""
        rivals = fit_baselines(self.series, self.blocks.train, self.window.horizon).rivals()
        gate = self.gate
        return {name: score_points(gate, rival(gate)) for name, rival in rivals.items()}

    def evidence(self, graph: Path, champion: "Champion | None") -> Evidence:
        """Gather everything the gate looks at."""
        forecaster = GraphForecaster(graph)
        gate = self.gate
        quantiles = forecaster.at(gate)
        selftest = question(forecaster, self.series, self.window, self.blocks.train, gate.origins)
        evidence = Evidence(
            candidate=score_quantiles(gate, quantiles, self.levels),
            rivals=self.rivals(),
            selftest=selftest,
        )
        if champion is None or not champion.reads(self):
            return evidence
        shared = champion.unseen(self)
        if shared is None:
            return replace(evidence, champion_version=champion.version)
        theirs = GraphForecaster(champion.graph).at(shared)
        return replace(
            evidence,
            champion_version=champion.version,
            champion=score_quantiles(shared, theirs, self.levels),
            against_champion=score_quantiles(shared, forecaster.at(shared), self.levels),
        )


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The version that a candidate has to beat, with its verified graph and card."""

    version: int
    graph: Path
    card: ModelCard

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
