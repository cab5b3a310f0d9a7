from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.climate.scaling import fit_climatology
from forecasting.climate.usual import tabulate_climatology
from forecasting.errors import SeriesTooShort


def test_the_table_says_the_harmonics_and_how_far_they_were_strayed_from(make_series):
    series = make_series(4 * 365)
    usual = fit_climatology(series, len(series)).at(series.seconds)
    table = tabulate_climatology(series, "2015-12-30")

    quantiles = table.quantiles(series.seconds)

    observed = series.values[:, 0]
    known = np.isfinite(observed)
    covered = (observed >= quantiles[:, 2]) & (observed <= quantiles[:, 6])
    assert np.abs(quantiles[:, 4] - usual).max() < 2
    assert 0.75 < covered[known].mean() < 0.85
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    assert table.through == "2015-12-30"


def test_a_table_of_hours_knows_the_hour_of_the_day(series_of):
    hours = np.arange(24 * 400)
    warm_afternoons = 10 + 5 * np.sin(2 * np.pi * (hours % 24 - 9) / 24)
    series = series_of(warm_afternoons, step=timedelta(hours=1))
    table = tabulate_climatology(series, "2013-02-03T23:00")

    days = np.array([int(datetime(2014, 7, 1, hour, tzinfo=UTC).timestamp()) for hour in (3, 15)])

    night, afternoon = table.quantiles(days)[:, 4]
    assert (night, afternoon) == (pytest.approx(5, abs=0.2), pytest.approx(15, abs=0.2))


def test_nothing_known_of_the_target_has_no_usual(series_of):
    with pytest.raises(SeriesTooShort):
        tabulate_climatology(series_of(np.full(100, np.nan)), "2012-04-09")
