from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from forecasting.climate.series import Variable
from forecasting.errors import SeriesInvalid


def test_a_series_knows_its_labels(make_series):
    series = make_series(10)

    assert series.label(9) == series.end == datetime(2012, 1, 10, tzinfo=UTC)
    assert series.seconds[-1] == series.end.timestamp()
    assert series.target_column == 0


def test_rows_are_a_view_with_their_own_start(make_series):
    series = make_series(10)

    part = series.rows(3, 7)

    assert len(part) == 4
    assert part.start.date() == date(2012, 1, 4)
    assert np.shares_memory(part.values, series.values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros((10, 3), np.float32)}, r"expected \(10, 2\); found \(10, 3\)"),
        ({"observed": np.ones((9, 2), bool)}, r"found \(10, 2\) and \(9, 2\)"),
        ({"observed": np.zeros((10, 2), bool)}, "exactly where a value is finite"),
        ({"target": "pressure"}, "not a variable.*found pressure"),
        ({"start": datetime(2012, 1, 1)}, "needs a zone"),  # noqa: DTZ001 - the refusal
        ({"step": timedelta(0)}, "step must be positive"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(make_series, changes, message):
    with pytest.raises(SeriesInvalid, match=message):
        replace(make_series(10), **changes)


def test_an_infinite_value_is_no_observation(make_series):
    series = make_series(10)
    values = series.values.copy()
    values[3, 0] = np.inf

    with pytest.raises(SeriesInvalid, match="exactly where a value is finite"):
        replace(series, values=values)


def test_empty_bounds_are_refused_with_both():
    with pytest.raises(SeriesInvalid, match=r"expected lower < upper; found 5 and 5"):
        Variable(name="wind_speed_10m_mean", unit="m/s", lower=5, upper=5)


def test_the_data_version_is_the_same_for_the_same_data(make_series):
    assert make_series(50, gaps=0.1).sha256 == make_series(50, gaps=0.1).sha256


def test_the_data_version_does_not_depend_on_how_a_gap_is_spelt(make_series):
    series = make_series(50, gaps=0.1)
    other = np.frombuffer(np.uint32(0x7FC00001).tobytes(), np.float32)[0]
    values = np.where(series.observed, series.values, other)

    assert replace(series, values=values).sha256 == series.sha256


@pytest.mark.parametrize("row", [0, 20_000])
def test_the_data_version_changes_with_any_value(make_series, row):
    series = make_series(20_001, variables=1)
    values = series.values.copy()
    values[row, 0] += 0.25

    assert replace(series, values=values).sha256 != series.sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"start": datetime(2012, 1, 2, tzinfo=UTC)},
        {"step": timedelta(hours=1)},
        {"target": "wind_speed_10m_mean"},
    ],
)
def test_the_data_version_changes_with_the_labels_and_the_target(make_series, changes):
    series = make_series(50)

    assert replace(series, **changes).sha256 != series.sha256


def test_the_data_version_changes_with_a_unit(make_series):
    series = make_series(50)
    fahrenheit = replace(series.variables[0], unit="°F")

    other = replace(series, variables=(fahrenheit, series.variables[1]))

    assert other.sha256 != series.sha256
