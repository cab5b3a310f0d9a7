import numpy as np
import pytest

from forecasting.climate.windows import STRETCHES, Blocks, WindowSpec, cut
from forecasting.errors import SeriesTooShort, WindowError

SPEC = WindowSpec(history=3, horizon=2)


@pytest.mark.parametrize(("history", "horizon"), [(0, 2), (3, 0), (-1, 1)])
def test_a_window_without_past_or_future_is_refused(history, horizon):
    with pytest.raises(WindowError, match=f"found {history} and {horizon}"):
        WindowSpec(history=history, horizon=horizon)


def test_one_window_fits_a_series_of_its_span(make_series):
    assert len(cut(make_series(5), SPEC, range(2, 3))) == 1


def test_a_series_shorter_than_history_plus_horizon_is_refused(make_series):
    with pytest.raises(WindowError, match="need at least 5 steps, got 4"):
        cut(make_series(4), SPEC, range(2, 3))


@pytest.mark.parametrize("origins", [range(1, 5), range(2, 9)])
def test_an_origin_without_history_or_target_is_refused(make_series, origins):
    with pytest.raises(WindowError, match=f"rows 2 to 7; found {origins[0]} to {origins[-1]}"):
        cut(make_series(10), SPEC, origins)


@pytest.mark.parametrize("origins", [range(0), range(7, 2, -1)])
def test_no_origins_or_descending_ones_are_refused(make_series, origins):
    with pytest.raises(WindowError, match="ascending"):
        cut(make_series(10), SPEC, origins)


def test_masks_travel_along(make_series):
    windows = cut(make_series(60, gaps=0.3), SPEC, SPEC.origins(0, 60))

    assert np.array_equal(windows.history_observed, np.isfinite(windows.history))
    assert np.array_equal(windows.target_observed, np.isfinite(windows.target))
    assert windows.history.shape == (56, 3, 2)
    assert windows.target.shape == (56, 2)


def test_windows_know_the_labels_of_their_origins(make_series):
    series = make_series(20)
    windows = cut(series, SPEC, range(4, 9))

    labels = windows.origin_seconds(np.array([0, 4]))

    assert labels.tolist() == series.seconds[[4, 8]].tolist()
    assert list(windows.origins) == [4, 5, 6, 7, 8]


def test_four_years_of_days_are_divided_by_time():
    blocks = Blocks.of(1461, WindowSpec(history=60, horizon=7))

    assert blocks == Blocks(train=1242, gate=1461)


def test_a_series_too_short_for_its_blocks_is_refused_with_both_numbers():
    spec = WindowSpec(history=60, horizon=7)

    with pytest.raises(SeriesTooShort, match="expected at least 534 steps; found 533"):
        Blocks.of(533, spec)

    assert Blocks.of(534, spec).train == 3 * 60 + 4 * 6 * 7


def test_members_hold_out_stretches_that_fill_the_train_block_once():
    spec = WindowSpec(history=60, horizon=7)
    blocks = Blocks.of(1461, spec)

    stretches = sorted((blocks.stretch(turn, spec) for turn in range(STRETCHES)), key=min)

    assert [row for stretch in stretches for row in stretch] == list(range(60, blocks.train))
    assert blocks.stretch(0, spec).stop == blocks.train
    assert blocks.stretch(STRETCHES, spec) == blocks.stretch(0, spec)


def test_origins_with_a_stride_are_every_nth_of_the_others(make_series):
    series = make_series(30)
    every, third = cut(series, SPEC, range(2, 20)), cut(series, SPEC, range(2, 20, 3))

    for name in ("history", "history_observed", "target", "target_observed"):
        assert np.array_equal(getattr(third, name), getattr(every, name)[::3], equal_nan=True)
    assert third.origins == every.origins[::3]
    assert third.origin_seconds(np.arange(6)).tolist() == (
        every.origin_seconds(np.arange(18))[::3].tolist()
    )
    assert np.shares_memory(third.history, series.values)
