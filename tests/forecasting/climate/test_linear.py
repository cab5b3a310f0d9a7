"""The regressions in physical units: what they recover, what shifts them, what gaps do."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from forecasting.climate import ridge
from forecasting.climate.linear import fit_linear
from forecasting.climate.scaling import fit_climatology
from forecasting.climate.windows import WindowSpec, cut

SPEC = WindowSpec(history=20, horizon=3)
ROWS = 1500


@pytest.fixture(scope="module")
def weather(make_series):
    return make_series(2000)


def windows_of(series):
    return cut(series, SPEC, SPEC.origins(ROWS, len(series)))


def error(model, series):
    windows = windows_of(series)
    return np.abs(model.at(windows) - windows.target).mean(axis=0)


def moved(series, shift):
    values = series.values.copy()
    values[:, series.target_column] += shift
    return replace(series, values=values)


def test_an_autoregression_is_forecast_nearly_as_well_as_by_who_knows_it(weather):
    windows = windows_of(weather)
    usual = fit_climatology(weather, ROWS)
    labels = windows.origin_seconds(np.arange(len(windows)))
    anomaly = windows.history[:, -1, 0] - usual.at(labels)
    ahead = labels[:, None] + np.arange(1, 4) * 86_400
    known = usual.at(ahead) + anomaly[:, None] * 0.7 ** np.arange(1, 4)
    best = np.abs(known - windows.target).mean()

    assert error(fit_linear(weather, ROWS, SPEC), weather).mean() <= 1.02 * best


def test_a_shift_of_the_climate_moves_the_recentred_forecast_as_far(weather):
    model = fit_linear(weather, ROWS, SPEC, recentred=True)

    before, after = model.at(windows_of(weather)), model.at(windows_of(moved(weather, 5.0)))

    np.testing.assert_allclose(after - before, 5.0, atol=1e-4)


def test_a_shift_misleads_the_one_that_is_prepared_for_it_less(weather):
    far = moved(weather, 6.0)
    plain, prepared = (error(fit_linear(weather, ROWS, SPEC, shift=s), far) for s in (0.0, 3.0))

    assert (prepared < 0.8 * plain).all()


def test_a_few_absurd_days_mislead_it_less_than_least_squares(weather, monkeypatch):
    values = weather.values.copy()
    values[30:ROWS:25, 0] += 60.0
    wrecked = replace(weather, values=values)

    robust = error(fit_linear(wrecked, ROWS, SPEC), weather)
    monkeypatch.setattr(ridge, "REWEIGHTINGS", 0)
    squares = error(fit_linear(wrecked, ROWS, SPEC), weather)

    assert (robust < 0.8 * squares).all()


def test_leads_share_their_weights_and_keep_their_mean_forecast(weather, monkeypatch):
    windows = cut(weather, SPEC, SPEC.origins(0, ROWS))
    shared = fit_linear(weather, ROWS, SPEC)
    monkeypatch.setattr(ridge, "LEAD_WIDTH", 0.0)
    apart = fit_linear(weather, ROWS, SPEC)

    first, second = (model.get_buffer("weights") for model in (shared, apart))
    torch.testing.assert_close(first[:, 0], second[:, 0])
    assert not torch.allclose(first[:, 2], second[:, 2])
    np.testing.assert_allclose(
        shared.at(windows).mean(axis=0), apart.at(windows).mean(axis=0), atol=1e-3
    )


def test_a_lead_that_nothing_is_known_of_gives_and_gets_no_weight():
    kernel = ridge.shared_by_leads(np.array([True, True, False, True]))

    np.testing.assert_allclose(kernel.sum(axis=0), [1, 1, 0, 1])
    np.testing.assert_allclose(kernel[:, 0], [1, 0, 0, 0], atol=1e-12)
    assert not kernel[2].any()
    assert kernel[1, 3] > kernel[0, 3] > 0


def test_windows_that_are_not_usable_change_nothing(weather):
    windows = cut(weather, SPEC, SPEC.origins(0, ROWS))
    usable = np.asarray(windows.origins) < 700
    values = weather.values.copy()
    values[710:ROWS] += 30.0
    other = replace(weather, values=values)

    one, two = (
        fit_linear(series, ROWS, SPEC, recentred=True, usable=usable).get_buffer("usual")
        for series in (weather, other)
    )
    assert not torch.equal(one, two)  # the climatology does read them
    blank = np.where(np.arange(len(values))[:, None] >= 710, np.nan, weather.values)
    held = replace(weather, values=blank.astype(np.float32), observed=np.isfinite(blank))
    again = np.where(np.arange(len(values))[:, None] >= 710, np.nan, values)
    same = replace(weather, values=again.astype(np.float32), observed=np.isfinite(again))
    fits = [fit_linear(each, ROWS, SPEC, usable=usable).weights_of() for each in (held, same)]
    assert fits[0].tobytes() == fits[1].tobytes()


def test_gaps_in_a_history_leave_a_finite_forecast(weather):
    model = fit_linear(weather, ROWS, SPEC)
    history = torch.from_numpy(windows_of(weather).history[:4].copy())
    history[0, -1] = torch.nan
    history[1, -7:] = torch.nan
    history[2] = torch.nan
    history[3, :, 1] = torch.nan

    with torch.no_grad():
        forecast = model(history, torch.zeros(4, dtype=torch.int64))

    assert torch.isfinite(forecast).all()


def test_without_any_known_target_the_usual_course_is_left(weather):
    nothing = np.zeros(len(cut(weather, SPEC, SPEC.origins(0, ROWS))), dtype=np.bool_)
    model = fit_linear(weather, ROWS, SPEC, usable=nothing)
    usual, windows = fit_climatology(weather, ROWS), windows_of(weather)
    ahead = windows.origin_seconds(np.arange(len(windows)))[:, None] + np.arange(1, 4) * 86_400

    np.testing.assert_allclose(model.at(windows), usual.at(ahead), atol=1e-3)


def test_a_history_as_short_as_the_short_mean_leaves_no_weight_on_rounding(make_series):
    series = make_series(steps=460)
    model = fit_linear(series, 380, WindowSpec(history=8, horizon=2), recentred=True)
    assert model.get_buffer("weights").abs().max() < 10
