"""Hourly files go through the same checks, and every finding names its hour."""

from datetime import UTC, datetime, timedelta

import pytest

BEGIN = datetime(2024, 11, 20, tzinfo=UTC)
NOW = datetime(2024, 12, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def hours():
    """Build hourly rows of plausible weather; `changes` replaces (hour, column) cells, by text."""

    def build(count=100, *, start=BEGIN, changes=None):
        rows = [
            [
                f"{start + timedelta(hours=hour):%Y-%m-%dT%H:%M}",
                f"{5 + hour % 24 / 2}",
                f"{10 + hour % 5}",
            ]
            for hour in range(count)
        ]
        for (hour, column), text in (changes or {}).items():
            rows[hour][column] = text
        return rows

    return build


@pytest.fixture
def hourly(declare):
    return declare(extra='step = "hour"')


def test_hours_are_admitted_one_step_apart(check, hourly, hours):
    admission = check(hourly, hours(), now=NOW)
    assert admission.verdict == "accepted"
    assert (admission.step, admission.accepted) == ("hour", 100)
    assert admission.series.step == timedelta(hours=1)
    assert admission.series.end == BEGIN + timedelta(hours=99)
    assert admission.to_json()["step"] == "hour"
    assert "hours with data" in admission.report.read_text()


def test_a_missing_hour_is_a_gap_that_is_told_by_its_label(check, hourly, hours):
    rows = hours()
    del rows[30:33]
    admission = check(hourly, rows, now=NOW)
    [reason] = admission.reasons
    assert (reason.code, reason.date) == ("DAYS_MISSING", "2024-11-21T06:00")
    assert reason.found == "3 without a row, to 2024-11-21T08:00"
    assert reason.expected == "a row every hour"
    assert admission.missing_days == 3
    assert not admission.series.observed[30:33].any()


def test_a_label_between_two_hours_is_quarantined(check, hourly, hours):
    rows = hours(changes={(40, 0): "2024-11-21T16:20"})
    codes = [reason.code for reason in check(hourly, rows, now=NOW).reasons]
    assert codes == ["DATE_OFF_STEP", "DAYS_MISSING"]


def test_an_hour_that_has_not_begun_is_quarantined(check, hourly, hours):
    # Oslo's clock shows 13:30 when UTC shows 12:30: the row of 13:00 may be there, not 14:00.
    start = NOW.replace(minute=0) - timedelta(hours=97)
    admission = check(hourly, hours(start=start), now=NOW)
    [reason] = admission.reasons
    assert reason.code == "DATE_IN_FUTURE"
    assert reason.expected == "no hour after 2024-12-01T13:30"
    assert admission.series.end.hour == 13


def test_a_day_of_one_value_is_no_stuck_sensor_but_a_week_is(check, hourly, hours):
    calm = hours(400, start=BEGIN - timedelta(days=10), changes={(at, 1): "9" for at in range(24)})
    stuck = hours(
        4000, start=BEGIN - timedelta(days=160), changes={(at, 1): "9" for at in range(169)}
    )
    assert check(hourly, calm, now=NOW).quarantined == 0
    admission = check(hourly, stuck, now=NOW)
    assert {reason.code for reason in admission.reasons} == {"STUCK_SENSOR"}
    assert admission.quarantined == 169


def test_a_spike_names_its_hour(check, hourly, hours):
    [reason] = check(hourly, hours(changes={(50, 1): "50"}), now=NOW).reasons
    assert (reason.code, reason.date) == ("JUMP", "2024-11-22T02:00")
    assert reason.expected == "at most 25 °C from hour to hour"
