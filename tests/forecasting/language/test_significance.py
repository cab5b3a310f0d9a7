import numpy as np
import pytest

from forecasting.language.significance import BLOCK, RESAMPLES, compare


def losses(mean, count=5_000, seed=0):
    return np.random.default_rng(seed).exponential(mean, count)


def test_clearly_fewer_nats_are_better_by_more_than_luck():
    found = compare(losses(1.0), losses(1.3))

    assert found.difference == pytest.approx(-0.3 / np.log(2), abs=0.01)
    assert found.low < found.difference < found.high < 0
    assert found.p_better == 1 / (RESAMPLES + 1)
    assert found.blocks == 5_000 / BLOCK


def test_the_same_losses_are_not_better():
    assert compare(losses(1.0), losses(1.0)).p_better == 1.0


def test_a_difference_of_chance_is_called_significant_as_seldom_as_said():
    rng = np.random.default_rng(1)
    found = [
        compare(*(rng.exponential(1.0, 3_000) for _ in range(2)), seed=seed).p_better
        for seed in range(60)
    ]

    assert np.mean(np.array(found) <= 0.05) <= 0.15


def test_a_last_block_that_is_shorter_counts_for_its_characters():
    ours, theirs = np.ones(150), np.concatenate([np.ones(100), np.full(50, 2.0)])

    assert compare(ours, theirs).difference == pytest.approx(-50 / 150 / np.log(2))


def test_an_impossible_character_loses_and_one_for_both_tells_nothing():
    ours, theirs = np.ones(200), np.full(200, 1.5)
    theirs[3] = np.inf
    assert compare(ours, theirs).p_better == 1 / (RESAMPLES + 1)
    assert compare(theirs, ours).p_better == 1.0

    ours[3] = np.inf
    assert compare(ours, theirs).difference == pytest.approx(-0.5 * 199 / 200 / np.log(2))
