"""A station of hours is answered in hours: Open-Meteo's `hourly` in the place of `daily`."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from forecasting.stores.stations import write_station
from serving.commands import forecast
from serving.schemas import HourlyForecastAnswer

TARGET = "temperature_2m_mean"
LAST = datetime(2015, 12, 31, 22, tzinfo=UTC)


@pytest.fixture
def hourly(home, station_of, promote, model_card, look):
    """Promote a model of hours at a station of hours; returns the station's record."""
    record = station_of("harbour")
    time = tuple(f"{LAST - timedelta(hours=back):%Y-%m-%dT%H:%M}" for back in range(89, -1, -1))
    record = replace(
        record,
        card=replace(record.card, step_seconds=3600, horizon=30),
        recent=replace(record.recent, time=time),
    )
    write_station(home, record)
    card = replace(
        model_card, model="climate-harbour", station="harbour", step_seconds=3600, horizon=30
    )
    promote(card=card)
    look()
    return record


@pytest.fixture
def ask_hours(client, hourly):
    def get(**query):
        return client.get("/v1/forecast", params={"station": hourly.card.name, **query})

    return get


def test_an_answer_in_hours_has_labels_with_times_over_midnight(ask_hours):
    answer = ask_hours(forecast_hours=3).json()
    assert answer["origin"] == "2015-12-31T22:00"
    assert answer["hourly"]["time"] == ["2015-12-31T23:00", "2016-01-01T00:00", "2016-01-01T01:00"]
    assert len(answer["hourly"][f"{TARGET}_p10"]) == 3
    assert answer["hourly_units"][TARGET] == "°C"
    assert "daily" not in answer
    HourlyForecastAnswer.model_validate(answer, strict=True, extra="forbid")


def test_a_day_is_24_hours_and_nothing_said_the_whole_horizon(ask_hours):
    assert len(ask_hours(forecast_days=1).json()["hourly"]["time"]) == 24
    assert len(ask_hours().json()["hourly"]["time"]) == 30


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"forecast_hours": 31}, "forecast_hours"),
        ({"forecast_days": 2}, "forecast_days"),
        ({"forecast_days": 1, "forecast_hours": 24}, "forecast_hours"),
    ],
)
def test_more_hours_than_the_model_forecasts_or_two_lengths_are_refused(
    ask_hours, fault, query, path
):
    assert fault(ask_hours(**query), 422, "REQUEST_INVALID") == path


def test_hours_of_a_station_of_days_are_refused(ask, fault):
    assert fault(ask(forecast_hours=24), 422, "REQUEST_INVALID") == "forecast_hours"


def test_a_posted_history_of_hours_is_answered_as_the_stations_own(client, ask_hours, hourly):
    history = {"time": list(hourly.recent.time)}
    history |= {name: list(column) for name, column in hourly.recent.values.items()}
    body = {"station": "harbour", "history": history, "forecast_hours": 5}
    posted = client.post("/v1/forecast", content=json.dumps(body)).json()
    assert posted == ask_hours(forecast_hours=5).json()
    history["time"][7] = "2015-12-28T12:30"
    refused = client.post("/v1/forecast", content=json.dumps(body)).json()
    assert refused["errors"][0] == {
        "path": "$.history.time[7]",
        "message": "must be 3600 s after the label before",
    }


@pytest.mark.usefixtures("hourly")
def test_a_person_gets_a_row_and_a_picture_of_hours(home, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("GATECAST_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "160")
    forecast("harbour", hours=4, svg=tmp_path / "hours.svg")
    printed = capsys.readouterr().out
    assert "2016-01-01T02:00" in printed
    assert "2016-01-01T03:00" not in printed
    assert "2015-12-31T" in (tmp_path / "hours.svg").read_text()
