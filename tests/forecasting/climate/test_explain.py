import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import torch

from forecasting.climate.explain import explain, origin_row
from forecasting.climate.model import LEVELS, ClimateForecaster, Statistics
from forecasting.climate.scaling import fit_climatology, fit_scaler
from forecasting.climate.windows import WindowSpec
from forecasting.errors import ModelInvalid, WindowError
from tests.forecasting.average import Average

WINDOW = WindowSpec(history=10, horizon=3)


@pytest.fixture(scope="module")
def ensemble(make_forecaster):
    return Average(
        [make_forecaster(seed=seed, cell=cell) for seed, cell in enumerate(("gru", "lstm"))]
    )


@pytest.fixture(scope="module")
def forecast(ensemble):
    def run(history, origin):
        with torch.no_grad():
            return ensemble(torch.from_numpy(history), torch.from_numpy(origin)).numpy()

    return run


@pytest.fixture(scope="module")
def series(make_series):
    return make_series(gaps=0.05)


@pytest.fixture(scope="module")
def explanation(forecast, ensemble, series):
    return explain(forecast, ensemble, series, 200)


def test_the_forecast_that_is_explained_is_the_one_made_at_that_row(explanation, forecast, series):
    history = series.values[191:201]

    assert np.array_equal(explanation.history, history, equal_nan=True)
    expected = forecast(history[None], series.seconds[200:201])[0]
    np.testing.assert_array_equal(explanation.quantiles, expected.astype(np.float64))
    assert explanation.labels[-1] == "2012-07-19" == series.label(200).date().isoformat()
    assert explanation.labels[0] == series.label(191).date().isoformat()


def test_everything_of_it_can_be_said_in_json(explanation, series):
    said = json.loads(json.dumps(explanation.to_json(), allow_nan=False))

    assert (said["station"], said["target"], said["unit"]) == ("oslo", series.target, "°C")
    assert said["origin"] == said["time"][-1]
    assert set(said["gates"]) == {"gru", "lstm"}
    assert set(said["gates"]["lstm"]) == {"forget", "input", "output"}
    assert len(said["gates"]["gru"]["update"]["mean"]) == 10
    assert [each["cell"] for each in said["memory"]["members"]] == ["gru", "lstm"]
    assert len(said["forecast"]) == 3
    assert set(said["gradient_norms"]) == {"rnn", "irnn", "lstm", "gru"}
    for method in ("occlusion", "integrated_gradients"):
        parts = said["attribution"][method]
        assert list(parts["share_by_steps_back"]) == ["1-1", "2-3", "4-7", "8-10"]
        for shares in ("share_by_variable", "share_by_steps_back"):
            assert sum(parts[shares].values()) == pytest.approx(1)
        assert sum(parts["share_by_step"]) == pytest.approx(1)
    assert set(said["attribution"]["rank_correlation"]) == {
        "by_variable", "by_day_group", "by_both",
    }  # fmt: skip


def test_nothing_after_the_origin_reaches_gates_or_parts(explanation, forecast, ensemble, series):
    values = series.values.copy()
    values[201:] = 40.0
    other = explain(
        forecast, ensemble, replace(series, values=values, observed=np.isfinite(values)), 200
    )

    np.testing.assert_array_equal(other.attribution.occlusion, explanation.attribution.occlusion)
    np.testing.assert_array_equal(other.attribution.gradients, explanation.attribution.gradients)
    assert other.gating.memory == explanation.gating.memory


def test_hours_are_labelled_to_the_minute(make_series, make_forecaster):
    hourly = make_series(start=datetime(2012, 1, 1, tzinfo=UTC), step=timedelta(hours=1))
    spec = replace(make_forecaster().spec, step_seconds=3600)
    member = ClimateForecaster(
        spec,
        Statistics(
            scaler=fit_scaler(hourly, 300, spec.window.horizon),
            climatology=fit_climatology(hourly, 300),
        ),
    ).eval()

    def run(history, origin):
        with torch.no_grad():
            return member(torch.from_numpy(history), torch.from_numpy(origin)).numpy()

    found = explain(run, Average([member]), hourly, origin_row(hourly, WINDOW, date(2012, 1, 2)))

    assert found.labels[-1] == "2012-01-02T23:00"


def test_a_day_is_found_by_its_last_step_and_the_last_one_when_none_is_named(series):
    assert origin_row(series, WINDOW, None) == len(series) - 1
    assert origin_row(series, WINDOW, date(2012, 1, 10)) == 9


@pytest.mark.parametrize("day", [date(2012, 1, 9), date(2011, 12, 31), date(2020, 1, 1)])
def test_a_day_without_a_whole_history_is_refused_with_the_days_that_have_one(series, day):
    with pytest.raises(WindowError) as refusal:
        origin_row(series, WINDOW, day)

    assert refusal.value.code == "WINDOW_INVALID"
    assert refusal.value.expected == f"a day from 2012-01-10 to {series.end.date()}"
    assert refusal.value.found == day.isoformat()


def test_a_series_shorter_than_a_history_has_no_day_to_explain(make_series):
    with pytest.raises(WindowError, match="expected a longer series"):
        origin_row(make_series(9), WINDOW, None)


@pytest.mark.parametrize("row", [8, 460, -1])
def test_a_row_without_a_whole_history_is_refused(forecast, ensemble, series, row):
    with pytest.raises(WindowError, match="no 10 steps of oslo end there"):
        explain(forecast, ensemble, series, row)


def test_members_that_read_other_columns_are_refused(forecast, ensemble, make_series):
    with pytest.raises(ModelInvalid, match="reads other columns"):
        explain(forecast, ensemble, make_series(variables=1), 200)


def test_a_graph_that_says_more_than_its_members_is_refused(ensemble, series):
    def longer(history, _):
        return np.zeros((len(history), 4, len(LEVELS)), np.float32)

    with pytest.raises(ModelInvalid, match="forecasts otherwise"):
        explain(longer, ensemble, series, 200)
