"""Parts of a forecast, where they are known, and laws that hold where they are not."""

import numpy as np
import pytest
import torch

from forecasting.climate.attribution import (
    Attribution,
    Explained,
    attribute,
    grouped,
    groups,
    integrate_gradients,
    occlude,
    rank_correlation,
    shares,
)
from forecasting.climate.model import LEVELS
from tests.forecasting.average import Average

ORIGIN = 1_480_032_000
MEDIAN = LEVELS.index(0.5)


@pytest.fixture
def history():
    history = np.random.default_rng(5).normal(12, 6, (10, 2)).astype(np.float32)
    history[4, 1] = history[0, 0] = np.nan
    return history


@pytest.fixture
def members(make_forecaster):
    return [
        make_forecaster(seed=seed, view=view) for seed, view in enumerate(("level", "departure"))
    ]


@pytest.fixture
def asked(members):
    ensemble = Average(members)

    def run(history, origin):
        with torch.no_grad():
            return ensemble(torch.from_numpy(history), torch.from_numpy(origin)).numpy()

    return Explained(forecast=run, module=ensemble, centre=MEDIAN)


@pytest.fixture
def forecast(asked):
    return asked.forecast


def linear(weights):
    """A forecast that is a weighted sum of what is known, at two leads that differ by 4."""

    def run(history, origin):
        assert origin.shape == (len(history),)
        total = np.nansum(history * weights, axis=(1, 2))
        return total[:, None, None] + np.array([[-2.0], [2.0]]) + np.zeros(len(LEVELS))

    return run


def test_without_a_cell_a_sum_loses_that_cells_term(history):
    weights = np.random.default_rng(1).normal(size=history.shape)

    lost = occlude(linear(weights), history, ORIGIN, MEDIAN)

    expected = np.where(np.isfinite(history), weights * history, 0.0)
    np.testing.assert_allclose(lost, expected, atol=1e-4)


def test_each_cell_is_taken_out_of_an_else_whole_history(history, forecast):
    lost = occlude(forecast, history, ORIGIN, MEDIAN)

    without = history.copy()
    without[7, 1] = np.nan
    medians = forecast(np.stack([history, without]), np.full(2, ORIGIN))[..., MEDIAN].mean(axis=1)
    assert lost[7, 1] == pytest.approx(medians[0] - medians[1], abs=1e-5)
    assert lost[7, 1] != 0


def test_a_gap_can_lose_nothing(history, asked):
    found = attribute(asked, history, ORIGIN)

    gaps = ~np.isfinite(history)
    assert gaps.sum() == 2
    assert (found.occlusion[gaps] == 0).all()
    assert (found.gradients[gaps] == 0).all()
    assert np.isfinite(found.occlusion).all()
    assert np.isfinite(found.gradients).all()


def test_the_gradients_add_up_to_the_way_from_the_baseline(history, asked):
    parts, residue = integrate_gradients(asked, history, ORIGIN, points=128)

    baseline = np.where(np.isfinite(history), np.nanmean(history, axis=0), np.nan)
    ends = np.stack([baseline, history]).astype(np.float32)
    medians = asked.forecast(ends, np.full(2, ORIGIN))[..., MEDIAN].mean(axis=1)
    assert abs(residue) < 1e-3
    assert parts.sum() + residue == pytest.approx(medians[1] - medians[0], abs=1e-4)
    assert abs(medians[1] - medians[0]) > 0.1


def test_the_gradients_leave_the_weights_as_they_were(history, asked, members):
    integrate_gradients(asked, history, ORIGIN)

    assert all(weight.grad is None for member in members for weight in member.parameters())


def test_a_history_of_gaps_has_no_parts(asked):
    found = attribute(asked, np.full((10, 2), np.nan, np.float32), ORIGIN)

    assert not found.occlusion.any()
    assert not found.gradients.any()
    assert found.residue == pytest.approx(0, abs=1e-6)
    assert shares(found.occlusion).sum() == 0
    assert all(np.isnan(value) for value in found.agreement.values())


def test_methods_that_rank_alike_agree_wholly_and_those_that_rank_in_reverse_not_at_all():
    parts = np.arange(1.0, 41.0).reshape(20, 2)
    alike = Attribution(occlusion=parts, gradients=-3 * parts, residue=0.0)
    other = Attribution(occlusion=parts, gradients=parts[:, ::-1], residue=0.0)

    assert alike.agreement == pytest.approx({"by_variable": 1, "by_day_group": 1, "by_both": 1})
    assert other.agreement["by_variable"] == pytest.approx(-1)


def test_shares_sum_to_one_whatever_the_signs():
    found = shares(np.array([[1.0, -2.0], [0.0, 1.0]]))

    np.testing.assert_allclose(found, [[0.25, 0.5], [0.0, 0.25]])


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 10, 60])
def test_the_groups_hold_every_step_once_the_latest_first(steps):
    spans = groups(steps)

    assert [step for span in spans for step in span] == list(range(1, steps + 1))
    parts = np.random.default_rng(0).random((steps, 2))
    assert grouped(parts).sum() == pytest.approx(parts.sum())
    np.testing.assert_allclose(grouped(parts)[0], parts[-1])


def test_ties_share_their_rank():
    one, other = np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 3.0, 3.0, 9.0])

    assert rank_correlation(one, other) == pytest.approx(1)
    # By the textbook: ranks 1, 2.5, 2.5, 4 against 4, 3, 2, 1.
    assert rank_correlation(one, np.array([9.0, 8.0, 7.0, 6.0])) == pytest.approx(-0.9486833)
    assert np.isnan(rank_correlation(one, np.ones(4)))
