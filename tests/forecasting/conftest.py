"""Small builders of the domain: a made-up station's series, and one tiny forecaster for all."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from forecasting.climate.assembling import assemble
from forecasting.climate.export import write_graph
from forecasting.climate.model import ClimateForecaster, ForecasterSpec, Statistics
from forecasting.climate.recipe import Fitting, Recipe
from forecasting.climate.scaling import fit_climatology, fit_scaler
from forecasting.climate.series import DAY, ClimateSeries, Station, Variable
from forecasting.climate.windows import Blocks, WindowSpec
from forecasting.training.exporting import write_weights
from forecasting.training.loop import TrainingSpec
from forecasting.training.machine import one_thread

OSLO = Station(name="oslo", latitude=59.9, longitude=10.7, timezone="Europe/Oslo")
VARIABLES = (
    Variable(name="temperature_2m_mean", unit="°C", lower=-60, upper=60),
    Variable(name="wind_speed_10m_mean", unit="m/s", lower=0, upper=60),
)
WINDOW = WindowSpec(history=10, horizon=3)
BLOCKS = Blocks(train=380, gate=460)


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread():
    before = torch.get_num_threads()
    one_thread()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def series_of():
    """Build a series from columns of numbers; NaN is a gap."""

    def build(*columns, start=datetime(2012, 1, 1, tzinfo=UTC), step=DAY):
        values = np.column_stack(columns).astype(np.float32)
        return ClimateSeries(
            station=OSLO,
            variables=VARIABLES[: values.shape[1]],
            target=VARIABLES[0].name,
            start=start,
            values=values,
            observed=np.isfinite(values),
            step=step,
        )

    return build


@pytest.fixture(scope="session")
def make_series(series_of):
    """Build plausible weather: a yearly course, weather that lingers, and some gaps."""

    def build(steps=BLOCKS.gate, *, seed=0, gaps=0.0, variables=2, **others):
        rng = np.random.default_rng(seed)
        weather = np.zeros(steps)
        for day in range(1, steps):
            weather[day] = 0.7 * weather[day - 1] + rng.normal(0.0, 2.0)
        course = 12 + 9 * np.sin(2 * np.pi * np.arange(steps) / 365.25)
        columns = [course + weather, 5 + rng.gamma(2.0, 1.0, steps)][:variables]
        for column in columns:
            column[rng.random(steps) < gaps] = np.nan
        return series_of(*columns, **others)

    return build


@pytest.fixture(scope="session")
def make_forecaster(make_series):
    """Build an untrained forecaster whose every weight is drawn with the seed."""

    def build(*, cell="gru", seed=0, variables=2, scale=0.5, **changes):
        series = make_series(variables=variables)
        spec = ForecasterSpec(
            cell=cell, widths=(5,), variables=variables, target=0, window=WINDOW,
            step_seconds=86_400, head=4,
        )  # fmt: skip
        model = ClimateForecaster(
            replace(spec, **changes),
            Statistics(
                scaler=fit_scaler(series, BLOCKS.train, WINDOW.horizon),
                climatology=fit_climatology(series, BLOCKS.train),
            ),
        )
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in model.parameters():
                weight.normal_(0.0, scale, generator=generator)
        return model.eval()

    return build


@pytest.fixture(scope="session")
def make_fitting(make_series):
    """Build a candidate's work that is done in a second: four members of a few weights."""

    def build(*, series=None, seed=1, epochs=3, cell="gru", folds=2, **training):
        spec = TrainingSpec(epochs=epochs, learning_rate=1e-2, seed=0, **training)
        return Fitting(
            series=make_series(gaps=0.03) if series is None else series,
            window=WINDOW,
            blocks=BLOCKS,
            recipe=Recipe(name="tiny", folds=folds, widths=(4,), head=4, training=spec),
            cell=cell,
            seed=seed,
        )

    return build


@pytest.fixture(scope="session")
def trained(make_fitting, tmp_path_factory):
    """The one trained ensemble that many tests look at: its work and its folder."""
    fitting, folder = make_fitting(), tmp_path_factory.mktemp("trained")
    for seed in fitting.recipe.seeds(fitting.seed):
        fitting.fit_member(seed, folder)
    return fitting, folder


@pytest.fixture(scope="session")
def exported(trained):
    """The trained ensemble as it would be published: the folder with graph and weights."""
    fitting, folder = trained
    blend = assemble(fitting, folder).blend
    write_graph(blend, WINDOW, len(fitting.series.variables), folder / "model.onnx")
    write_weights(blend, folder / "weights.safetensors")
    return folder
