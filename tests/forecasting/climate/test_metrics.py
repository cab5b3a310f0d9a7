"""Every metric beside a library that others use: scoringrules and utilsforecast are the oracles."""

import numpy as np
import pandas as pd
import pytest
import scoringrules
from scipy.stats import norm
from utilsforecast import losses

from forecasting.climate import metrics
from forecasting.climate.model import LEVELS

ORIGINS, HORIZON = 40, 3


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(3)


@pytest.fixture(scope="module")
def target(rng):
    numbers = rng.normal(12.0, 4.0, (ORIGINS, HORIZON))
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    return numbers


@pytest.fixture(scope="module")
def quantiles(rng):
    centre = rng.normal(12.0, 3.0, (ORIGINS, HORIZON, 1))
    return centre + 2.0 * norm.ppf(LEVELS)


def by_lead(oracle, target):
    """Average an oracle's (origins, horizon) over the known targets, the slow and plain way."""
    return [oracle[:, lead][np.isfinite(target[:, lead])].mean() for lead in range(HORIZON)]


def frame(target, forecast, lead):
    known = np.isfinite(target[:, lead])
    return pd.DataFrame(
        {"unique_id": "one", "y": target[known, lead], "model": forecast[known, lead]}
    )


def test_the_weights_of_the_levels_add_up_to_the_whole():
    assert metrics.level_weights(LEVELS).sum() == pytest.approx(1.0)
    assert metrics.level_weights((0.5,)).tolist() == [1.0]


def test_crps_is_that_of_scoringrules_where_the_levels_are_evenly_spread(target):
    levels = tuple((np.arange(20) + 0.5) / 20)
    quantiles = 12.0 + 3.0 * np.broadcast_to(norm.ppf(levels), (ORIGINS, HORIZON, 20))

    oracle = scoringrules.crps_quantile(target, quantiles, np.array(levels))

    assert metrics.crps(target, quantiles, levels) == pytest.approx(by_lead(oracle, target))


def test_crps_of_the_nine_levels_is_within_four_percent_of_the_normal_laws(rng):
    target = rng.normal(size=(4000, 1))
    exact = scoringrules.crps_normal(target, 0.0, 1.0).mean()

    found = metrics.crps(target, np.broadcast_to(norm.ppf(LEVELS), (4000, 1, 9)), LEVELS)[0]

    assert 0.96 * exact < found < exact


def test_pinball_losses_are_those_of_scoringrules(target, quantiles):
    oracle = scoringrules.quantile_score(target[..., None], quantiles, np.array(LEVELS))

    assert metrics.pinball_losses(target, quantiles, LEVELS) == pytest.approx(oracle, nan_ok=True)


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_the_winkler_score_is_the_interval_score_of_scoringrules(target, quantiles, share):
    low, high = quantiles[..., 1], quantiles[..., -2]

    oracle = scoringrules.interval_score(target, low, high, 1 - share)

    assert metrics.winkler(target, low, high, share) == pytest.approx(by_lead(oracle, target))


def test_coverage_is_that_of_utilsforecast(target, quantiles):
    low, high = quantiles[..., 2], quantiles[..., 6]

    found = metrics.coverage(target, low, high)

    for lead in range(HORIZON):
        known = np.isfinite(target[:, lead])
        table = frame(target, low, lead).assign(
            **{"model-lo-80": low[known, lead], "model-hi-80": high[known, lead]}
        )
        assert found[lead] == losses.coverage(table, ["model"], level=80)["model"].item()


def test_smape_is_that_of_utilsforecast_in_percent(target, quantiles):
    forecast = quantiles[..., 4]

    found = metrics.smape(target, forecast)

    for lead in range(HORIZON):
        oracle = losses.smape(frame(target, forecast, lead), ["model"])["model"].item()
        assert found[lead] == pytest.approx(200 * oracle)


def test_smape_of_nothing_against_nothing_is_nothing():
    assert metrics.smape(np.zeros((2, 1)), np.zeros((2, 1))).tolist() == [0.0]


def test_an_error_over_the_naive_scale_is_the_mase_of_utilsforecast(target, quantiles, rng):
    fitted_on = rng.normal(10.0, 5.0, 300).cumsum()
    forecast = quantiles[..., 4]
    train = pd.DataFrame({"unique_id": "one", "y": fitted_on})

    errors = metrics.mean_by_lead(np.abs(forecast - target), target)

    for lead in range(HORIZON):
        table = frame(target, forecast, lead)
        oracle = losses.mase(table, ["model"], seasonality=1, train_df=train)["model"].item()
        assert errors[lead] / metrics.naive_scale(fitted_on) == pytest.approx(oracle)


def test_the_naive_scale_looks_only_at_pairs_that_are_both_known():
    assert metrics.naive_scale(np.array([1.0, 3.0, np.nan, 9.0, 8.0])) == 1.5
    assert np.isnan(metrics.naive_scale(np.array([1.0, np.nan, 2.0])))


def test_an_interval_without_a_border_covers_nothing_that_can_be_said(target):
    low, high = np.full_like(target, np.nan), np.full_like(target, 99.0)

    assert np.isnan(metrics.coverage(target, low, high)).all()
    assert np.isnan(metrics.width(target, low, high)).all()
