import numpy as np
import pytest

from forecasting.climate.intervals import conformal_offsets
from forecasting.climate.model import LEVELS

SPREAD = np.array([1.0, 2.0, 3.0])


def test_quantiles_that_are_too_narrow_are_moved_until_they_cover():
    rng = np.random.default_rng(0)
    target = rng.normal(0, SPREAD, (4000, 3))
    narrow = np.linspace(-0.5, 0.5, len(LEVELS)) * SPREAD[:, None]  # (horizon, levels)

    offsets = conformal_offsets(target[:2000, :, None] - narrow, SPREAD, LEVELS)

    moved = narrow + offsets
    for place, level in enumerate(LEVELS):
        below = (target[2000:] <= moved[:, place]).mean(axis=0)
        np.testing.assert_allclose(below, level, atol=0.03 if level != 0.5 else 0.05)


def test_the_median_stays_where_it_is():
    errors = np.random.default_rng(0).normal(3, 1, (200, 3, len(LEVELS)))

    assert (conformal_offsets(errors, SPREAD, LEVELS)[:, LEVELS.index(0.5)] == 0).all()


def test_few_origins_push_the_outer_quantiles_outward():
    errors = np.random.default_rng(0).normal(0, 1, (30, 3, len(LEVELS)))
    naive = np.quantile((errors[:, :2] / SPREAD[:2, None])[..., -1], 0.975)

    assert conformal_offsets(errors, SPREAD, LEVELS)[0, -1] >= naive


def test_gaps_are_left_out_and_nothing_known_moves_nothing():
    errors = np.random.default_rng(0).normal(0, 1, (200, 3, len(LEVELS)))
    with_gaps = np.concatenate([errors, np.full_like(errors, np.nan)])

    found = conformal_offsets(with_gaps, SPREAD, LEVELS)

    assert found == pytest.approx(conformal_offsets(errors, SPREAD, LEVELS))
    assert (conformal_offsets(errors * np.nan, SPREAD, LEVELS) == 0).all()
