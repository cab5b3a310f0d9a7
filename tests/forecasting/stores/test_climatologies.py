from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import SeriesInvalid
from forecasting.stores.climatologies import (
    ClimatologyTable,
    leap_year_places,
    parse_climatology,
)

DAYS = [(date(2000, 1, 1).toordinal() + day) for day in range(366)]


def seconds_of(*days):
    moments = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    return np.array([int(moment.timestamp()) for moment in moments], np.int64)


@given(st.dates(date(1900, 1, 1), date(2200, 12, 31)))
def test_a_day_is_that_of_a_leap_year_with_its_month_and_date(day):
    place, month = leap_year_places(seconds_of(day), 86_400)

    found = date.fromordinal(DAYS[place[0]])
    assert (found.month, found.day) == (day.month, day.day)
    assert month[0] == day.month - 1


@pytest.mark.parametrize("hour", [0, 5, 23])
def test_an_hour_is_counted_within_its_day(hour):
    place, _ = leap_year_places(seconds_of(date(2023, 3, 1)) + hour * 3600, 3600)

    assert place[0] == 60 * 24 + hour


def test_the_quantiles_are_the_days_course_and_the_months_offsets():
    table = ClimatologyTable(
        levels=(0.1, 0.5, 0.9),
        course=tuple(float(day) for day in range(366)),
        offsets=tuple((-1.0 - month, 0.0, 2.0) for month in range(12)),
        step_seconds=86_400,
        through="2020-12-31",
    )

    quantiles = table.quantiles(seconds_of(date(2021, 1, 1), date(2021, 12, 31)))

    assert quantiles.tolist() == [[-1.0, 0.0, 2.0], [353.0, 365.0, 367.0]]


@pytest.mark.parametrize(
    "damage",
    [
        {"course": (1.0,) * 365},
        {"offsets": ((-1.0, 0.0, 1.0),) * 11},
        {"offsets": ((-1.0, 1.0),) * 12},
        {"levels": (0.1, 0.4, 0.9)},
        {"step_seconds": 3600},
    ],
)
def test_a_table_whose_parts_do_not_belong_together_is_refused(damage):
    whole = {
        "levels": (0.1, 0.5, 0.9),
        "course": (1.0,) * 366,
        "offsets": ((-1.0, 0.0, 1.0),) * 12,
        "step_seconds": 86_400,
        "through": "2020-12-31",
    }
    assert parse_climatology(whole) == ClimatologyTable(**whole)

    with pytest.raises(SeriesInvalid, match="do not belong together"):
        parse_climatology(whole | damage)
