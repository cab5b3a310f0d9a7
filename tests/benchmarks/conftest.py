"""A small made-up station with its contest, and the number of torch threads given back."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from benchmarks.protocol import lay_out
from forecasting.climate.recipe import RECIPES
from forecasting.climate.series import ClimateSeries, Station, Variable
from forecasting.climate.windows import WindowSpec

WINDOW = WindowSpec(history=10, horizon=3)


def make_station(rows=500, *, gaps=()):
    """A year's wave with noise that fades, and a wind that says nothing."""
    rng = np.random.default_rng(3)
    noise = np.convolve(rng.normal(size=rows + 9), 0.7 ** np.arange(10), mode="valid")
    target = 10 + 12 * np.sin(np.arange(rows) * 2 * np.pi / 365.2425) + 1.5 * noise
    values = np.column_stack([target, rng.normal(5, 1, rows)]).astype(np.float32)
    for row, column in gaps:
        values[row, column] = np.nan
    return ClimateSeries(
        station=Station(name="bergen", latitude=60.4, longitude=5.3, timezone="Europe/Oslo"),
        variables=(
            Variable(name="temperature_2m_mean", unit="°C", lower=-40, upper=60),
            Variable(name="wind_speed_10m_mean", unit="m/s", lower=-10, upper=60),
        ),
        target="temperature_2m_mean",
        start=datetime(2012, 1, 1, tzinfo=UTC),
        values=values,
        observed=np.isfinite(values),
    )


@pytest.fixture(scope="session")
def protocol():
    """Twenty origins after 400 rows."""
    return lay_out("bergen", make_station(gaps=[(7, 0), (405, 1)]), WINDOW, (400, 20))


@pytest.fixture(scope="session")
def tiny():
    """A recipe that is trained in a second."""
    quick = RECIPES["quick"]
    return replace(quick, cells=("gru",), widths=(4,), training=replace(quick.training, epochs=1))


@pytest.fixture(scope="session", autouse=True)
def torch_threads():
    """Contests set torch to one thread; another suite in this process has its own again."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
