import numpy as np
import pytest

from forecasting.climate.calendar import DAY, YEAR, design, periods, width


def test_daily_steps_see_the_year_and_hourly_ones_the_day_too():
    assert periods(DAY) == (YEAR,)
    assert periods(3_600) == (YEAR, DAY)
    assert (width(DAY), width(3_600)) == (4, 8)


def test_the_calendar_repeats_after_a_mean_year():
    labels = np.array([0, 86_400, 13_000_000], dtype=np.int64)

    np.testing.assert_allclose(design(labels + 4 * YEAR, DAY), design(labels, DAY), atol=1e-12)


def test_new_year_and_midsummer_stand_opposite():
    waves = design(np.array([0, YEAR // 2], dtype=np.int64), DAY)

    assert waves[0, 1] == pytest.approx(1.0)
    assert waves[1, 1] == pytest.approx(-1.0)
