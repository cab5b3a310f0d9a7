"""A station with several targets: each is asked for by its name, and has a version of its own."""

from dataclasses import replace

import pytest

from forecasting.stores.stations import write_station
from serving import kept
from serving.schemas import ForecastAnswer

TEMP, RAIN = "temperature_2m_mean", "precipitation_sum"


@pytest.fixture
def rain_card(model_card):
    return replace(
        model_card,
        model=f"climate-seattle--{RAIN}",
        target=RAIN,
        unit="mm",
        variables=(RAIN, TEMP),
    )


@pytest.fixture
def two_targets(home, record):
    """Declare a second target of the station."""
    write_station(home, replace(record, card=replace(record.card, targets=(TEMP, RAIN))))


@pytest.fixture
def ask(client, promote, look, two_targets, rain_card):  # noqa: ARG001 - the station is written
    """Ask for forecasts of a station with two targets, of which both have a champion."""
    promote(3)
    promote(5, card=rain_card)
    look()

    def get(**query):
        return client.get("/v1/forecast", params={"station": "seattle", **query})

    return get


def test_both_targets_come_with_their_quantiles_units_and_versions(ask):
    answer = ask(daily=f"{TEMP},{RAIN}", forecast_days=2).json()
    assert list(answer["daily"])[:2] == ["time", TEMP]
    assert {RAIN, f"{RAIN}_p2_5", f"{TEMP}_p97_5"} <= set(answer["daily"])
    assert answer["daily_units"][RAIN] == "mm"
    assert {name: model["version"] for name, model in answer["models"].items()} == {
        TEMP: 3,
        RAIN: 5,
    }
    assert answer["model"] == answer["models"][TEMP]
    ForecastAnswer.model_validate(answer, strict=True, extra="forbid")


def test_without_a_name_the_first_target_is_answered_as_ever(ask):
    usual, named = ask().json(), ask(daily=TEMP).json()
    assert "models" not in usual
    assert named == {**usual, "models": {TEMP: usual["model"]}}


def test_the_order_of_the_names_is_the_order_of_the_answer_and_kept_apart(ask):
    one, other = ask(daily=f"{TEMP},{RAIN}").json(), ask(daily=f"{RAIN},{TEMP}").json()
    assert (one["model"]["version"], other["model"]["version"]) == (3, 5)
    assert one["daily"] == other["daily"]
    assert ask(daily=f"{RAIN},{TEMP}").json() == other


def test_a_new_champion_of_one_target_replaces_the_kept_answer(ask, promote, look, rain_card):
    before = ask(daily=f"{TEMP},{RAIN}").json()
    promote(6, card=rain_card, offset=1.0)
    look()
    after = ask(daily=f"{TEMP},{RAIN}").json()
    assert after["models"][RAIN]["version"] == 6
    assert after["daily"][RAIN][0] == pytest.approx(before["daily"][RAIN][0] + 1)
    assert after["daily"][TEMP] == before["daily"][TEMP]


def test_only_so_many_answers_are_kept(ask, client, monkeypatch):
    monkeypatch.setattr(kept, "MOST_KEPT", 2)
    for days in range(1, 6):
        ask(daily=RAIN, forecast_days=days)
    assert len(client.app.state.parts.answers._kept) <= 2


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"daily": f"{TEMP},snow"}, "daily"),
        ({"daily": f"{TEMP},{TEMP}"}, "daily"),
        ({"daily": ""}, "daily"),
        ({"hourly": TEMP}, "hourly"),
        ({"daily": TEMP, "hourly": TEMP}, "hourly"),
        ({"daily": RAIN, "forecast_days": 8}, "forecast_days"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_path(ask, query, path, fault):
    assert fault(ask(**query), 422, "REQUEST_INVALID") == path


def test_an_unknown_target_is_told_the_known_ones(ask):
    answer = ask(daily="snow").json()
    assert answer["detail"] == f"targets of the station are {TEMP}, {RAIN}"


@pytest.mark.usefixtures("two_targets")
def test_a_target_without_a_champion_is_unavailable_and_leaves_the_other(
    client, promote, look, fault, rain_card
):
    promote(3)
    look()
    fault(client.get(f"/v1/forecast?station=seattle&daily={RAIN}"), 503, "NO_CHAMPION")
    assert client.get(f"/v1/forecast?station=seattle&daily={TEMP}").status_code == 200
    # A champion from when the station's further target was another one does not answer for it.
    promote(4, card=replace(rain_card, target=TEMP))
    look()
    fault(client.get(f"/v1/forecast?station=seattle&daily={RAIN}"), 503, "NO_CHAMPION")


def test_a_champion_that_looks_less_far_ahead_ends_the_answer(ask, promote, look, rain_card):
    promote(7, card=replace(rain_card, horizon=4))
    look()
    answer = ask(daily=f"{TEMP},{RAIN}").json()
    assert {len(column) for column in answer["daily"].values()} == {4}


def test_a_posted_history_is_answered_for_each_target_as_the_stations_own(ask, client, question):
    posted = client.post("/v1/forecast", json={**question, "daily": [TEMP, RAIN]}).json()
    assert posted == ask(daily=f"{TEMP},{RAIN}").json()


def test_a_post_for_an_unknown_target_is_refused(ask, client, question, fault):
    assert ask().status_code == 200
    wrong = client.post("/v1/forecast", json={**question, "daily": ["snow"]})
    assert fault(wrong, 422, "REQUEST_INVALID") == "daily"
    shape = client.post("/v1/forecast", json={**question, "daily": TEMP})
    assert fault(shape, 422, "REQUEST_INVALID") == "$.daily"


def test_stations_and_models_list_the_targets(ask, client, fault):
    assert ask().status_code == 200
    [station] = client.get("/v1/stations").json()["stations"]
    assert station["targets"] == [
        {"target": TEMP, "unit": "°C", "has_champion": True},
        {"target": RAIN, "unit": "mm", "has_champion": True},
    ]
    assert (station["target"], station["elevation"]) == (TEMP, None)
    first = client.get("/v1/models/seattle").json()
    rain = client.get("/v1/models/seattle", params={"target": RAIN}).json()
    assert first["targets"] == rain["targets"] == [TEMP, RAIN]
    assert (first["target"], rain["target"], rain["version"]) == (TEMP, RAIN, 5)
    unknown = client.get("/v1/models/seattle", params={"target": "snow"})
    assert fault(unknown, 422, "REQUEST_INVALID") == "target"


def test_the_document_of_the_api_says_how_targets_are_named(client):
    document = client.get("/openapi.json").json()
    forecast = document["paths"]["/v1/forecast"]
    named = {each["name"] for each in forecast["get"]["parameters"]}
    assert {"daily", "hourly"} <= named
    body = forecast["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"daily", "hourly"} <= set(body["properties"])
    assert "models" in document["components"]["schemas"]["ForecastAnswer"]["properties"]
