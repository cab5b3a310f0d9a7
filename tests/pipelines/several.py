"""Two stations in one file, made from the packaged Seattle record, and the flow without Prefect."""

import csv
import importlib.util
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from forecasting.climate.checks import Limits
from forecasting.climate.gate import judge
from forecasting.climate.recipe import RECIPES
from forecasting.errors import GatecastError
from pipelines import climate, explaining, fitting, judging, telling

TEMP, WIND = "temperature_2m_mean", "wind_speed_10m_mean"

DECLARATION = """
name = "sound"
history = 8
horizon = 2
target = ["temperature_2m_mean", "wind_speed_10m_mean"]
source = { kind = "csv", paths = ["sound.csv"] }
station_column = "station"
[stations.seatac]
label = "SEA"
latitude = 47.4
longitude = -122.3
timezone = "America/Los_Angeles"
elevation = 131
[stations.tacoma]
latitude = 47.2
longitude = -122.4
timezone = "America/Los_Angeles"
[columns]
temp = { variable = "temperature_2m_mean", unit = "°C", stuck_days = 9 }
wind = { variable = "wind_speed_10m_mean", unit = "m/s", stuck_days = 9 }
"""

#: Rows of each station: a train block of more than a year, and the least gate.
ROWS = 640

#: The flow's steps that are plain functions here.
STEPS = ("land", "admit", "split", "pool", "judge", "refit", "publish", "promote", "rehearse")

#: A gate that lets everything sound through: what it asks of forecasts is tested elsewhere.
LENIENT = Limits(significance=1.0, margin=9.0, band_80=1.0, band_95=1.0)


def write_sound(folder, *, rows=ROWS, tacoma=True):
    """Write the two stations' file and its declaration; returns the TOML's path."""
    package = importlib.util.find_spec("vega_datasets").submodule_search_locations[0]
    with (Path(package) / "_data/seattle-weather.csv").open() as file:
        record = list(csv.DictReader(file))[:rows]
    rng = np.random.default_rng(2)
    lines = ["date,station,temp,wind"]
    for label, warmer, windier in (("SEA", 0.0, 1.0), ("tacoma", 2.5, 1.4)):
        for row in record if label == "SEA" or tacoma else ():
            temp = (float(row["temp_max"]) + float(row["temp_min"])) / 2 + warmer
            temp, wind = temp + rng.normal(0, 0.5), windier * float(row["wind"])
            lines.append(f"{row['date'].replace('/', '-')},{label},{temp:.2f},{wind:.2f}")
    (folder / "sound.csv").write_text("\n".join(lines) + "\n")
    path = folder / "sound.toml"
    path.write_text(DECLARATION)
    return path


class Ended:
    """What a step's future gives once it has ended: its result, or its error as a value."""

    def __init__(self, outcome):
        self.outcome = outcome

    def result(self, *, raise_on_failure):
        assert not raise_on_failure
        return self.outcome


class Fit:
    """The step that trains, in this process and at once; remembers what it was asked for."""

    def __init__(self):
        self.asked = []

    def beside(self, settings, folder, cell, _watch):
        """Do as `fit_beside` does, in this process."""
        with redirect_stdout(StringIO()):
            assert fitting.main([str(settings.root), str(folder), cell]) == 0
        return Path(folder) / cell

    def submit(self, folder, cell, label):
        self.asked.append((Path(folder).name.rpartition("-")[0], f"{label}{cell}"))
        root = Path(folder).parents[1]
        with redirect_stdout(StringIO()):
            code = fitting.main([str(root), folder, cell])
        if code == 0:
            return Ended(str(Path(folder) / cell))
        return Ended(fitting.FittingFailed(f"candidate {cell} was not trained"))


@contextmanager
def without_prefect():
    """Let the flow's steps be plain functions, its candidates tiny and its gate lenient."""
    tiny = replace(
        RECIPES["quick"], cells=("gru",), widths=(4,), head=4, pooled_windows=256,
        training=replace(RECIPES["quick"].training, epochs=2),
    )  # fmt: skip
    events, fit = [], Fit()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "quick", tiny)
        for step in STEPS:
            patch.setattr(climate, step, getattr(climate, step).fn)
        patch.setattr(climate, "fit", fit)
        patch.setattr(climate, "create_markdown_artifact", lambda **_: None)
        patch.setattr(climate, "create_table_artifact", lambda **_: None)
        patch.setattr(telling, "emit_event", lambda **told: events.append(told))
        patch.setattr(judging, "log_plots", lambda *_: None)
        patch.setattr(explaining, "log_candidate", lambda *_: None)
        patch.setattr(judging, "judge", partial(judge, limits=LENIENT))
        yield events, fit


def retrain(toml, **others):
    """Run the flow's own function."""
    return climate.retrain_climate.fn(str(toml), preset="quick", seed=1, **others)


def refused(toml, **others):
    """Run the flow's own function and return its refusal."""
    with pytest.raises(GatecastError) as refusal:
        retrain(toml, **others)
    return refusal.value
