"""Scores and self-tests as the gate takes them, with what a test wants changed."""

import pytest

from forecasting.climate.backtest import Scores
from forecasting.climate.selftest import SelfTest


@pytest.fixture(scope="session")
def scores():
    def build(mae, origins=180):
        return Scores(mae_by_lead=(mae,), rmse_by_lead=(mae,), mean_mae=mae, origins=origins)

    return build


@pytest.fixture(scope="session")
def sound():
    def build(**changes):
        found = {
            "finite": True, "ordered": True, "repeats": True,
            "batch_difference": 2e-6, "leaks": (),
        }  # fmt: skip
        return SelfTest(**{**found, **changes})

    return build
