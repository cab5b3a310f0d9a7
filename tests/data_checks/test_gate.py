import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from data_checks.declaration import parse_dataset
from data_checks.gate import admit
from forecasting.settings import load_settings
from pipelines.catalogue import find_dataset
from pipelines.sources import land

SHARED = Path(__file__).parents[3] / "shared" / "data"
TRAIN = SHARED / "DailyDelhiClimateTrain.csv"
TEST = SHARED / "DailyDelhiClimateTest.csv"
needs_delhi = pytest.mark.skipif(not TRAIN.is_file(), reason=f"needs the Delhi files in {SHARED}")

BAD_PRESSURES = {
    "2016-03-28": "7679.333 hPa",
    "2016-06-09": "938.0667 hPa",
    "2016-07-24": "946.3125 hPa",
    "2016-08-02": "310.4375 hPa",
    "2016-08-14": "633.9 hPa",
    "2016-08-16": "-3.041667 hPa",
    "2016-09-24": "1352.615 hPa",
    "2016-11-17": "1350.296 hPa",
    "2016-11-28": "12.04545 hPa",
}


def test_a_good_batch_becomes_a_series_with_the_target_first(check, declare, days):
    admission = check(declare(), days(40))
    assert (admission.verdict, admission.accepted, admission.quarantined) == ("accepted", 40, 0)
    assert admission.reasons == ()
    series = admission.series
    assert series.names == ("temperature_2m_mean", "wind_speed_10m_mean")
    assert series.start == datetime(2024, 1, 1, tzinfo=UTC)
    assert series.values[1].tolist() == pytest.approx([6, 11 / 3.6])
    assert admission.data_sha256 == series.sha256
    assert len(admission.files_sha256) == 1


def test_the_same_batch_twice_is_the_same_verdict(check, declare, days):
    assert check(declare(), days(40)).to_json() == check(declare(), days(40)).to_json()


def test_quarantined_cells_become_masked_gaps(check, declare, days):
    changes = {(3, 1): "-9999", (4, 1): "1e999", (5, 1): "inf", (6, 2): "strong"}
    admission = check(declare(extra="[limits]\nmax_quarantined = 0.1"), days(40, changes=changes))
    assert (admission.verdict, admission.quarantined, admission.accepted) == ("accepted", 4, 40)
    assert np.argwhere(~admission.series.observed).tolist() == [[3, 0], [4, 0], [5, 0], [6, 1]]


def test_missing_days_are_counted_and_masked(check, declare, days):
    rows = days(40)
    admission = check(declare(), rows[:10] + rows[13:])
    assert (admission.verdict, admission.missing_days, admission.accepted) == ("accepted", 3, 37)
    assert not admission.series.observed[10:13].any()
    assert len(admission.series) == 40


def test_order_and_repetition_do_not_change_the_data(check, declare, days):
    rows = days(40)
    straight = check(declare(), rows)
    mixed = check(declare(), [*reversed(rows), rows[5]])
    assert mixed.data_sha256 == straight.data_sha256
    assert {reason.code for reason in mixed.reasons} == {"ROW_REPEATED", "ORDER_RESTORED"}
    assert mixed.quarantined == 0


def test_a_derived_target_is_a_gap_where_a_part_is(check, days):
    text = """name = "oslo"
    target = "temperature_2m_mean"
    history = 20
    source = { kind = "csv", paths = ["oslo.csv"] }
    station = { latitude = 59.9, longitude = 10.7, timezone = "Europe/Oslo" }
    [columns]
    temp = { variable = "temperature_2m_max", unit = "°C" }
    wind = { variable = "temperature_2m_min", unit = "°F" }
    [derived]
    temperature_2m_mean = { mean_of = ["temperature_2m_max", "temperature_2m_min"] }
    """
    admission = check(parse_dataset(text, "oslo.toml"), days(40, changes={(2, 1): "999"}))
    series = admission.series
    assert series.names[0] == "temperature_2m_mean"
    assert series.values[0, 0] == pytest.approx((5 + (10 - 32) * 5 / 9) / 2)
    assert not series.observed[2, 0]
    assert series.observed[2, 2]


@pytest.mark.parametrize(
    ("header", "code"),
    [(("date", "temp"), "COLUMN_MISSING"), (("day", "temp", "wind"), "COLUMN_MISSING")],
)
def test_a_batch_without_a_declared_column_is_refused(check, declare, days, header, code):
    rows = [row[: len(header)] for row in days(40)]
    admission = check(declare(), rows, header=header)
    assert admission.verdict == "refused"
    assert admission.series is None
    assert [reason.code for reason in admission.reasons] == [code]
    assert admission.reasons[0].found == ", ".join(header)


def test_an_empty_batch_is_refused(check, declare, codes):
    admission = check(declare(), [])
    assert (admission.verdict, admission.accepted, admission.data_sha256) == ("refused", 0, None)
    assert codes(admission) == ["NO_ROWS"]
    assert admission.report.is_file()


def test_rows_without_any_readable_date_are_refused(check, declare, codes):
    admission = check(declare(), [["soon", "1", "2"]])
    assert codes(admission) == ["NO_ROWS", "DATE_INVALID"]


def test_a_column_of_gaps_is_refused(check, declare, days):
    rows = days(40, changes={(day, 1): "" for day in range(40)})
    admission = check(declare(), rows)
    assert admission.verdict == "refused"
    assert [(reason.code, reason.variable) for reason in admission.reasons] == [
        ("EXPECTATION_FAILED", "temperature_2m_mean")
    ]


