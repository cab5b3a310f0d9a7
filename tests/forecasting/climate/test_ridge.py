"""The regression's equations: Huber's, and a prior of a fixed number of windows."""

import numpy as np
import pytest

from forecasting.climate import ridge


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_weights_solve_hubers_equations(rng):
    matrix = rng.normal(size=(400, 3)) * [1.0, 5.0, 0.2]
    target = matrix @ [1.0, -0.3, 2.0] + rng.standard_t(2, size=400)
    penalty = np.array([10.0, 20.0, 40.0])

    weights, intercept = ridge.solve(matrix, target, penalty, np.zeros(3))

    error = target - intercept - matrix @ weights
    turn = ridge.HUBER_TURN * np.median(np.abs(error)) / ridge.NORMAL_MEDIAN
    pull = np.clip(error, -turn, turn)
    counted = len(error) / np.minimum(1.0, turn / np.abs(error)).sum()
    deviation = matrix.std(axis=0)
    scaled = counted * pull @ (matrix / deviation) - penalty * weights * deviation
    assert pull.mean() == pytest.approx(0.0, abs=0.01 * turn)
    np.testing.assert_allclose(scaled / len(error), 0.0, atol=0.01 * turn)


def test_the_prior_counts_as_many_windows_however_many_there_are(rng):
    matrix, noise = rng.normal(size=(200, 3)), rng.normal(size=200)
    target, penalty = matrix @ [1.0, 0.5, 0.0] + noise, np.full(3, 100.0)

    once, _ = ridge.solve(matrix, target, penalty, np.zeros(3))
    often, _ = ridge.solve(np.tile(matrix, (9, 1)), np.tile(target, 9), penalty, np.zeros(3))
    same, _ = ridge.solve(np.tile(matrix, (9, 1)), np.tile(target, 9), 9 * penalty, np.zeros(3))

    np.testing.assert_allclose(same, once, rtol=1e-9)
    assert np.abs(often - [1.0, 0.5, 0.0]).sum() < 0.5 * np.abs(once - [1.0, 0.5, 0.0]).sum()
