"""Fit Gatecast as `retrain` does: the default recipe, each cell in a process of its own."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from forecasting.climate.assembling import assemble
from forecasting.climate.export import GraphForecaster, write_graph
from forecasting.climate.recipe import RECIPES, SEED, Fitting, Recipe
from forecasting.climate.rolling import Forecaster
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Blocks, WindowSpec
from forecasting.training.machine import one_thread

#: Processes at once: two cells, and two cores on the machine of the published figures.
PROCESSES = 2


@dataclass(frozen=True, kw_only=True)
class Work:
    """One cell's fitting, and the folder in which its members and its graph are left."""

    fitting: Fitting
    folder: Path

    @property
    def graph(self) -> Path:
        """Where the cell's graph is written."""
        return self.folder / f"{self.fitting.cell}.onnx"


def fit_gatecast(
    series: ClimateSeries, window: WindowSpec, rows: int, recipe: Recipe = RECIPES["default"]
) -> Forecaster:
    """Fit the recipe on the first rows of a series, with no block kept back for a gate.

    The contest's own rows are the gate; held-out origins among the train rows choose the cell.
    """
    with tempfile.TemporaryDirectory() as folder:
        return GraphForecaster(fit_graph(series.rows(0, rows), window, recipe, Path(folder))).at


def fit_graph(series: ClimateSeries, window: WindowSpec, recipe: Recipe, folder: Path) -> Path:
    """Fit the recipe on all rows of a series; returns the chosen cell's graph, in the folder."""
    blocks = Blocks(train=len(series), gate=len(series))
    works = [
        Work(
            fitting=Fitting(
                series=series, window=window, blocks=blocks, recipe=recipe, cell=cell, seed=SEED
            ),
            folder=folder / cell,
        )
        for cell in recipe.cells
    ]
    losses = fit_cells(works)
    return works[losses.index(min(losses))].graph


def fit_cells(works: Sequence[Work]) -> list[float]:
    """Fit the cells side by side; returns their losses at held-out origins."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        return list(pool.map(fit_cell, works))


def fit_cell(work: Work) -> float:
    """Train every member of a cell on one thread and export the blend; returns its loss."""
    one_thread()
    fitting = work.fitting
    for seed in fitting.recipe.seeds(fitting.seed):
        fitting.fit_member(seed, work.folder)
    assembly = assemble(fitting, work.folder)
    write_graph(assembly.blend, fitting.window, len(fitting.series.variables), work.graph)
    return assembly.loss
