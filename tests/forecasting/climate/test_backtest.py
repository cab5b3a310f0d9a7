import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from forecasting.climate.backtest import score_points, score_quantiles, score_seasons, skill
from forecasting.climate.windows import WindowSpec, cut

SPEC = WindowSpec(history=2, horizon=2)
LEVELS = (0.1, 0.5, 0.9)


@pytest.fixture
def windows(series_of):
    """Origins at rows 1 to 5; the target counts up by one a day, and row 4 is a gap."""
    series = series_of([0.0, 1.0, 2.0, 3.0, np.nan, 5.0, 6.0, 7.0])
    return cut(series, SPEC, SPEC.origins(0, 8))


def zeros(windows):
    return np.zeros(windows.target.shape)


def test_errors_are_averaged_lead_by_lead_over_the_known_targets(windows):
    scores = score_points(windows, zeros(windows))

    assert scores.mae_by_lead == ((2 + 3 + 5 + 6) / 4, (3 + 5 + 6 + 7) / 4)
    assert scores.rmse_by_lead[0] == pytest.approx(math.sqrt((4 + 9 + 25 + 36) / 4))
    assert scores.mean_mae == pytest.approx((4 + 5.25) / 2)
    assert scores.origins == 5


def test_a_forecast_that_says_nothing_at_one_origin_has_no_score(windows):
    forecast = zeros(windows)
    forecast[0, 0] = np.nan

    scores = score_points(windows, forecast)

    assert math.isnan(scores.mean_mae)
    assert math.isnan(scores.mae_by_lead[0])
    assert scores.mae_by_lead[1] == 5.25


def test_what_is_said_where_the_target_is_unknown_does_not_count(windows):
    forecast = zeros(windows)
    forecast[2, 0] = np.nan

    assert score_points(windows, forecast) == score_points(windows, zeros(windows))


def test_coverage_counts_the_targets_between_the_tenth_and_the_ninetieth(windows):
    quantiles = np.stack([zeros(windows), zeros(windows) + 3, zeros(windows) + 5.5], axis=-1)

    scores = score_quantiles(windows, quantiles, LEVELS)

    assert scores.coverage_80_by_lead == (3 / 4, 2 / 4)
    assert scores.mae_by_lead[0] == pytest.approx((1 + 0 + 2 + 3) / 4)
    assert scores.pinball > 0


def test_quantiles_that_are_not_numbers_have_no_pinball_loss(windows):
    quantiles = np.stack([zeros(windows)] * 3, axis=-1)
    whole = score_quantiles(windows, quantiles, LEVELS)
    quantiles[0, 0, 0] = np.nan

    assert math.isnan(score_quantiles(windows, quantiles, LEVELS).pinball)
    assert math.isfinite(whole.pinball)


def test_a_lead_without_any_known_target_has_no_score(series_of):
    series = series_of([0.0, 1.0, np.nan, np.nan])
    windows = cut(series, SPEC, range(1, 2))

    scores = score_quantiles(windows, np.zeros((1, 2, 3)), LEVELS)

    assert all(math.isnan(mae) for mae in scores.mae_by_lead)
    assert math.isnan(scores.pinball)
    assert scores.origins == 0


def test_skill_is_the_share_of_the_rivals_error_that_is_saved(windows):
    scores = score_points(windows, zeros(windows))

    assert skill(replace(scores, mean_mae=1.5), replace(scores, mean_mae=2.0)) == 0.25
    assert skill(scores, scores) == 0.0


def test_a_rival_without_error_leaves_no_room_for_skill(windows):
    scores = score_points(windows, zeros(windows))
    perfect = replace(scores, mean_mae=0.0)

    assert skill(perfect, perfect) == 0.0
    assert skill(scores, perfect) < -1
    assert math.isfinite(skill(scores, perfect))


def test_scores_are_written_as_json(windows):
    content = score_points(windows, zeros(windows)).to_json()

    assert content["mae_by_lead"] == (4.0, 5.25)
    assert content["pinball"] is None


def test_an_interval_whose_levels_are_not_there_has_no_numbers(windows):
    quantiles = np.stack([zeros(windows)] * 3, axis=-1)

    scores = score_quantiles(windows, quantiles, LEVELS)

    assert scores.width_80_by_lead == (0.0, 0.0)
    assert scores.coverage_95_by_lead is scores.width_95_by_lead is scores.winkler_95 is None


def test_mase_divides_by_the_scale_that_is_given(windows):
    assert score_points(windows, zeros(windows)).mase is None
    assert score_points(windows, zeros(windows), scale=2.0).mase == pytest.approx(4.625 / 2)


def test_a_scale_of_zero_leaves_mase_finite(windows):
    assert math.isfinite(score_points(windows, zeros(windows), scale=0.0).mase)


def test_every_number_is_spoilt_by_a_forecast_that_says_nothing_at_one_origin(windows):
    quantiles = np.stack([zeros(windows) + step for step in range(5)], axis=-1)
    levels = (0.025, 0.1, 0.5, 0.9, 0.975)
    quantiles[0, 0] = np.nan

    scores = score_quantiles(windows, quantiles, levels, scale=1.0)

    for name in ("mean_mae", "smape", "mase", "pinball", "crps", "winkler_80", "winkler_95"):
        assert math.isnan(getattr(scores, name)), name
    for name in ("coverage_80", "coverage_95", "width_80", "width_95"):
        by_lead = getattr(scores, f"{name}_by_lead")
        assert math.isnan(by_lead[0]), name
        assert math.isfinite(by_lead[1]), name


def test_seasons_are_told_apart_by_the_targets_month(series_of):
    values = np.where(np.arange(400) < 59, 1.0, 2.0)  # January and February of 2013
    series = series_of(values, start=datetime(2013, 1, 1, tzinfo=UTC))
    windows = cut(series, SPEC, SPEC.origins(0, 150))

    by_season = score_seasons(windows, lambda part: score_points(part, zeros(part)))

    assert list(by_season) == ["DJF", "MAM"]
    assert by_season["DJF"].mae_by_lead == (1.0, 1.0)
    assert by_season["MAM"].mae_by_lead == (2.0, 2.0)
    assert by_season["DJF"].origins + by_season["MAM"].origins == len(windows) + 1


def test_the_seasons_together_hold_every_known_target(make_series):
    spec = WindowSpec(history=5, horizon=3)
    series = make_series(400, gaps=0.1)
    windows = cut(series, spec, spec.origins(0, 400))
    held = []

    def score(part):
        held.append(part.target_observed)
        assert np.array_equal(np.isfinite(part.target), part.target_observed)
        return score_points(part, zeros(part))

    score_seasons(windows, score)

    assert np.array_equal(np.sum(held, axis=0), windows.target_observed)
