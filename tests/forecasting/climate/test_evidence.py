import math

import pytest


def test_the_best_rival_is_the_one_with_the_least_error(make):
    assert make.evidence().best_rival[0] == "damped_anomaly_persistence"


@pytest.mark.parametrize(
    ("candidate", "horizon"),
    [
        ((1.0, 1.5, 1.7), 3),
        ((1.0, 1.5, 1.8), 2),
        ((1.0, 1.9, 1.0), 1),
        ((1.9, 1.0, 1.0), 0),
        ((1.0, math.nan, 1.0), 1),
    ],
)
def test_the_skill_horizon_ends_where_a_useful_rival_is_as_good(make, candidate, horizon):
    assert make.evidence(candidate).skill_horizon == horizon


def test_the_skill_horizon_asks_climatology_and_damped_persistence_and_no_other(make):
    sharp = {"climatology": (3.0, 1.2, 3.0)}

    assert make.evidence((1.0, 1.5, 1.0), rivals=sharp).skill_horizon == 1
    assert make.evidence((1.0, 1.5, 1.0), rivals={"persistence": 0.1}).skill_horizon == 3


def test_a_useful_rival_that_was_not_asked_leaves_no_skill(make):
    evidence = make.evidence()
    del evidence.rivals["climatology"]

    assert evidence.skill_horizon == 0
