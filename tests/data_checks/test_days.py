import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_checks.days import DayKeeper, runs
from data_checks.rows import RowReader


def arrange(declare, tables, now):
    dataset = declare()
    rows = RowReader(dataset, now).read(tables)
    keeper = DayKeeper(dataset)
    return keeper.arrange(rows), keeper.reasons


def test_runs_are_first_and_one_past_the_last():
    assert list(runs(np.array([True, True, False, True]))) == [(0, 2), (3, 4)]
    assert list(runs(np.array([False]))) == []


def test_order_is_restored_and_told(declare, days, as_table, now):
    rows = days(5)
    grid, reasons = arrange(declare, [as_table([rows[0], rows[3], rows[1], rows[4], rows[2]])], now)
    np.testing.assert_array_equal(grid.values[:, 0], [5, 6, 7, 8, 9])
    assert [(reason.code, reason.date, reason.found) for reason in reasons] == [
        ("ORDER_RESTORED", "2024-01-02", "2 rows before an earlier row")
    ]


def test_missing_days_are_gaps_and_told(declare, days, as_table, now):
    rows = days(8)
    grid, reasons = arrange(declare, [as_table(rows[:2] + rows[4:6] + rows[7:])], now)
    assert np.isnan(grid.values[[2, 3, 6]]).all()
    assert grid.present.sum() == 5
    assert [(reason.date, reason.found) for reason in reasons] == [
        ("2024-01-03", "2 without a row, to 2024-01-04"),
        ("2024-01-07", "1 without a row, to 2024-01-07"),
    ]


def test_a_row_that_says_the_same_again_counts_once(declare, days, as_table, now):
    rows = days(3)
    grid, (reason,) = arrange(declare, [as_table([*rows, rows[2]])], now)
    assert not np.isnan(grid.values).any()
    assert (reason.code, reason.effect) == ("ROW_REPEATED", "noted")


def test_rows_of_one_file_that_differ_quarantine_the_whole_day(declare, days, as_table, now):
    rows = days(3)
    other = ["2024-01-02", "9", "11"]
    grid, (reason,) = arrange(declare, [as_table([rows[0], rows[1], other, rows[2]])], now)
    assert np.isnan(grid.values[1]).all()
    assert (reason.code, reason.date) == ("DUPLICATE_CONFLICT", "2024-01-02")
    assert reason.found == "temp 6 °C, wind 11 km/h and temp 9 °C, wind 11 km/h"


def test_between_files_the_one_that_reaches_further_wins_in_any_order(declare, days, as_table, now):
    older = as_table(days(3))
    newer = as_table([["2024-01-03", "20", "30"], ["2024-01-04", "8", "9"]])
    for tables in ([older, newer], [newer, older]):
        grid, (reason,) = arrange(declare, tables, now)
        np.testing.assert_array_equal(grid.values[2], [20, 30])
        assert (reason.code, reason.effect) == ("DUPLICATE_DATE", "quarantined")
        assert reason.found == "temp 7 °C, wind 12 km/h"
        assert "reaches further: temp 20 °C, wind 30 km/h" in reason.expected


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(12)))
def test_the_order_of_rows_changes_nothing(order, declare, days, as_table, now):
    rows = days(12)
    straight, _ = arrange(declare, [as_table(rows)], now)
    shuffled, _ = arrange(declare, [as_table([rows[place] for place in order])], now)
    np.testing.assert_array_equal(shuffled.values, straight.values)
    assert shuffled.first == straight.first
