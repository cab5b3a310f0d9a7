"""Calendar, scale, quantiles: what holds for every label, every series, every weight."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecasting.climate import calendar
from forecasting.climate.baselines import fit_baselines
from forecasting.climate.blending import Blend, BlendWeights
from forecasting.climate.model import ClimateForecaster, ForecasterSpec, Statistics
from forecasting.climate.scaling import SIGMA_FLOOR, fit_climatology, fit_scaler
from forecasting.climate.windows import WindowSpec
from tests.properties.stations import series_of

#: Every second from the year 1700 to the year 2300.
labels = st.lists(st.integers(-8_520_336_000, 10_413_792_000), min_size=1, max_size=20)
sizes = st.floats(0.01, 1e4)
HORIZON, STEPS = 3, 80
WINDOW = WindowSpec(history=6, horizon=HORIZON)


@st.composite
def weather(draw):
    """Two columns of any size with gaps; the first step is known."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.normal(0.0, draw(sizes), (STEPS, 2)).astype(np.float32)
    values[rng.random((STEPS, 2)) < draw(st.floats(0, 0.9))] = np.nan
    values[0] = 1.0
    return values


def fitted_bytes(series, rows):
    """Everything that is fitted on a train block, bit by bit."""
    scaler, usual = fit_scaler(series, rows, HORIZON), fit_climatology(series, rows)
    rivals = fit_baselines(series, rows, WINDOW)
    numbers = [scaler.mean, scaler.deviation, scaler.spread]
    numbers += [np.array(usual.intercept), usual.weights, rivals.damping]
    numbers += [each.weights_of() for each in (rivals.linear, rivals.shifted, rivals.recentred)]
    return b"".join(number.tobytes() for number in numbers)


@pytest.mark.parametrize("step", [3_600, 86_400])
@given(seconds=labels)
def test_the_calendar_in_the_graph_is_the_calendar_in_numpy(step, seconds):
    numbers = np.array(seconds, dtype=np.int64)

    in_graph = calendar.around(torch.from_numpy(numbers), torch.zeros(1, dtype=torch.int64), step)[
        :, 0
    ]

    assert in_graph.dtype == torch.float32
    assert in_graph.shape == (len(seconds), calendar.width(step))
    # Half a turn is 3e-7 of float32's precision away from exact; the law allows ten of those.
    np.testing.assert_allclose(in_graph.numpy(), calendar.design(numbers, step), atol=3e-6)


@given(values=weather(), others=weather(), rows=st.integers(10, STEPS - 1))
def test_what_is_fitted_depends_on_the_train_block_only(values, others, rows):
    changed = np.concatenate([values[:rows], others[rows:]])

    assert fitted_bytes(series_of(changed), rows) == fitted_bytes(series_of(values), rows)


@given(values=weather(), rows=st.integers(10, STEPS - 1))
def test_what_is_fitted_depends_on_the_whole_train_block(values, rows):
    values[rows - 1] = 5.0
    changed = values.copy()
    changed[rows - 1, 0] += 100.0

    assert fitted_bytes(series_of(changed), rows) != fitted_bytes(series_of(values), rows)


@given(values=weather(), rows=st.integers(10, STEPS - 1))
def test_no_scale_is_below_its_floor(values, rows):
    scaler = fit_scaler(series_of(values), rows, HORIZON)

    for scale in (scaler.deviation, scaler.spread):
        assert np.isfinite(scale).all()
        assert (scale >= SIGMA_FLOOR).all()


@given(
    values=weather(),
    seed=st.integers(0, 2**31),
    size=st.floats(0.0, 1e3),
    cell=st.sampled_from(["lstm", "gru"]),
    members=st.integers(1, 3),
)
def test_quantiles_never_cross_for_any_weights_and_inputs(values, seed, size, cell, members):
    spec = ForecasterSpec(
        cell=cell, widths=(3,), variables=2, target=0, head=3,
        window=WINDOW, step_seconds=86_400,
    )  # fmt: skip
    series = series_of(values)
    rivals = fit_baselines(series, 40, WINDOW)
    known = Statistics(
        scaler=fit_scaler(series, 40, HORIZON),
        climatology=rivals.climatology,
        linear=rivals.recentred,
    )
    mixed = replace(
        BlendWeights.even(spec),
        offsets=np.random.default_rng(seed).normal(0, size, (HORIZON, len(spec.levels))),
    )
    ensemble = Blend([ClimateForecaster(spec, known) for _ in range(members)], rivals, mixed).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in ensemble.parameters():
            weight.normal_(0.0, size, generator=generator)
        history = torch.from_numpy(values[40:76].reshape(6, 6, 2))
        quantiles = ensemble(history, torch.arange(6) * 86_400)

    assert torch.isfinite(quantiles).all()
    assert (quantiles.diff(dim=-1) >= 0).all()
