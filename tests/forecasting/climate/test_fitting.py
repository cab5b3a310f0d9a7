from dataclasses import replace

import numpy as np
import pytest
import torch

from forecasting.climate.fitting import Batches, MemberTask, gather, predict
from forecasting.climate.windows import WindowSpec, cut
from forecasting.errors import ModelInvalid, SeriesTooShort


@pytest.fixture
def task_of(make_forecaster):
    def build(
        series, *, train=range(9, 230), early_stop=range(239, 290), usable=True, shift=0.0, **spec
    ):
        window = WindowSpec(history=10, horizon=3)
        windows, stop = cut(series, window, train), cut(series, window, early_stop)
        shown = np.full(len(windows), usable)
        batches = Batches(size=32, shift=shift)
        return MemberTask(make_forecaster(**spec), windows, shown, stop, batches)

    return build


def test_an_epoch_shows_every_window_once_in_an_order_of_the_generator(task_of, make_series):
    task = task_of(make_series())

    first = np.concatenate(list(task.batches(torch.Generator().manual_seed(1))))
    again = np.concatenate(list(task.batches(torch.Generator().manual_seed(1))))
    other = np.concatenate(list(task.batches(torch.Generator().manual_seed(2))))

    assert sorted(first) == list(range(221))
    assert first.tolist() == again.tolist() != other.tolist()


def test_windows_without_any_target_are_not_shown(task_of, make_series):
    series = make_series()
    values = series.values.copy()
    values[50:60, 0] = np.nan
    gap = replace(series, values=values, observed=np.isfinite(values))

    shown = np.concatenate(list(task_of(gap).batches(torch.Generator())))

    assert len(shown) == 221 - 8


def test_a_target_of_gaps_only_is_refused_with_both_numbers(task_of, make_series):
    series = make_series()
    values = series.values.copy()
    values[10:234, 0] = np.nan
    gap = replace(series, values=values, observed=np.isfinite(values))

    with pytest.raises(SeriesTooShort, match=r"training.*expected 1 or more; found 0"):
        task_of(gap)


def test_an_early_stop_block_of_gaps_only_is_refused_with_both_numbers(task_of, make_series):
    series = make_series()
    values = series.values.copy()
    values[240:, 0] = np.nan
    gap = replace(series, values=values, observed=np.isfinite(values))

    with pytest.raises(SeriesTooShort, match=r"early stop.*expected 1 or more; found 0"):
        task_of(gap)


def test_the_loss_is_finite_and_blind_to_unknown_targets(task_of, make_series):
    series = make_series(gaps=0.3)
    task = task_of(series)
    batch = next(iter(task.batches(torch.Generator().manual_seed(1))))

    loss, _ = task.loss(batch, None)
    loss.backward()

    assert torch.isfinite(loss)
    assert all(torch.isfinite(weight.grad).all() for weight in task.model.parameters())


def test_the_score_is_the_medians_error_in_the_targets_unit(task_of, make_series):
    task = task_of(make_series())

    with torch.no_grad():
        median = predict(task.model, task.early_stop)[..., 4]

    assert task.score() == pytest.approx(np.abs(task.early_stop.target - median).mean())


def test_a_batch_is_a_copy_of_the_views(make_series):
    series = make_series()
    windows = cut(series, WindowSpec(history=10, horizon=3), range(9, 100))

    history, origin, target = gather(windows, np.array([0, 5]), torch.device("cpu"))

    assert history.shape == (2, 10, 2)
    assert origin.tolist() == series.seconds[[9, 14]].tolist()
    assert target[1].tolist() == series.values[15:18, 0].tolist()


def test_a_forecast_does_not_depend_on_how_the_origins_are_batched(make_forecaster, make_series):
    model = make_forecaster()
    windows = cut(make_series(), WindowSpec(history=10, horizon=3), range(9, 100))

    np.testing.assert_allclose(
        predict(model, windows, batch=7), predict(model, windows), atol=1e-4, rtol=0
    )


def test_a_cell_that_does_not_exist_is_refused_before_training(make_fitting, tmp_path):
    fitting = make_fitting(cell="transformer")

    with pytest.raises(ModelInvalid, match="found transformer"):
        fitting.fit_member(1, tmp_path)
