"""The lecture's own model: its shapes, its counts, and what its way of scaling gives away."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from forecasting.climate.export import GraphForecaster, write_graph
from forecasting.climate.lecture import (
    LectureForecaster,
    LectureModel,
    LectureTask,
    fit_lecture,
    layer_table,
    predict_test,
    prepare,
)
from forecasting.climate.windows import WindowSpec
from forecasting.errors import SeriesTooShort
from forecasting.recurrent import trainable

ROWS, SPLIT = 1462, 1096


@pytest.fixture(scope="module")
def series(make_series):
    """As many days as the lecture's file; the extremes lie in the test quarter."""
    made = make_series(ROWS, variables=1)
    values = made.values.copy()
    values[1200], values[1300] = 60.0, -40.0
    return replace(made, values=values)


def test_the_honest_split_has_the_shapes_of_the_lectures_file(series):
    train, test = prepare(series).shapes

    assert train == [[1036, 60, 1], [1036, 1]]
    assert test == [[366, 60, 1], [366, 1]]


def test_as_lectured_trains_on_every_row(series):
    train, test = prepare(series, as_lectured=True).shapes

    assert train == [[1402, 60, 1], [1402, 1]]
    assert test == [[366, 60, 1], [366, 1]]


def test_as_lectured_sees_the_test_rows_extremes_and_the_honest_split_does_not(series):
    honest, lectured = prepare(series), prepare(series, as_lectured=True)

    assert (lectured.low, lectured.high) == (-40.0, 60.0)
    seen = series.values[:SPLIT]
    assert (honest.low, honest.high) == (float(seen.min()), float(seen.max()))
    assert honest.test_targets.max() > 1
    assert lectured.test_targets.max() == 1


def test_rows_of_the_test_quarter_change_nothing_in_the_honest_training(series):
    values = series.values.copy()
    values[SPLIT:] += 100
    one, other = prepare(series), prepare(replace(series, values=values))

    assert one.train_inputs.tobytes() == other.train_inputs.tobytes()
    assert one.train_targets.tobytes() == other.train_targets.tobytes()
    lectured = prepare(replace(series, values=values), as_lectured=True)
    assert (
        lectured.train_inputs.tobytes() != prepare(series, as_lectured=True).train_inputs.tobytes()
    )


def test_the_test_targets_are_the_last_quarter_with_their_dates(series):
    data = prepare(series)

    assert data.actual.tolist() == series.values[SPLIT:, 0].tolist()
    assert data.dates.tolist() == series.seconds[SPLIT:].tolist()
    np.testing.assert_allclose(
        data.test_targets[:, 0] * data.unit_range + data.low, data.actual, atol=1e-4
    )


def test_windows_with_a_gap_are_left_out(series):
    values = series.values.copy()
    values[500] = np.nan
    gap = replace(series, values=values, observed=np.isfinite(values))

    assert prepare(gap).shapes[0][0] == [1036 - 61, 60, 1]


def test_the_parameters_are_counted_as_in_the_lecture():
    model = LectureModel()

    assert [count for _, _, count in layer_table(model)] == [10_400, 29_440, 2_080, 528, 17]
    assert trainable(model) == 42_465
    assert [shape for _, shape, _ in layer_table(model)] == [
        "(batch, 60, 50)", "(batch, 64)", "(batch, 32)", "(batch, 16)", "(batch, 1)",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def fitted(series):
    data = prepare(series.rows(0, 400))
    return data, *fit_lecture(data, seed=1, epochs=1)


def test_the_second_bias_stays_zero_through_training(fitted):
    _, model, _ = fitted

    for layer in model.core.layers:
        assert not layer.bias_hh_l0.any()
        assert layer.bias_ih_l0.any()


def test_training_reports_the_error_in_the_targets_unit(fitted):
    data, model, fit = fitted

    with torch.no_grad():
        predicted = model(torch.from_numpy(data.train_inputs.copy())).numpy()

    error = np.abs(predicted - data.train_targets).mean() * data.unit_range
    assert fit.history[-1].score == pytest.approx(error, rel=1e-4)
    assert fit.best_epoch == len(fit.history) == 1


def test_the_same_seed_gives_the_same_predictions_and_another_gives_others(fitted):
    data, model, _ = fitted
    again, _ = fit_lecture(data, seed=1, epochs=1)
    other, _ = fit_lecture(data, seed=2, epochs=1)

    assert predict_test(again, data).tobytes() == predict_test(model, data).tobytes()
    assert predict_test(other, data).tobytes() != predict_test(model, data).tobytes()


def test_an_epoch_shows_every_window_in_batches_of_32(fitted):
    data, model, _ = fitted
    batches = list(LectureTask(model, data).batches(torch.Generator().manual_seed(1)))

    assert [len(batch) for batch in batches] == [32] * 7 + [16]
    assert sorted(torch.cat(batches).tolist()) == list(range(240))


def test_the_lectures_model_in_physical_units_says_what_it_says_scaled(fitted, tmp_path):
    data, model, _ = fitted
    window = WindowSpec(history=60, horizon=1)
    write_graph(LectureForecaster(model, data), window, 1, tmp_path / "model.onnx")
    history = (data.test_inputs * data.unit_range + data.low).astype(np.float32)

    answers = GraphForecaster(tmp_path / "model.onnx")(history, np.zeros(len(history), np.int64))

    assert answers.shape == (100, 1, 1)
    np.testing.assert_allclose(answers[:, 0, 0], predict_test(model, data), atol=1e-3)


def test_82_rows_are_enough_and_81_are_refused_with_both_numbers(series):
    assert prepare(series.rows(0, 82)).shapes[0][0] == [1, 60, 1]

    with pytest.raises(SeriesTooShort, match="expected at least 82 steps; found 81"):
        prepare(series.rows(0, 81))


@pytest.mark.parametrize("gaps", [slice(None, None, 50), slice(None)])
def test_a_series_without_60_days_in_a_row_is_refused(series, gaps):
    values = series.values.copy()
    values[gaps] = np.nan
    gap = replace(series, values=values, observed=np.isfinite(values))

    with pytest.raises(SeriesTooShort, match="expected 61 steps in a row; found none"):
        prepare(gap)


def test_a_constant_column_is_scaled_without_a_division_by_zero(series_of):
    data = prepare(series_of(np.full(200, 20.0)))
    model, fit = fit_lecture(data, seed=1, epochs=1)

    assert np.isfinite(fit.best_score)
    np.testing.assert_allclose(predict_test(model, data), 20.0, atol=1e-3)
