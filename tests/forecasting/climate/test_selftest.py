"""T2: rows after an origin change nothing at it, and a forecaster that peeks is caught."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from forecasting.climate.backtest import score_quantiles
from forecasting.climate.export import GraphForecaster
from forecasting.climate.gate import judge
from forecasting.climate.model import LEVELS
from forecasting.climate.selftest import corrupt_after, find_leaks, question
from forecasting.climate.windows import WindowSpec, cut

WINDOW = WindowSpec(history=10, horizon=3)
GATE = range(379, 457)
TRAIN = 240


def honest(history, _origin):
    """Quantiles around the last value, in order; reads nothing but what it was given."""
    last = np.nan_to_num(history[:, -1:, 0])
    return np.repeat(last[:, :, None], 3, axis=1) + np.asarray(LEVELS, np.float32) - 0.5


def peeking(history, origin):
    """Climb out of the view and read the row after the history: what a leak looks like."""
    if not isinstance(history.base, np.ndarray):
        return honest(history, origin)
    batch, steps, columns = history.shape
    longer = as_strided(history, (batch, steps + 1, columns), history.strides)
    return honest(longer, origin)


def test_corruption_changes_every_value_after_the_row_and_none_before(make_series):
    series = make_series(gaps=0.05)

    corrupt = corrupt_after(series, 300, seed=1)

    assert corrupt.values[:301].tobytes() == series.values[:301].tobytes()
    assert not (corrupt.values[301:] == series.values[301:]).any()


def test_a_trained_forecaster_does_not_leak(exported, trained):
    series = trained[0].series
    forecast = GraphForecaster(exported / "model.onnx")

    assert find_leaks(forecast, series, WINDOW, TRAIN, [379, 420, 455]) == ()


def test_forecast_and_score_at_an_origin_are_the_same_bits_whatever_follows(exported, trained):
    series, forecast = trained[0].series, GraphForecaster(exported / "model.onnx")
    other = corrupt_after(series, 400 + WINDOW.horizon, seed=3)
    windows, others = cut(series, WINDOW, range(395, 401)), cut(other, WINDOW, range(395, 401))

    mine, theirs = forecast.at(windows), forecast.at(others)

    assert mine.tobytes() == theirs.tobytes()
    assert score_quantiles(windows, mine, LEVELS) == score_quantiles(others, theirs, LEVELS)


def test_a_forecaster_that_reads_the_next_row_is_caught(make_series):
    series = make_series()

    leaks = find_leaks(peeking, series, WINDOW, TRAIN, [400])

    assert leaks == ("forecast changed with rows after the origin of row 400",)
    assert find_leaks(honest, series, WINDOW, TRAIN, [400]) == ()


def test_a_scaler_that_has_seen_the_future_is_caught(make_series):
    series = make_series()

    leaks = find_leaks(honest, series, WINDOW, len(series), [400])

    assert "scaler changed with rows after the origin of row 400" in leaks


def test_a_leak_costs_the_promotion(make_series, make):
    series = make_series()
    found = question(honest, series, WINDOW, len(series), GATE)

    verdict = judge(replace(make.evidence(), selftest=found))

    assert not verdict.promoted
    assert "no leak from the future" in verdict.sentence
    assert "scaler changed" in verdict.sentence


def test_an_honest_forecaster_passes_every_question(make_series):
    found = question(honest, make_series(gaps=0.1), WINDOW, TRAIN, GATE)

    assert found.finite
    assert found.ordered
    assert found.repeats
    assert found.batch_difference == 0
    assert found.leaks == ()


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_one_output_that_is_not_finite_anywhere_in_the_gate_is_found(make_series, spoilt):
    series = make_series()
    last = series.seconds[GATE[-1]]

    def broken(history, origin):
        quantiles = honest(history, origin)
        quantiles[origin == last, 1, 2] = spoilt
        return quantiles

    found = question(broken, series, WINDOW, TRAIN, GATE)

    assert not found.finite
    assert not found.ordered
    assert found.batch_difference == 0


def test_an_infinite_output_is_no_agreement_between_batches(make_series):
    found = question(
        lambda history, origin: honest(history, origin) + np.inf,
        make_series(), WINDOW, TRAIN, GATE,
    )  # fmt: skip

    assert not found.batch_difference <= 1e-4


def test_quantiles_that_cross_at_one_origin_are_found(make_series):
    series = make_series()

    def crossing(history, origin):
        quantiles = honest(history, origin)
        late = origin == series.seconds[GATE[-1]]
        quantiles[late] = quantiles[late][..., ::-1]
        return quantiles

    found = question(crossing, series, WINDOW, TRAIN, GATE)

    assert found.finite
    assert not found.ordered


def test_two_equal_calls_that_differ_are_found(make_series):
    calls = itertools.count()

    found = question(
        lambda history, origin: honest(history, origin) + np.float32(next(calls)),
        make_series(), WINDOW, TRAIN, GATE,
    )  # fmt: skip

    assert not found.repeats


def test_a_forecast_that_depends_on_its_batch_is_found_with_the_difference(make_series):
    found = question(
        lambda history, origin: honest(history, origin) + np.float32(len(history) == 7) / 4,
        make_series(), WINDOW, TRAIN, GATE,
    )  # fmt: skip

    assert found.batch_difference == pytest.approx(0.25)
