import numpy as np
import pytest

from forecasting.climate.scaling import SIGMA_FLOOR, fit_climatology, fit_scaler
from forecasting.errors import SeriesTooShort


def test_the_scale_is_that_of_what_is_known(series_of):
    series = series_of([1.0, np.nan, 3.0, 5.0], [2.0, 4.0, 6.0, 8.0])

    scaler = fit_scaler(series, 4, horizon=1)

    np.testing.assert_allclose(scaler.mean, [3.0, 5.0])
    np.testing.assert_allclose(scaler.deviation, [np.std([1, 3, 5]), np.std([2, 4, 6, 8])])


def test_a_constant_column_has_the_floor_for_its_scale(series_of):
    series = series_of(np.full(50, 20.0), np.arange(50.0))

    scaler = fit_scaler(series, 50, horizon=3)

    assert scaler.deviation[0] == SIGMA_FLOOR
    assert scaler.spread.tolist() == [SIGMA_FLOOR] * 3
    assert scaler.deviation[1] > 1


def test_a_column_of_gaps_scales_by_one(series_of):
    series = series_of(np.arange(50.0), np.full(50, np.nan))

    scaler = fit_scaler(series, 50, horizon=3)

    assert (scaler.mean[1], scaler.deviation[1]) == (0.0, 1.0)


def test_climatology_finds_the_course_of_the_year(make_series):
    series = make_series(4 * 365)

    usual = fit_climatology(series, len(series)).at(series.seconds)

    course = 12 + 9 * np.sin(2 * np.pi * np.arange(len(series)) / 365.25)
    assert np.abs(usual - course).mean() < 0.5


def test_climatology_of_another_column_can_be_asked_for(series_of):
    series = series_of(np.arange(400.0), np.full(400, 7.0))

    usual = fit_climatology(series, 400, column=1)

    np.testing.assert_allclose(usual.at(series.seconds), 7.0, atol=1e-6)


def test_climatology_of_a_block_shorter_than_the_year_stays_in_reach(make_series):
    series = make_series(4 * 365)

    usual = fit_climatology(series, 90).at(series.seconds)

    assert np.isfinite(usual).all()
    assert np.abs(usual).max() < 200


def test_climatology_of_gaps_only_is_refused_with_both_numbers(series_of):
    series = series_of(np.r_[np.full(30, np.nan), np.arange(20.0)], np.arange(50.0))

    with pytest.raises(SeriesTooShort, match="expected 1 or more; found 0 of 30"):
        fit_climatology(series, 30)

    assert fit_climatology(series, 31).intercept == pytest.approx(0.0, abs=1e-6)
