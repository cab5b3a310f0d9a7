from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data_checks.rows import RowReader, label_text, read_label, station_label

DAY = timedelta(days=1)
NOW = datetime(2024, 2, 1, 12, tzinfo=UTC)


@pytest.fixture
def read(declare, as_table):
    def build(rows, **options):
        reader = RowReader(declare(**options), NOW)
        return reader.read([as_table(rows)]), reader.reasons

    return build


def test_dates_and_numbers_are_read_in_the_units_of_the_file(read):
    rows, reasons = read([["2024-01-01", "1.5", "-2e1"], ["2024-01-02T00:00", "+3.", ".5"]])
    assert reasons == []
    assert [label_text(step, DAY) for step in rows.steps] == ["2024-01-01", "2024-01-02"]
    np.testing.assert_array_equal(rows.values, [[1.5, -20], [3, 0.5]])


def test_declared_missing_values_are_gaps_without_a_reason(read):
    rows, reasons = read([["2024-01-01", "", "-"]], extra='missing = ["", "-"]')
    assert reasons == []
    assert np.isnan(rows.values).all()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("warm", "NOT_A_NUMBER"),
        ("1_000", "NOT_A_NUMBER"),
        ("0x10", "NOT_A_NUMBER"),
        ("1.2.3", "NOT_A_NUMBER"),
        ("٣", "NOT_A_NUMBER"),
        ("=1+1", "NOT_A_NUMBER"),
        ("1e999", "NOT_FINITE"),
        ("-1e999", "NOT_FINITE"),
        ("inf", "NOT_FINITE"),
        ("-Infinity", "NOT_FINITE"),
    ],
)
def test_a_cell_that_is_no_finite_number_is_quarantined(read, text, code):
    rows, (reason,) = read([["2024-01-01", text, "2"]])
    assert (reason.code, reason.date, reason.variable) == (
        code,
        "2024-01-01",
        "temperature_2m_mean",
    )
    assert reason.found == text
    np.testing.assert_array_equal(rows.values, [[np.nan, 2]])


@pytest.mark.parametrize(
    ("row", "code", "found"),
    [
        (["yesterday", "1", "2"], "DATE_INVALID", "row 2: 'yesterday'"),
        (["2024-02-30", "1", "2"], "DATE_INVALID", "2024-02-30"),
        (["2024-01", "1", "2"], "DATE_INVALID", "2024-01"),
        (["0024-01-01", "1", "2"], "DATE_INVALID", "0024-01-01"),
        (["2024-01-01T00:00+02:00", "1", "2"], "DATE_INVALID", "+02:00"),
        (["2024-01-01T07:00", "1", "2"], "DATE_OFF_STEP", "T07:00"),
        (["2024-02-03", "1", "2"], "DATE_IN_FUTURE", "2024-02-03"),
        (["9999-12-31", "1", "2"], "DATE_IN_FUTURE", "9999"),
        (["2024-01-01", "1"], "ROW_MALFORMED", "2 cells"),
        (["2024-01-01", "1", "2", "3"], "ROW_MALFORMED", "4 cells"),
    ],
)
def test_a_row_that_belongs_to_no_day_is_quarantined(read, row, code, found):
    rows, (reason,) = read([row])
    assert rows.steps.size == 0
    assert reason.code == code
    assert found in reason.found


def test_a_declared_date_format_is_the_only_one(read):
    rows, reasons = read(
        [["01.02.2023", "1", "2"], ["2023-02-01", "1", "2"]], extra='date_format = "%d.%m.%Y"'
    )
    assert rows.steps.size == 1
    assert reasons[0].expected == "a date like %d.%m.%Y"
    assert read_label("01.02.2023", "%d.%m.%Y") == datetime(2023, 2, 1, tzinfo=UTC)


def test_today_is_the_day_of_the_station(declare):
    moment = datetime(2024, 1, 31, 23, 30, tzinfo=UTC)
    assert station_label(moment, declare()) == datetime(2024, 2, 1, 0, 30, tzinfo=UTC)
