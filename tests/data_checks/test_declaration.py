from datetime import timedelta

import pytest

from data_checks.declaration import parse_dataset
from forecasting.errors import DatasetInvalid

TEN_LINES = """name = "oslo"
target = "temperature_2m_mean"
source = { kind = "csv", paths = ["oslo.csv"] }
[station]
latitude = 59.9
longitude = 10.7
timezone = "Europe/Oslo"
[columns]
temp = { variable = "temperature_2m_mean", unit = "°C" }
wind = { variable = "wind_speed_10m_mean", unit = "km/h" }
"""


def test_ten_lines_are_a_dataset():
    dataset = parse_dataset(TEN_LINES, "oslo.toml")
    assert len(TEN_LINES.splitlines()) == 10
    assert [variable.name for variable in dataset.variables] == [
        "temperature_2m_mean",
        "wind_speed_10m_mean",
    ]
    assert (dataset.history, dataset.horizon, dataset.max_age_days) == (60, 7, None)
    assert dataset.place.name == "oslo"


def test_bounds_are_read_in_the_unit_of_the_file(declare):
    dataset = declare(unit="°F", temp=", lower = 14, upper = 104, max_jump = 36")
    rule = dataset.rules["temperature_2m_mean"]
    assert (rule.lower, rule.upper) == pytest.approx((-10, 40))
    assert rule.max_jump == pytest.approx(20)
    assert dataset.columns["temp"].bounds == (14, 104)


def test_bounds_left_out_come_from_what_is_plausible(declare):
    column = declare(unit="°F").columns["temp"]
    assert column.bounds == pytest.approx((-130, 140))
    assert column.rule.unit == "°C"


def test_a_derived_variable_takes_part_as_the_target(declare):
    dataset = declare(tail='rain = { variable = "precipitation_sum", unit = "mm" }')
    text = TEN_LINES.replace(
        'temp = { variable = "temperature_2m_mean", unit = "°C" }',
        'high = { variable = "temperature_2m_max", unit = "°C" }\n'
        'low = { variable = "temperature_2m_min", unit = "°F" }',
    )
    text += """[derived]
temperature_2m_mean = { mean_of = ["temperature_2m_max", "temperature_2m_min"] }
"""
    derived = parse_dataset(text, "oslo.toml")
    assert len(dataset.variables) == 3
    assert derived.variables[0].name == "temperature_2m_mean"
    assert len(derived.variables) == 4


def test_open_meteo_names_its_own_terms():
    text = TEN_LINES.replace(
        'source = { kind = "csv", paths = ["oslo.csv"] }',
        'source = { kind = "open-meteo", start = 2020-01-01 }',
    )
    dataset = parse_dataset(text, "oslo.toml")
    assert dataset.licence == "CC-BY-4.0"
    assert "Open-Meteo" in dataset.attribution


