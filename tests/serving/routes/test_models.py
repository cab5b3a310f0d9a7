"""The routes that describe: what a client reads before it posts a history of its own."""

from dataclasses import replace

import pytest


def test_the_model_names_what_a_post_must_bring(client, promote, look):
    promote(3)
    look()

    answer = client.get("/v1/models/seattle").json()

    assert answer["variables"] == [
        {"name": "temperature_2m_mean", "unit": "°C", "lower": -40, "upper": 50},
        {"name": "precipitation_sum", "unit": "mm", "lower": 0, "upper": 500},
    ]
    assert (answer["history"], answer["horizon"]) == (60, 7)
    assert answer["levels"] == [0.025, 0.1, 0.5, 0.9, 0.975]
    assert (answer["name"], answer["version"]) == ("climate-seattle", 3)
    assert answer["trained_through"] == "2015-09-30"


@pytest.mark.parametrize(
    ("station", "status", "code"),
    [("seattle", 503, "NO_CHAMPION"), ("nowhere", 404, "STATION_UNKNOWN")],
)
def test_there_is_no_model_of_a_station_without_one(client, station, status, code):
    answer = client.get(f"/v1/models/{station}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_stations_are_listed_with_and_without_a_champion(client, promote, look, model_card):
    before = client.get("/v1/stations").json()["stations"]
    promote(1)
    promote(1, card=replace(model_card, model="climate-oslo", station="oslo"))
    look()
    after = client.get("/v1/stations").json()["stations"]

    assert [station["has_champion"] for station in before] == [False]
    assert [station["has_champion"] for station in after] == [True]
    assert after[0]["name"] == "seattle"
    assert after[0]["last_observed"] == "2015-12-31"
    assert after[0]["attribution"] == "NOAA"
