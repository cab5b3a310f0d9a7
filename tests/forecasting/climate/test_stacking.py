import numpy as np
import pytest
from scipy.optimize import linprog

from forecasting.climate.stacking import stack

PRIOR = np.array([2.0, 1.0, 1.0])


@pytest.fixture
def columns():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 3, 800)
    noise = rng.normal(0, 1, (800, 3)) * [0.3, 1.0, 3.0]
    return truth[:, None] + noise, truth


def test_the_column_that_is_right_gets_the_weight(columns):
    weights = stack(*columns, PRIOR)

    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.8
    assert (weights >= 0).all()


def test_the_error_is_near_the_least_that_a_linear_programme_finds(columns):
    forecasts, truth = columns
    count, width = forecasts.shape
    price = np.r_[np.zeros(width), np.full(2 * count, 1 / count)]
    equal = np.zeros((count + 1, width + 2 * count))
    equal[:count, :width] = forecasts
    equal[:count, width : width + count] = np.eye(count)
    equal[:count, width + count :] = -np.eye(count)
    equal[count, :width] = 1
    least = linprog(price, A_eq=equal, b_eq=np.r_[truth, 1]).fun

    found = np.abs(truth - forecasts @ stack(forecasts, truth, PRIOR)).mean()

    assert least <= found <= 1.05 * least


def test_a_column_that_the_prior_leaves_out_stays_out(columns):
    weights = stack(*columns, np.array([0.0, 1.0, 1.0]))

    assert weights[0] == 0
    assert weights.sum() == pytest.approx(1)


def test_where_nothing_is_known_the_prior_is_left(columns):
    forecasts, truth = columns

    np.testing.assert_allclose(stack(forecasts, truth * np.nan, PRIOR), PRIOR / 4)


def test_gaps_and_silent_columns_are_left_out(columns):
    forecasts, truth = columns
    with_gaps = np.where(np.arange(800) % 5 == 0, np.nan, truth)
    silent = forecasts.copy()
    silent[1::5, 0] = np.nan
    kept = np.isin(np.arange(800) % 5, (2, 3, 4))

    np.testing.assert_array_equal(
        stack(silent, with_gaps, PRIOR), stack(forecasts[kept], truth[kept], PRIOR)
    )
