"""Put one model over several stations beside a model per station, on the gate's own origins.

`python -m benchmarks.pooled [--simulated apart|alike] [--dataset TOML] [--rows N] [--json]`
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from benchmarks.command import answer
from benchmarks.neighbours import simulate
from forecasting.climate.assembling import Assembly, assemble
from forecasting.climate.backtest import Scores, score_points, score_quantiles
from forecasting.climate.baselines import fit_baselines
from forecasting.climate.choosing import shared_losses
from forecasting.climate.fitting import gather
from forecasting.climate.model import LEVELS
from forecasting.climate.pooling import Pool, PooledFitting
from forecasting.climate.recipe import RECIPES, Fitting
from forecasting.climate.series import ClimateSeries
from forecasting.climate.sharing import LEAST_STATIONS, share_out
from forecasting.climate.windows import Blocks, Windows, WindowSpec, cut
from forecasting.errors import SeriesTooShort
from forecasting.settings import Settings
from forecasting.training.machine import one_thread
from pipelines.admitting import accept, admit_files, land_files
from pipelines.catalogue import part_names
from pipelines.commands.output import print_table

WINDOW = WindowSpec(history=60, horizon=7)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the call."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pooled", description=__doc__)
    parser.add_argument("--simulated", choices=("apart", "alike"), default="apart")
    parser.add_argument("--dataset", help="TOML with several stations, instead of simulated ones")
    parser.add_argument("--stations", type=int, default=4)
    parser.add_argument("--rows", type=int, help="the last rows of each station")
    parser.add_argument("--preset", choices=tuple(RECIPES), default="quick")
    parser.add_argument("--cell", default="gru")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def stations_of(asked: argparse.Namespace) -> dict[str, ClimateSeries]:
    """Return the stations: simulated, or admitted by the data checks from a dataset's sources."""
    if asked.dataset is None:
        apart = asked.simulated == "apart"
        return simulate(asked.rows or 1461, asked.stations, asked.seed, apart=apart)
    stations = {}
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        for name, part in part_names(asked.dataset).items():
            if part.further_target is None:
                admission = admit_files(settings, name, land_files(settings, name, []))
                accept(settings, name, admission)
                if admission.series is not None:
                    rows = len(admission.series)
                    first = max(0, rows - (asked.rows or rows))
                    stations[part.place.name] = admission.series.rows(first, rows)
    return stations


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Train one cell both ways and score both at each station.

    Raises:
        SeriesTooShort: fewer than two stations can be pooled.
    """
    one_thread()
    stations = stations_of(asked)
    blocks = {name: Blocks.of(len(series), WINDOW) for name, series in stations.items()}
    recipe = RECIPES[asked.preset]
    shares = share_out(
        {name: (series, blocks[name]) for name, series in stations.items()}, WINDOW, recipe.folds
    )
    if len(shares) < LEAST_STATIONS:
        raise SeriesTooShort("no pool", expected=f"{LEAST_STATIONS} stations", found=len(shares))
    common = {"window": WINDOW, "recipe": recipe, "cell": asked.cell, "seed": asked.seed}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pool = Pool(
            stations={
                name: PooledFitting(
                    series=stations[name],
                    blocks=Blocks(train=share.train, gate=blocks[name].gate),
                    share=share,
                    **common,
                )
                for name, share in shares.items()
            },
            homes={name: folder / "global" / name for name in shares},
        )
        own = {
            name: Fitting(series=stations[name], blocks=blocks[name], **common) for name in shares
        }
        seconds = fit_both(pool, own, folder)
        told = {
            name: compare(
                {
                    "local": assemble(own[name], folder / "local" / name),
                    "global": assemble(pool.stations[name], pool.homes[name]),
                },
                stations[name],
                blocks[name],
            )
            for name in shares
        }
    return {"asked": vars(asked), "seconds": seconds, "stations": told, "ratio": ratios(told)}


def fit_both(pool: Pool, own: Mapping[str, Fitting], folder: Path) -> dict[str, float]:
    """Train the pool, then every station by itself; returns the processor's seconds of each."""
    began = time.process_time()
    for seed in pool.recipe.seeds(pool.seed):
        pool.fit_member(seed, folder / "checkpoints")
    between = time.process_time()
    for name, fitting in own.items():
        for seed in fitting.recipe.seeds(fitting.seed):
            fitting.fit_member(seed, folder / "local" / name)
    return {"global": between - began, "local": time.process_time() - between}


def compare(
    candidates: Mapping[str, Assembly], series: ClimateSeries, blocks: Blocks
) -> dict[str, Any]:
    """Score a station's candidates on its gate block, and tell which one the flow would choose."""
    gate = cut(series, WINDOW, WINDOW.origins(blocks.train, blocks.gate))
    losses = shared_losses({name: each.losses for name, each in candidates.items()})
    scores = {name: scored(each, gate) for name, each in candidates.items()}
    rivals = fit_baselines(series, blocks.train, WINDOW).rivals()
    best = min(score_points(gate, rival(gate)).mean_mae for rival in rivals.values())
    return {
        "held_out": losses,
        "mean_mae": {name: each.mean_mae for name, each in scores.items()},
        "crps": {name: each.crps for name, each in scores.items()},
        "best_rival": best,
        "chosen": min(losses, key=lambda name: losses[name]),
    }


def scored(assembly: Assembly, gate: Windows) -> Scores:
    """Score a blend on the gate block."""
    history, origin, _ = gather(gate, np.arange(len(gate)), torch.device("cpu"))
    with torch.no_grad():
        quantiles = assembly.blend(history, origin).numpy()
    return score_quantiles(gate, quantiles, LEVELS)


def ratios(told: Mapping[str, dict[str, Any]]) -> dict[str, float]:
    """Return the global candidate's numbers over the local one's, averaged over stations."""
    return {
        name: mean(each[name]["global"] / each[name]["local"] for each in told.values())
        for name in ("held_out", "mean_mae", "crps")
    }


def print_comparison(told: dict[str, Any]) -> None:
    """Print both candidates' errors at each station."""
    rows = [
        (
            name,
            *(f"{each[part][kind]:.3f}" for part in ("held_out", "mean_mae", "crps")
              for kind in ("local", "global")),
            f"{each['best_rival']:.3f}",
            each["chosen"],
        )
        for name, each in told["stations"].items()
    ]  # fmt: skip
    heads = ("station", "held out", "global", "MAE", "global", "CRPS", "global", "rival", "chosen")
    print_table("Local, and global beside it", heads, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where something is refused."""
    return answer(parse(arguments), measure, print_comparison)


if __name__ == "__main__":
    sys.exit(main())
