"""Ask Gatecast where the truth is known: `python -m benchmarks.simulated [--json]`.

Two made-up stations. On a random walk nothing beats persistence by more than luck, and the gate
must say so; where anomalies follow a linear law, nothing beats the regression that knows its form.
Exit codes: 0 done, 1 refused, 2 the call was wrong.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.command import answer, positive
from benchmarks.product import fit_graph
from forecasting.climate.candidate import Trial
from forecasting.climate.gate import Verdict, judge
from forecasting.climate.model import LEVELS
from forecasting.climate.recipe import RECIPES, Recipe
from forecasting.climate.series import ClimateSeries, Station, Variable
from forecasting.climate.windows import Blocks, WindowSpec
from pipelines.commands.output import print_line

#: Rows to fit on (three years, as for Delhi), and origins to judge on: more than a real
#: station has, so that chance moves a ratio by less than what is promised.
TRAIN, ORIGINS = 1096, 1000

WINDOW = WindowSpec(history=60, horizon=7)

#: What an anomaly keeps of itself, and takes of the covariate's, in a day.
KEPT, TAKEN = 0.7, 0.6


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A made-up station: how it is drawn, who is right there, and how near Gatecast must come."""

    draw: Callable[[np.random.Generator, int], NDArray[np.float64]]
    right: str
    most: float


def random_walk(rng: np.random.Generator, rows: int) -> NDArray[np.float64]:
    """Draw a target that only ever adds a step, and a wind that says nothing: (rows, 2)."""
    return np.column_stack([12 + np.cumsum(rng.normal(0.0, 0.6, rows)), rng.normal(5, 1, rows)])


def autoregression(rng: np.random.Generator, rows: int) -> NDArray[np.float64]:
    """Draw a yearly wave whose anomalies follow themselves and a covariate: (rows, 2)."""
    anomaly, wind = np.zeros(rows), np.zeros(rows)
    shocks = rng.normal(size=(rows, 2)) * [1.5, 1.0]
    for day in range(1, rows):
        wind[day] = 0.8 * wind[day - 1] + shocks[day, 1]
        anomaly[day] = KEPT * anomaly[day - 1] + TAKEN * wind[day - 1] + shocks[day, 0]
    wave = 10 + 12 * np.sin(np.arange(rows) * 2 * np.pi / 365.2425)
    return np.column_stack([wave + anomaly, 5 + wind])


TRUTHS = {
    "random_walk": Truth(draw=random_walk, right="persistence", most=1.01),
    "autoregression": Truth(draw=autoregression, right="linear_on_anomalies", most=1.02),
}


def made_up(name: str, seed: int, rows: int) -> ClimateSeries:
    """Return a station of one of the truths."""
    values = TRUTHS[name].draw(np.random.default_rng(seed), rows).astype(np.float32)
    return ClimateSeries(
        station=Station(name=name.replace("_", "-"), latitude=0.0, longitude=0.0, timezone="UTC"),
        variables=(
            Variable(name="temperature_2m_mean", unit="°C", lower=-1e3, upper=1e3),
            Variable(name="wind_speed_10m_mean", unit="m/s", lower=-1e3, upper=1e3),
        ),
        target="temperature_2m_mean",
        start=datetime(2012, 1, 1, tzinfo=UTC),
        values=values,
        observed=np.isfinite(values),
    )


def ask(name: str, seed: int, origins: int, recipe: Recipe) -> dict[str, Any]:
    """Fit on a made-up station, judge on all that follows; returns the errors and the verdict."""
    series = made_up(name, seed, TRAIN + origins + WINDOW.horizon - 1)
    blocks = Blocks(train=TRAIN, gate=len(series))
    with tempfile.TemporaryDirectory() as folder:
        graph = fit_graph(series.rows(0, TRAIN), WINDOW, recipe, Path(folder))
        trial = Trial(series=series, window=WINDOW, blocks=blocks, levels=LEVELS)
        verdict = judge(trial.evidence(graph, champion=None))
    return told(name, seed, verdict)


def told(name: str, seed: int, verdict: Verdict) -> dict[str, Any]:
    """Return what the benchmark prints of one made-up station."""
    truth, evidence = TRUTHS[name], verdict.evidence
    right = evidence.rivals[truth.right]
    better = [check for check in verdict.checks if check.name.startswith("significantly better")]
    return {
        "seed": seed,
        "right": truth.right,
        "gatecast_mae": evidence.candidate.mean_mae,
        "right_mae": right.mean_mae,
        "ratio": evidence.candidate.mean_mae / right.mean_mae,
        "most": truth.most,
        "promoted": verdict.promoted,
        "significantly_better_than": [
            check.name.removeprefix("significantly better than ")
            for check in better
            if check.passed
        ],
        "coverage_80_by_lead": list(evidence.candidate.coverage_80_by_lead or ()),
        "origins": evidence.candidate.origins,
    }


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a wrong one ends the program with 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulated", description=__doc__)
    parser.add_argument("--truth", nargs="+", choices=list(TRUTHS), default=list(TRUTHS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="the stations'")
    parser.add_argument("--origins", type=positive, default=ORIGINS, help="to judge on")
    parser.add_argument("--preset", choices=list(RECIPES), default="default")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Ask every station that the command line names, with the progress on standard error."""
    recipe = RECIPES[asked.preset]
    with Console(stderr=True).status("") as status:
        found: dict[str, Any] = {}
        for name in asked.truth:
            found[name] = []
            for seed in asked.seeds:
                status.update(f"{name}, seed {seed}")
                found[name].append(ask(name, seed, asked.origins, recipe))
    return {"recipe": recipe.name, "train_rows": TRAIN, "stations": found}


def print_ratios(found: dict[str, Any]) -> None:
    """Print a line a station."""
    for name, stations in found["stations"].items():
        for each in stations:
            better = ", ".join(each["significantly_better_than"]) or "nobody"
            print_line(
                f"{name}, seed {each['seed']}: {each['ratio']:.4f} of {each['right']} "
                f"(at most {each['most']:g}); better than {better} by more than luck"
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where something is refused."""
    return answer(parse(arguments), measure, print_ratios)


if __name__ == "__main__":
    sys.exit(main())
