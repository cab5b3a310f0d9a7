"""Let every model forecast the same origins, score them alike, and name the best rival."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.networks import networks, simple_rivals
from benchmarks.outside import RIVALS, answers_of, ask
from benchmarks.product import fit_gatecast
from benchmarks.protocol import Protocol
from benchmarks.rivals.exchange import Answer
from forecasting.climate.backtest import Scores, score_points, score_quantiles
from forecasting.climate.baselines import fit_baselines
from forecasting.climate.model import LEVELS
from forecasting.climate.recipe import RECIPES, Recipe
from forecasting.climate.rolling import Fit, Forecaster, roll
from forecasting.climate.series import ClimateSeries
from forecasting.training.machine import one_thread

OURS = "gatecast"

#: The rivals' seed.
SEED = 0

#: What is told of each model, beside the seconds of its fit.
TOLD = (
    "mae_by_lead",
    "mean_mae",
    "rmse_by_lead",
    "crps",
    "coverage_80_by_lead",
    "coverage_95_by_lead",
    "width_80_by_lead",
    "width_95_by_lead",
)


@dataclass(frozen=True, kw_only=True)
class Contest:
    """A protocol, the recipe that Gatecast brings, and the rivals' interpreter, if they are asked.

    `watch` is told the name of what runs next.
    """

    protocol: Protocol
    watch: Callable[[str], None]
    recipe: Recipe = RECIPES["default"]
    python: Path | None = None

    def run(self) -> dict[str, Any]:
        """Ask every model; returns what the benchmark prints."""
        models = {
            name: told(self.protocol, answer)
            for name, answer in (self.inside() | self.outside()).items()
        }
        best = best_rival(models)
        return {
            "dataset": self.protocol.dataset,
            "models": models,
            "best_rival": best,
            "ratio_to_best_rival": models[OURS]["mean_mae"] / models[best]["mean_mae"],
            "protocol": self.protocol.to_json() | {"recipe": self.recipe.name, "seed": SEED},
        }

    def inside(self) -> dict[str, Answer]:
        """Ask Gatecast and every rival that needs nothing but the product's own packages."""
        one_thread()
        protocol = self.protocol
        names = fit_baselines(protocol.series, protocol.train, protocol.window).rivals()
        fits = simple_rivals(protocol.window, names) | networks(protocol.window)
        answers = {OURS: self._ask(OURS, self._ours, LEVELS)}
        return answers | {name: self._ask(name, fit, None) for name, fit in fits.items()}

    def outside(self) -> dict[str, Answer]:
        """Ask the rivals of the other environment; nothing where they were not asked for."""
        answers: dict[str, Answer] = {}
        if self.python is not None:
            question = ask(self.protocol, SEED)
            for rival in RIVALS:
                self.watch(rival)
                answers |= answers_of(rival, question, self.python)
        return answers

    def _ours(self, series: ClimateSeries, rows: int) -> Forecaster:
        return fit_gatecast(series, self.protocol.window, rows, self.recipe)

    def _ask(self, name: str, fit: Fit, levels: tuple[float, ...] | None) -> Answer:
        """Fit a model and roll it over the origins; it never holds a row after one."""
        self.watch(name)
        seconds = 0.0

        def timed(series: ClimateSeries, rows: int) -> Forecaster:
            nonlocal seconds
            began = time.perf_counter()
            forecaster = fit(series, rows)
            seconds = time.perf_counter() - began
            return forecaster

        protocol = self.protocol
        rolled = roll(protocol.series, protocol.window, protocol.origins, timed)
        return Answer(forecast=rolled.forecast, fit_seconds=seconds, levels=levels)


def told(protocol: Protocol, answer: Answer) -> dict[str, Any]:
    """Score an answer; what a point forecast does not state is None."""
    scores = score(protocol, answer).to_json()
    return {name: finite(scores[name]) for name in TOLD} | {
        "fit_seconds": round(answer.fit_seconds, 3)
    }


def score(protocol: Protocol, answer: Answer) -> Scores:
    """Score an answer on the origins' known targets."""
    if answer.levels is None:
        return score_points(protocol.windows, answer.forecast)
    return score_quantiles(protocol.windows, answer.forecast, answer.levels)


def finite(number: Any) -> Any:  # noqa: ANN401 - one of the kinds of number that scores hold
    """Return None for what is not a finite number: JSON has no NaN."""
    if isinstance(number, tuple):
        return [finite(each) for each in number]
    return number if number is not None and math.isfinite(number) else None


def best_rival(models: dict[str, dict[str, Any]]) -> str:
    """Return the rival with the least mean error over the leads."""
    errors = {
        name: model["mean_mae"]
        for name, model in models.items()
        if name != OURS and model["mean_mae"] is not None
    }
    return min(errors, key=lambda name: errors[name])
