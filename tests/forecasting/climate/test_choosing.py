import numpy as np
import pytest

from forecasting.climate.choosing import HeldLosses, shared_losses

LEVELS = (0.1, 0.5, 0.9)


def losses(origins, total, known=None):
    return HeldLosses(
        origins=np.array(origins),
        total=np.array(total, dtype=float),
        known=np.ones(len(origins), np.int64) if known is None else np.array(known),
    )


def test_a_loss_is_the_pinball_loss_of_what_is_known():
    errors = np.full((2, 3, 3), 2.0)
    known = np.array([[True, True, False], [False, False, False]])
    errors[0, 2] = np.nan
    held = HeldLosses.of(np.array([5, 6]), errors, known, LEVELS)
    assert held.known.tolist() == [2, 0]
    assert held.total == pytest.approx([2 * 2.0 * np.mean(LEVELS), 0.0])
    assert held.over(np.array([5, 6])) == pytest.approx(2.0 * np.mean(LEVELS))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_forecast_of_the_known_that_is_not_finite_is_an_infinite_loss(wrong):
    errors = np.array([[[0.0, wrong, 0.0]]])
    held = HeldLosses.of(np.array([5]), errors, np.array([[True]]), LEVELS)
    assert held.over(np.array([5])) == np.inf


def test_candidates_are_compared_at_the_origins_that_all_of_them_held_out():
    own, common = losses([1, 2, 3, 4], [9, 9, 1, 1]), losses([3, 4, 5], [2, 2, 0])
    assert shared_losses({"lstm": own, "global-lstm": common}) == {"lstm": 1.0, "global-lstm": 2.0}
    assert shared_losses({"lstm": own}) == {"lstm": 5.0}


def test_without_a_common_origin_each_is_taken_at_its_own():
    apart = {"lstm": losses([1], [3]), "gru": losses([2], [4])}
    assert shared_losses(apart) == {"lstm": 3.0, "gru": 4.0}


def test_where_nothing_is_known_no_candidate_has_a_finite_loss():
    assert shared_losses({"lstm": losses([1], [0], known=[0])}) == {"lstm": np.inf}
