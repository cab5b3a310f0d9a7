import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from data_checks.declaration import parse_dataset
from forecasting.errors import DatasetInvalid, SourceFormat, SourceUnavailable
from pipelines.sources.open_meteo import archive_url, read_archive

NOW = datetime(2024, 6, 15, 23, 0, tzinfo=UTC)
TEXT = """
name = "tokyo"
target = "temperature_2m_mean"
source = { kind = "open-meteo", start = 2024-01-01 }
station = { latitude = 35.68, longitude = 139.77, timezone = "Asia/Tokyo" }
[columns]
temperature_2m_mean = { variable = "temperature_2m_mean", unit = "°C" }
wind_speed_10m_mean = { variable = "wind_speed_10m_mean", unit = "m/s" }
"""
ANSWER = {
    "latitude": 35.7,
    "longitude": 139.8,
    "timezone": "Asia/Tokyo",
    "daily_units": {
        "time": "iso8601",
        "temperature_2m_mean": "°C",
        "wind_speed_10m_mean": "m/s",
    },
    "daily": {
        "time": ["2024-01-01", "2024-01-02"],
        "temperature_2m_mean": [6.10, None],
        "wind_speed_10m_mean": [3, 2.55],
    },
}


def dataset(old="", new=""):
    return parse_dataset(TEXT.replace(old, new) if old else TEXT, "tokyo.toml")


def read(stub, chosen=None):
    chosen = chosen or dataset()
    return read_archive(chosen, chosen.source, stub.policy(), NOW)


def changed(**parts):
    return {**ANSWER, **parts}


def as_json(content):
    return json.dumps(content).encode()


def test_the_documented_parameters_are_asked_for(meteo_stub, answer_with):
    meteo_stub.answers = [answer_with(as_json(ANSWER))]
    read(meteo_stub)
    host, path = meteo_stub.requests[0]
    assert (host, urlsplit(path).path) == ("archive-api.open-meteo.com", "/v1/archive")
    assert parse_qs(urlsplit(path).query) == {
        "latitude": ["35.68"],
        "longitude": ["139.77"],
        "start_date": ["2024-01-01"],
        # Five days before the station's own today, which is the 16th already.
        "end_date": ["2024-06-11"],
        "daily": ["temperature_2m_mean,wind_speed_10m_mean"],
        "timezone": ["Asia/Tokyo"],
        "temperature_unit": ["celsius"],
        "wind_speed_unit": ["ms"],
        "precipitation_unit": ["mm"],
        "timeformat": ["iso8601"],
    }


def test_the_answer_is_written_down_digit_by_digit(meteo_stub, answer_with):
    body = as_json(ANSWER).replace(b"6.1,", b"6.10,")
    meteo_stub.answers = [answer_with(body)]
    assert read(meteo_stub).decode() == (
        "date,temperature_2m_mean,wind_speed_10m_mean\n2024-01-01,6.10,3\n2024-01-02,,2.55\n"
    )


def test_a_declared_last_day_is_kept():
    chosen = dataset("start = 2024-01-01", "start = 2024-01-01, end = 2024-02-03")
    assert "end_date=2024-02-03" in archive_url(chosen, chosen.source, NOW)


def test_a_first_day_that_the_archive_does_not_reach_is_refused():
    chosen = dataset("2024-01-01", "2024-06-12")
    with pytest.raises(DatasetInvalid, match="a start up to 2024-06-11"):
        archive_url(chosen, chosen.source, NOW)


def test_a_column_in_another_unit_is_refused_before_anybody_is_asked(meteo_stub):
    with pytest.raises(DatasetInvalid, match="expected m/s; found km/h"):
        read(meteo_stub, dataset('"m/s"', '"km/h"'))
    assert meteo_stub.requests == []


def test_a_documented_refusal_gives_its_reason(meteo_stub, answer_with):
    body = as_json({"error": True, "reason": "Parameter 'daily' is \x1b invalid"})
    meteo_stub.answers = [answer_with(body, status=400)]
    with pytest.raises(SourceUnavailable, match=r"Parameter 'daily' is \\x1b invalid"):
        read(meteo_stub)
    assert len(meteo_stub.requests) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<!doctype html>", "something else; .* found <!doctype html>"),
        (b"", "found nothing"),
        (b"[1]", "something else"),
        (b"[" * 100_000, "something else"),
        (as_json({}), "without daily values"),
        (as_json(changed(daily=[])), "without daily values"),
        (as_json(changed(daily={"time": []})), "do not belong together"),
        (as_json(changed(daily={**ANSWER["daily"], "time": ["2024-01-01"]})), "belong together"),
        (
            as_json(changed(daily_units={**ANSWER["daily_units"], "temperature_2m_mean": "°F"})),
            "temperature_2m_mean in another unit; expected °C; found °F",
        ),
    ],
)
def test_an_answer_of_another_form_is_refused(meteo_stub, answer_with, body, message):
    meteo_stub.answers = [answer_with(body)]
    with pytest.raises(SourceFormat, match=message):
        read(meteo_stub)
