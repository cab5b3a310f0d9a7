"""A backtest in which the future does not exist yet, however hard a forecaster looks for it."""

import numpy as np
import pytest

from forecasting.climate.backtest import score_points, score_quantiles
from forecasting.climate.baselines import fit_baselines
from forecasting.climate.export import GraphForecaster
from forecasting.climate.model import LEVELS
from forecasting.climate.rolling import roll
from forecasting.climate.selftest import corrupt_after
from forecasting.climate.windows import WindowSpec, cut
from forecasting.errors import WindowError

WINDOW = WindowSpec(history=10, horizon=3)
ORIGINS = range(300, 400)


def fit_damped(series, rows):
    return fit_baselines(series, rows, WINDOW).damped_anomaly


def test_one_fit_forecasts_as_it_does_all_at_once(make_series):
    series = make_series(gaps=0.05)

    backtest = roll(series, WINDOW, ORIGINS, fit_damped)

    windows = cut(series, WINDOW, ORIGINS)
    assert backtest.forecast == pytest.approx(fit_damped(series, 301)(windows))
    assert backtest.fitted_rows == (301,)
    assert score_points(backtest.windows, backtest.forecast).origins > 90


def test_a_refit_sees_the_rows_up_to_its_own_origin(make_series):
    seen = []

    def fit(series, rows):
        seen.append((len(series), rows))
        return fit_damped(series, rows)

    backtest = roll(make_series(), WINDOW, range(300, 400, 7), fit, refit_every=5)

    assert backtest.fitted_rows == (301, 336, 371)
    assert seen == [(rows, rows) for rows in backtest.fitted_rows]
    assert backtest.windows.origins == range(300, 405, 7)
    assert backtest.forecast.shape == (15, 3)


@pytest.mark.parametrize("refit_every", [None, 1, 10])
@pytest.mark.parametrize("stride", [1, 4])
def test_rows_after_an_origin_change_nothing_that_was_said_at_it(make_series, refit_every, stride):
    series, origins = make_series(), range(300, 400, stride)
    cut_at = origins[len(origins) // 2]

    whole = roll(series, WINDOW, origins, fit_damped, refit_every)
    other = roll(corrupt_after(series, cut_at, seed=1), WINDOW, origins, fit_damped, refit_every)

    same = len(origins) // 2 + 1
    assert whole.forecast[:same].tobytes() == other.forecast[:same].tobytes()
    assert not np.array_equal(whole.forecast[same:], other.forecast[same:])


def test_a_forecaster_that_looks_for_the_future_finds_none(make_series):
    series = make_series()

    def fit(past, rows):
        assert not np.shares_memory(past.values, series.values)
        assert len(past.values if past.values.base is None else past.values.base) == rows

        def peek(windows):
            assert not np.shares_memory(windows.history, series.values)
            assert windows.history.base is None
            return windows.target

        return peek

    backtest = roll(series, WINDOW, ORIGINS, fit)

    assert np.isnan(backtest.forecast).all()
    assert np.isnan(score_points(backtest.windows, backtest.forecast).mean_mae)


def test_a_graph_is_rolled_as_well_and_scored_by_its_quantiles(trained, exported):
    fitting, graph = trained[0], GraphForecaster(exported / "model.onnx")

    backtest = roll(fitting.series, WINDOW, range(380, 400), lambda *_: graph.at)

    assert backtest.forecast.shape == (20, 3, len(LEVELS))
    together = graph.at(backtest.windows)
    assert np.abs(backtest.forecast - together).max() <= 1e-4
    assert score_quantiles(backtest.windows, backtest.forecast, LEVELS).crps > 0


def test_a_refit_before_every_origin_is_refused(make_series):
    with pytest.raises(WindowError, match="expected 1 or more; found 0"):
        roll(make_series(), WINDOW, ORIGINS, fit_damped, refit_every=0)


def test_an_origin_without_its_target_is_refused(make_series):
    with pytest.raises(WindowError, match="lacks its history or its target"):
        roll(make_series(), WINDOW, range(400, 459), fit_damped)
