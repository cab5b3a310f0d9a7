import numpy as np
import pandas as pd
import pytest

from data_checks.suite import (
    ColumnAggregateExpectation,
    ColumnAggregateMetricProvider,
    PandasExecutionEngine,
    climate_suite,
    column_aggregate_value,
    run_suite,
)


@pytest.fixture
def frame():
    def build(count=40, **changes):
        day = np.arange(count)
        columns = {
            "date": pd.date_range("2024-01-01", periods=count, unit="us"),
            "temperature_2m_mean": 5.0 + day % 7,
            "wind_speed_10m_mean": 2.0 + day % 5,
        }
        return pd.DataFrame({**columns, **changes})

    return build


def failures(dataset, frame):
    results = run_suite(climate_suite(dataset), frame)
    return {(result.name, result.variable) for result in results if not result.success}


def test_a_whole_frame_meets_every_expectation(declare, frame):
    results = run_suite(climate_suite(declare()), frame())
    assert len(results) == 7 + 5 + 4
    assert all(result.success for result in results)


def test_an_empty_frame_fails(declare, frame):
    found = failures(declare(), frame(0))
    assert ("expect_table_row_count_to_be_between", None) in found


def test_a_frame_shorter_than_history_and_horizon_fails(declare, frame):
    assert failures(declare(), frame(25)) == set()
    assert failures(declare(), frame(24)) == {("expect_table_row_count_to_be_between", None)}


def test_a_column_of_gaps_fails(declare, frame):
    found = failures(declare(), frame(temperature_2m_mean=np.nan))
    assert found == {("expect_column_values_to_not_be_null", "temperature_2m_mean")}


def test_gaps_beyond_the_declared_share_fail(declare, frame):
    values = frame()["temperature_2m_mean"].to_numpy().copy()
    values[:8] = np.nan
    assert failures(declare(), frame(temperature_2m_mean=values)) == set()
    values[8] = np.nan
    found = failures(declare(), frame(temperature_2m_mean=values))
    assert found == {("expect_column_values_to_not_be_null", "temperature_2m_mean")}


def test_a_missing_column_fails(declare, frame):
    found = failures(declare(), frame().drop(columns="temperature_2m_mean"))
    assert ("expect_table_columns_to_match_ordered_list", None) in found
    assert ("expect_column_values_to_be_between", "temperature_2m_mean") in found


def test_text_in_a_column_fails(declare, frame):
    values = frame()["temperature_2m_mean"].astype(str)
    found = failures(declare(), frame(temperature_2m_mean=values))
    assert ("expect_column_values_to_be_of_type", "temperature_2m_mean") in found


def test_one_absurd_value_among_many_fails(declare, frame):
    values = frame(4000)["wind_speed_10m_mean"].to_numpy().copy()
    values[3000] = 7679.3
    found = failures(declare(), frame(4000, wind_speed_10m_mean=values))
    assert found == {("expect_column_values_to_be_between", "wind_speed_10m_mean")}


def test_a_missing_day_fails(declare, frame):
    found = failures(declare(), frame().drop(index=7))
    assert found == {("expect_column_dates_one_step_apart", None)}


def test_unordered_dates_fail(declare, frame):
    swapped = frame()
    swapped.loc[[4, 5], "date"] = swapped.loc[[5, 4], "date"].to_numpy()
    found = failures(declare(), swapped)
    assert ("expect_column_values_to_be_increasing", None) in found


def test_the_same_day_twice_fails(declare, frame):
    twice = frame()
    twice.loc[5, "date"] = twice.loc[4, "date"]
    assert ("expect_column_values_to_be_unique", None) in failures(declare(), twice)


def test_a_change_of_level_fails(declare, frame):
    values = frame()["temperature_2m_mean"].to_numpy().copy()
    values[20:] += 36
    found = failures(declare(), frame(temperature_2m_mean=values))
    assert found == {("expect_column_not_to_jump", "temperature_2m_mean")}


def test_a_stuck_sensor_fails(declare, frame):
    values = frame()["temperature_2m_mean"].to_numpy().copy()
    values[20:27] = 9
    found = failures(declare(), frame(temperature_2m_mean=values))
    assert found == {("expect_column_not_to_be_stuck", "temperature_2m_mean")}


class ColumnBroken(ColumnAggregateMetricProvider):
    metric_name = "column.gatecast.broken"

    @column_aggregate_value(engine=PandasExecutionEngine)
    def _pandas(cls, *_, **__):  # noqa: N805 - the library passes the class
        raise ZeroDivisionError("the check itself broke")


class ExpectColumnBroken(ColumnAggregateExpectation):
    metric_dependencies = ("column.gatecast.broken",)
    args_keys = ("column",)

    def _validate(self, *_, **__):
        return {"success": True, "result": {}}


def test_an_expectation_that_raises_counts_as_failed(frame):
    (result,) = run_suite((ExpectColumnBroken(column="temperature_2m_mean"),), frame())
    assert not result.success
    assert "the check itself broke" in result.observed
