"""Decide whether a model trained again on all rows may stand for the one that was judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.climate.backtest import Scores
from forecasting.climate.candidate import Trial, cost_of
from forecasting.climate.checks import Check, affordable, sound
from forecasting.climate.export import GraphForecaster
from forecasting.climate.gate import LIMITS
from forecasting.climate.selftest import question


@dataclass(frozen=True, kw_only=True)
class RefitLimits:
    """How far a refit may be from the judged version on the gate block.

    Args:
        distance: largest mean absolute difference between their medians, as a share of the
            judged version's mean MAE.
        worse: how much larger its mean MAE may be, as a share. It has been trained on these
            rows, so a larger error there means that the training went wrong.
    """

    distance: float = 0.5
    worse: float = 0.05


@dataclass(frozen=True, kw_only=True)
class RefitVerdict:
    """Whether the refit is promoted in the judged version's place, and why."""

    accepted: bool
    sentence: str
    checks: tuple[Check, ...] = ()


def judge_refit(
    trial: Trial, judged: Path, refit: Path, limits: RefitLimits = RefitLimits()
) -> RefitVerdict:
    """Compare two graphs on the gate block of the trial in which the first one was judged."""
    forecaster, gate = GraphForecaster(refit), trial.gate
    ours, theirs = forecaster.at(gate), GraphForecaster(judged).at(gate)
    middle = trial.levels.index(0.5)
    distance = float(np.abs(ours[..., middle] - theirs[..., middle]).mean())
    selftest = question(forecaster, trial.series, trial.window, trial.blocks.train, gate.origins)
    checks = (
        *_near(distance, trial.score(gate, ours), trial.score(gate, theirs), limits),
        *sound(selftest, LIMITS),
        *affordable(cost_of(refit, forecaster, gate), LIMITS),
    )
    return RefitVerdict(
        accepted=all(check.passed for check in checks), sentence=_sentence(checks), checks=checks
    )


def _near(distance: float, refit: Scores, judged: Scores, limits: RefitLimits) -> Iterator[Check]:
    """Require that both say about the same; a number that is NaN is too far."""
    most = limits.distance * judged.mean_mae
    yield Check(
        name="near what was judged",
        passed=distance <= most,
        required=f"medians at most {most:.4f} apart in the mean, {limits.distance:.0%} of its MAE",
        found=f"{distance:.4f}",
    )
    worst = judged.mean_mae * (1 + limits.worse)
    yield Check(
        name="no worse than what was judged",
        passed=refit.mean_mae <= worst,
        required=f"mean MAE at most {worst:.4f}, on rows that the refit has seen",
        found=f"{refit.mean_mae:.4f}",
    )


def _sentence(checks: tuple[Check, ...]) -> str:
    failed = [
        f"not {check.name} (required {check.required}, found {check.found})"
        for check in checks
        if not check.passed
    ]
    if failed:
        return f"The refit on all rows was refused: {'; '.join(failed)}."
    near, error = checks[:2]
    return (
        f"The refit on all rows takes the judged version's place: medians {near.found} apart in "
        f"the mean on the gate block, mean MAE {error.found} there, on rows that it has seen."
    )