def test_a_short_batch_is_refused(check, declare, days, codes):
    assert check(declare(), days(25)).verdict == "accepted"
    refused = check(declare(), days(24))
    assert codes(refused) == ["EXPECTATION_FAILED"]
    assert refused.reasons[0].found == "24"


def test_too_much_quarantine_is_refused_with_both_numbers(check, declare, days):
    few = {(day, 1): "-9999" for day in (5, 15)}
    many = {(day, 1): "-9999" for day in (5, 15, 25)}
    assert check(declare(), days(40, changes=few)).verdict == "accepted"
    refused = check(declare(), days(40, changes=many))
    assert refused.verdict == "refused"
    assert refused.reasons[0].code == "TOO_MUCH_QUARANTINED"
    assert refused.reasons[0].found == "3 of 40 cells"
    assert refused.reasons[0].expected == "at most 5.0%"


def test_too_many_rows_that_cannot_be_read_are_refused(check, declare, days):
    rows = days(40) + [["soon", "1", "2"]] * 3
    refused = check(declare(), rows)
    assert refused.verdict == "refused"
    assert (refused.reasons[0].code, refused.reasons[0].variable) == ("TOO_MUCH_QUARANTINED", None)


def test_a_file_in_fahrenheit_is_refused(check, declare, days, codes):
    admission = check(declare(), days(40, temp=lambda day: 64 + 5 * (day % 4)))
    assert admission.verdict == "refused"
    assert {"UNIT_CHANGED", "TOO_MUCH_QUARANTINED"} <= set(codes(admission))


@pytest.mark.parametrize("first", [20, 34, 36])
def test_a_file_that_turns_to_fahrenheit_is_refused(check, declare, days, first):
    def temperature(day):
        celsius = 5 + day % 7
        return celsius if day < first else celsius * 1.8 + 32

    admission = check(declare(), days(40, temp=temperature))
    assert admission.verdict == "refused"
    assert "expect_column_not_to_jump" in admission.reasons[0].expected


def test_a_fraction_in_a_percent_column_is_refused(check, days):
    text = """name = "oslo"
    target = "relative_humidity_2m_mean"
    history = 20
    source = { kind = "csv", paths = ["oslo.csv"] }
    station = { latitude = 59.9, longitude = 10.7, timezone = "Europe/Oslo" }
    [columns]
    temp = { variable = "relative_humidity_2m_mean", unit = "%" }
    """
    dataset = parse_dataset(text, "oslo.toml")
    rows = days(40, temp=lambda day: 50 + day % 30)
    assert check(dataset, rows).verdict == "accepted"
    assert check(dataset, days(40, changes={(3, 1): "130"})).quarantined == 1
    fraction = days(40, temp=lambda day: (50 + day % 30) / 100)
    assert check(dataset, fraction).verdict == "refused"


def test_a_dataset_without_an_age_limit_is_never_too_old(check, declare, days, now):
    late = now + timedelta(days=9000)
    assert check(declare(), days(40), now=late).verdict == "accepted"


def test_data_beyond_its_declared_age_is_refused(check, declare, days, codes):
    dataset = declare(extra="max_age_days = 3")
    in_time = datetime(2024, 2, 12, 10, tzinfo=UTC)
    assert check(dataset, days(40), now=in_time).verdict == "accepted"
    refused = check(dataset, days(40), now=in_time + timedelta(days=1))
    assert codes(refused) == ["DATA_TOO_OLD"]
    assert refused.reasons[0].found == "last observation 2024-02-09, 4 days ago"


def test_the_verdict_is_json(check, declare, days):
    content = json.loads(json.dumps(check(declare(), days(40)).to_json(), allow_nan=False))
    assert {"accepted", "quarantined", "missing_days", "reasons", "verdict", "report"} <= set(
        content
    )


@needs_delhi
def test_the_nine_pressures_of_delhi_are_found_and_none_is_admitted(tmp_path):
    admission = admit(find_dataset("delhi"), [TRAIN], reports=tmp_path)
    assert admission.verdict == "accepted"
    assert {reason.date: reason.found for reason in admission.reasons} == BAD_PRESSURES
    series = admission.series
    pressure = series.values[:, series.names.index("surface_pressure_mean")]
    assert (len(series), int(np.isnan(pressure).sum())) == (1462, 9)
    assert (np.nanmin(pressure), np.nanmax(pressure)) == (991.375, 1023)


@needs_delhi
def test_both_delhi_files_resolve_the_day_that_stands_in_both(tmp_path):
    forth = admit(find_dataset("delhi"), [TRAIN, TEST], reports=tmp_path)
    back = admit(find_dataset("delhi"), [TEST, TRAIN], reports=tmp_path)
    assert forth.data_sha256 == back.data_sha256
    twice = [reason for reason in forth.reasons if reason.date == "2017-01-01"]
    assert [reason.code for reason in twice] == ["DUPLICATE_DATE", "OUT_OF_BOUNDS"]
    assert "meantemp 10 °C" in twice[0].found
    row = (datetime(2017, 1, 1, tzinfo=UTC) - forth.series.start).days
    assert forth.series.values[row, 0] == pytest.approx(15.913, abs=1e-3)
    assert (forth.accepted, forth.quarantined, forth.missing_days) == (1575, 11, 0)


def test_seattle_is_admitted_whole(tmp_path):
    raw = land(find_dataset("seattle"), load_settings(home=tmp_path))
    admission = admit(find_dataset("seattle"), [raw[0].path], reports=tmp_path)
    assert (admission.verdict, admission.accepted, admission.reasons) == ("accepted", 1461, ())
    assert admission.series.names[0] == "temperature_2m_mean"
    assert admission.series.values[0, 0] == pytest.approx((12.8 + 5.0) / 2)