@pytest.mark.parametrize(
    ("old", "new", "path", "expected"),
    [
        ('name = "oslo"', 'name = "oslo"\ncolour = "red"', "colour", "no such key"),
        ("latitude = 59.9\n", "", "station.latitude", "this key"),
        ("latitude = 59.9", 'latitude = "north"', "station.latitude", "valid number"),
        ("latitude = 59.9", "latitude = nan", "station.latitude", "finite"),
        ("Europe/Oslo", "Europe/Atlantis", "station.timezone", "IANA"),
        ("Europe/Oslo", "../../etc/passwd", "station.timezone", "IANA"),
        ('name = "oslo"', 'name = "../oslo"', "name", "pattern"),
        ('"km/h"', '"furlong"', "columns.wind", "a unit among"),
        ('"km/h"', '"hPa"', "columns.wind", "kept in m/s"),
        ('"wind_speed_10m_mean"', '"pollen"', "columns.wind", "lower and upper"),
        ('"km/h"', '"km/h", lower = 9, upper = 9', "columns.wind", "lower < upper"),
        ('"km/h"', '"km/h", max_jump = -1', "columns.wind.max_jump", "greater than 0"),
        (
            '"wind_speed_10m_mean", unit = "km/h"',
            '"temperature_2m_mean", unit = "K"',
            "the declaration",
            "once",
        ),
        ('target = "temperature_2m_mean"', 'target = "snow"', "the declaration", "among"),
        ('kind = "csv"', 'kind = "ftp"', "source", "ftp"),
        ('["oslo.csv"]', "[]", "source.csv.paths", "at least 1"),
        ('["oslo.csv"]', '["oslo.csv"], sha256 = ["ab"]', "source.csv.sha256.0", "pattern"),
        (
            '["oslo.csv"]',
            f'["oslo.csv"], sha256 = ["{"a" * 64}", "{"b" * 64}"]',
            "source.csv",
            "1 sums",
        ),
        (
            '{ kind = "csv", paths = ["oslo.csv"] }',
            '{ kind = "open-meteo", start = 2020-01-02, end = 2020-01-01 }',
            "source.open-meteo",
            "not before",
        ),
        (
            '{ kind = "csv", paths = ["oslo.csv"] }',
            '{ kind = "package", package = "p", file = "../x" }',
            "source.package.file",
            "without",
        ),
        (
            '{ kind = "csv", paths = ["oslo.csv"] }',
            '{ kind = "kaggle", dataset = "a/b", files = ["/etc/passwd"] }',
            "source.kaggle.files",
            "without",
        ),
        (
            "[columns]",
            '[columns]\ndate = { variable = "precipitation_sum", unit = "mm" }',
            "the declaration",
            "beside",
        ),
        (
            "[station]",
            '[derived]\nx = { mean_of = ["y", "z"] }\n[station]',
            "the declaration",
            "mean of variables among",
        ),
        (
            "[station]",
            '[derived.x]\nmean_of = ["temperature_2m_mean", "wind_speed_10m_mean"]\n[station]',
            "the declaration",
            "one kind",
        ),
    ],
)
def test_a_declaration_is_refused_with_path_and_expectation(old, new, path, expected):
    assert old in TEN_LINES
    with pytest.raises(DatasetInvalid) as refusal:
        parse_dataset(TEN_LINES.replace(old, new), "oslo.toml")
    assert f"oslo.toml: {path} cannot" in refusal.value.message
    assert expected in str(refusal.value.expected)


def test_a_forecast_looks_at_most_16_steps_ahead():
    assert parse_dataset(f"horizon = 16\n{TEN_LINES}", "oslo.toml").horizon == 16
    with pytest.raises(DatasetInvalid, match="a horizon of at most 16 days, not 17"):
        parse_dataset(f"horizon = 17\n{TEN_LINES}", "oslo.toml")


def test_hours_are_a_step_and_a_forecast_of_them_looks_two_days_ahead():
    dataset = parse_dataset(f'step = "hour"\nhorizon = 48\n{TEN_LINES}', "oslo.toml")
    assert dataset.step_length == timedelta(hours=1)
    assert dataset.steps_of(7) == 168
    with pytest.raises(DatasetInvalid, match="a horizon of at most 48 hours, not 49"):
        parse_dataset(f'step = "hour"\nhorizon = 49\n{TEN_LINES}', "oslo.toml")


@pytest.mark.parametrize("spelling", ["day", "1 day"])
def test_a_step_has_a_longer_spelling_too(spelling):
    assert parse_dataset(f'step = "{spelling}"\n{TEN_LINES}', "oslo.toml").step == "day"


def test_a_step_of_other_length_is_refused():
    with pytest.raises(DatasetInvalid, match="step cannot be used"):
        parse_dataset(f'step = "week"\n{TEN_LINES}', "oslo.toml")


def test_the_archive_gives_no_hours():
    text = TEN_LINES.replace(
        'source = { kind = "csv", paths = ["oslo.csv"] }',
        'step = "hour"\nsource = { kind = "open-meteo", start = 2020-01-01 }',
    )
    with pytest.raises(DatasetInvalid, match="daily values"):
        parse_dataset(text, "oslo.toml")


def test_text_that_is_not_toml_is_refused():
    with pytest.raises(DatasetInvalid, match=r"oslo.toml is not TOML"):
        parse_dataset("<html>", "oslo.toml")


def test_a_time_of_day_is_refused_where_a_date_belongs():
    text = TEN_LINES.replace("latitude = 59.9", "latitude = 07:32:00")
    with pytest.raises(DatasetInvalid, match="expected text, numbers, dates"):
        parse_dataset(text, "oslo.toml")
