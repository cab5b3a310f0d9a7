import numpy as np

from forecasting.climate.folds import Fold
from forecasting.climate.windows import WindowSpec, cut

SPEC = WindowSpec(history=10, horizon=3)
FOLD = Fold(held=range(100, 160), turn=0, window=SPEC)


def test_no_history_and_no_target_outside_a_fold_meets_its_rows(make_series):
    windows = cut(make_series(), SPEC, SPEC.origins(0, 380))
    held = set(FOLD.held)

    outside = FOLD.outside(windows)

    for origin, apart in zip(windows.origins, outside, strict=True):
        assert apart == (not held & set(range(origin - 9, origin + 4)))


def test_the_halves_of_a_fold_share_no_target_and_change_places():
    for turn in (0, 1):
        stop, unseen = Fold(held=FOLD.held, turn=turn, window=SPEC).halves
        targets = [{o + k for o in half for k in (1, 2, 3)} for half in (stop, unseen)]

        assert not targets[0] & targets[1]
        assert targets[0] | targets[1] <= set(FOLD.held)
        assert abs(len(stop) - len(unseen)) <= 3
        assert (stop.start < unseen.start) == bool(turn % 2)


def test_a_blank_series_knows_nothing_of_the_held_rows(make_series):
    series = make_series()

    blank = FOLD.blank(series)

    assert np.isnan(blank.values[100:160]).all()
    assert not blank.observed[100:160].any()
    np.testing.assert_array_equal(blank.values[:100], series.values[:100])
    np.testing.assert_array_equal(blank.values[160:], series.values[160:])
