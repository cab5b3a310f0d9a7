from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.climate.drift import drift_of, independent, recent_of, stability
from forecasting.climate.series import ClimateSeries, Station, Variable

NAMES = ("temperature_2m_mean", "wind_speed_10m_mean", "precipitation_sum")
YEARS = 4


def make_series(seed, *, first=0, rows=YEARS * 365 + 90, season=10.0):
    """Days with a yearly course and a memory of 0.7; the third variable is mostly zero, as rain."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (rows, 3))
    for day in range(1, rows):
        noise[day] += 0.7 * noise[day - 1]
    days = np.arange(rows)
    course = season * np.cos(2 * np.pi * days / 365.25)
    rain = np.maximum(noise[:, 2] - 1, 0)
    values = np.column_stack([15 + course + 2 * noise[:, 0], 5 + noise[:, 1], rain])
    series = ClimateSeries(
        station=Station(name="oslo", latitude=59.9, longitude=10.7, timezone="Europe/Oslo"),
        variables=tuple(Variable(name=name, unit="1", lower=-99, upper=99) for name in NAMES),
        target=NAMES[0],
        start=datetime(2012, 1, 1, tzinfo=UTC),
        values=values.astype(np.float32),
        observed=np.isfinite(values),
    )
    return series.rows(first, rows)


def parted(series):
    return series.rows(0, YEARS * 365), recent_of(series, YEARS * 365)


def changed(series, column, change):
    values = series.values.copy()
    values[:, column] = change(values[:, column])
    return replace(series, values=values, observed=np.isfinite(values))


def test_of_a_hundred_stations_that_have_not_changed_at_most_three_raise_an_alarm():
    alarms = [
        any(each.drifted for each in drift_of(*parted(make_series(seed)))) for seed in range(100)
    ]
    assert sum(alarms) <= 3


@pytest.mark.parametrize(
    ("column", "change"),
    [
        (0, lambda column: column + 5),
        (0, lambda column: 1.8 * column + 32),
        (1, lambda column: 3.6 * column),
        (1, lambda column: np.full_like(column, 5) + np.arange(len(column)) % 2 * 9),
        (2, lambda column: column + 3),
    ],
    ids=["a warmer sensor", "another unit", "km/h", "a broken sensor", "never dry"],
)
def test_a_change_of_any_variable_is_seen_in_it_and_in_no_other(column, change):
    for seed in range(5):
        training, recent = parted(make_series(seed))
        found = drift_of(training, changed(recent, column, change))
        assert [each.variable for each in found if each.drifted] == [NAMES[column]]


def test_a_season_is_compared_with_the_same_season():
    for first in (0, 90, 180, 270):
        training, recent = parted(
            make_series(1, first=first, rows=first + YEARS * 365 + 90, season=25)
        )
        assert not any(each.drifted for each in drift_of(training, recent))


def test_the_shift_is_told_in_the_variables_unit():
    training, recent = parted(make_series(3))
    warmer = drift_of(training, changed(recent, 0, lambda column: column + 8))[0]
    usual = drift_of(training, recent)[0]
    assert warmer.shift - usual.shift == pytest.approx(8, abs=0.01)


def test_too_few_days_or_values_say_nothing():
    series = make_series(0)
    assert drift_of(series.rows(0, YEARS * 365), series.rows(YEARS * 365, YEARS * 365 + 10)) == ()
    training, recent = parted(series)
    silent = changed(recent, 1, lambda column: np.full_like(column, np.nan))
    assert [each.variable for each in drift_of(training, silent)] == [NAMES[0], NAMES[2]]


def test_only_days_that_were_not_trained_on_are_recent():
    series = make_series(0)
    assert len(recent_of(series, 0)) == 90
    assert len(recent_of(series, len(series) - 20)) == 20
    assert recent_of(series, len(series) - 20).start == series.label(len(series) - 20)
    hours = replace(series, step=timedelta(hours=1))
    assert len(recent_of(hours, 0)) == min(len(series), 90 * 24)


@given(st.lists(st.floats(-50, 50, width=32), min_size=40, max_size=80))
def test_the_index_is_nothing_for_equal_samples_and_never_below_nothing(values):
    past = np.round(np.asarray(values), 1)
    assert stability(past, past)[0] == 0.0
    index, classes = stability(past, past[::2] + 3)
    assert index >= 0
    assert 1 <= classes <= 10


@given(st.integers(0, 99), st.floats(0.5, 0.95))
def test_days_that_resemble_each_other_are_worth_less(seed, memory):
    noise = np.random.default_rng(seed).normal(0, 1, 400)
    alike = noise.copy()
    for day in range(1, len(alike)):
        alike[day] += memory * alike[day - 1]
    assert 0 < independent(alike) < 0.6 * independent(noise) <= 0.6 * len(noise)


def test_what_is_unknown_or_never_changes_is_worth_nothing():
    assert independent(np.full(50, np.nan)) == 0.0
    assert independent(np.ones(50)) == 0.0
