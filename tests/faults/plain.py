"""Run the retraining flow's own body with its steps as plain functions, in this process.

Prefect's engine takes seconds a run and threads that a fork would lose, so that the body of
`pipelines.climate` is run as it stands, with each task replaced by the function that it wraps:
the same steps in the same order. Trainings run here as well instead of in children, so that a
kill takes everything, as a power cut does. Figures are left undrawn: a file of a figure's size is
logged, whose bytes no look reads. Runs through Prefect, with figures, are in `tests.faults.flows`.
"""

import gc
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from mlflow.utils import requirements_utils

from forecasting.climate import gradients
from forecasting.climate.recipe import RECIPES
from forecasting.settings import Settings
from pipelines import climate, explaining, fitting, judging, refitting, telling

#: What a retraining imports late and for seconds: once here, and not once more in the scout.
SLOW = ("data_checks.suite", "torch._dynamo", "mlflow.store.tracking.sqlalchemy_store")

#: Bytes of a figure, in the mean over the five of a retraining.
FIGURE_BYTES = 70_000

#: What draws for a judgement.
FIGURES = ("plot_loss", "plot_predictions", "plot_skill", "plot_residuals")

STEPS = ("land", "admit", "split", "pool", "judge", "refit", "publish", "promote")


@dataclass(frozen=True)
class Done:
    """A training that has ended, as a flow waits for one."""

    value: object

    def result(self, *, raise_on_failure: bool) -> object:
        """Return its folder, or its error as a value."""
        del raise_on_failure
        return self.value


class Undrawn(Figure):
    """Stand for a figure: to draw one takes longer than to train a member."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def savefig(self, fname: str | Path, **_: object) -> None:
        """Write a file of a figure's size."""
        Path(fname).write_bytes(bytes(FIGURE_BYTES))


class Fit:
    """Train at once where the flow submits a training."""

    def submit(self, folder: str, cell: str, label: str = "") -> Done:
        """Train a candidate."""
        del label
        try:
            return Done(str(fit_here(climate.load_settings(), Path(folder), cell, print)))
        except Exception as error:  # noqa: BLE001 - as a flow's step, whatever it is
            return Done(error)


def fit_here(
    settings: Settings, folder: Path, cell: str, watch: Callable[[dict[str, Any]], None]
) -> Path:
    """Do in this process what `fit_beside` lets a child do."""
    del watch
    with redirect_stdout(StringIO()) as said:
        code = fitting.main([str(settings.root), str(folder), cell])
    if code != 0:
        raise fitting.FittingFailed("not trained", found=said.getvalue()[-500:])
    return folder / cell


def silent(*_: object, **__: object) -> None:
    """Take the place of what is only told to a Prefect server."""


def shrink() -> None:
    """Let the preset `quick` name what passes the gate and is trained in seconds.

    Of the explanation, each cell is trained for one epoch instead of ten.
    """
    quick = RECIPES["quick"]
    RECIPES["quick"] = replace(
        quick, cells=("gru",), widths=(32,), dropout=0.0, batch=32, shift=1.0,
        training=replace(quick.training, epochs=4, patience=4, learning_rate=1.2e-2),
    )  # fmt: skip
    gradients.BRIEFLY = replace(gradients.BRIEFLY, epochs=1)


def make_plain() -> None:
    """Let the flow's body call plain functions from now on, in this process and its children."""
    shrink()
    for name in STEPS:
        setattr(climate, name, getattr(climate, name).fn)
    climate.fit = Fit()
    refitting.fit_beside = fit_here
    for name in ("create_markdown_artifact", "create_table_artifact"):
        setattr(climate, name, silent)
    telling.emit_event = silent
    for name in FIGURES:
        setattr(judging.plots, name, Undrawn)
    explaining.plot_explanation = Undrawn


def retrain(dataset: str) -> dict[str, Any]:
    """Run one retraining; returns the decision."""
    return climate.retrain_climate.fn(dataset, (), "quick", 1)


def load(modules: Iterable[str]) -> None:
    """Import what a retraining has imported, so that no trial has to."""
    for name in modules:
        with suppress(Exception):  # a module that only its package may import
            import_module(name)
    # Which package a module is of takes MLflow most of a second to find out, and it remembers.
    requirements_utils._init_packages_to_modules_map()
    # Or each fork's collector would walk over all of it, again and again, and so copy its pages.
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    make_plain()
    retrain(sys.argv[1])
