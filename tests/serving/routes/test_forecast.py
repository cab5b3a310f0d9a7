"""The forecast routes: the whole way from a query or a body to an answer."""

from datetime import date

import pytest

from forecasting.stores.stations import write_station
from serving.schemas import ForecastAnswer

TARGET = "temperature_2m_mean"
RAIN = "precipitation_sum"


def test_get_answers_in_the_form_of_open_meteo(ask):
    answer = ask(forecast_days=2).json()

    assert list(answer["daily"])[:2] == ["time", TARGET]
    assert answer["daily"]["time"] == ["2016-01-01", "2016-01-02"]
    # The last value is 10.9, the origin is day 16,800 and adds nothing, each lead adds 0.1.
    assert answer["daily"][TARGET] == [11.0, 11.1]
    assert answer["daily"][f"{TARGET}_p10"] == [9.0, 8.7]
    assert answer["daily"][f"{TARGET}_p97_5"] == [13.375, 13.95]
    assert answer["daily_units"]["time"] == "iso8601"
    assert answer["daily_units"][f"{TARGET}_p2_5"] == "°C"
    assert (answer["latitude"], answer["longitude"]) == (47.45, -122.31)
    assert answer["timezone"] == "America/Los_Angeles"
    assert answer["origin"] == "2015-12-31"
    assert answer["model"] == {
        "name": "climate-seattle",
        "version": 3,
        "alias": "champion",
        "run_id": "run-3",
        "trained_through": "2015-09-30",
        "data_sha256": "d" * 64,
        "skill_horizon": 6,
    }


def test_the_answer_is_what_the_schema_declares(ask):
    ForecastAnswer.model_validate(ask().json(), strict=True, extra="forbid")


def test_the_whole_horizon_is_the_default(ask):
    assert len(ask().json()["daily"]["time"]) == 7


@pytest.mark.parametrize("days", ["0", "-1", "8", "2.5", "seven", "", "9" * 30])
def test_get_refuses_days_beyond_the_horizon_or_not_whole(ask, days, fault):
    answer = ask(forecast_days=days)

    assert fault(answer, 422, "REQUEST_INVALID") == "forecast_days"


def test_get_refuses_a_missing_station_and_an_unknown_parameter(client, fault):
    missing = client.get("/v1/forecast")
    misspelt = client.get("/v1/forecast", params={"station": "seattle", "days": 3})

    assert fault(missing, 422, "REQUEST_INVALID") == "station"
    assert fault(misspelt, 422, "REQUEST_INVALID") == "days"


@pytest.mark.parametrize("station", ["nowhere", "../seattle", "Seattle", "s%00"])
def test_an_unknown_station_is_not_found_and_not_echoed(client, station, fault):
    answer = client.get("/v1/forecast", params={"station": station})

    fault(answer, 404, "STATION_UNKNOWN")
    assert station not in answer.text.replace("expected seattle", "")


def test_a_station_without_a_champion_is_unavailable(client, question, fault):
    fault(client.get("/v1/forecast?station=seattle"), 503, "NO_CHAMPION")
    fault(client.post("/v1/forecast", json=question), 503, "NO_CHAMPION")


@pytest.mark.parametrize("spoiled", ["nan", "unordered"])
def test_an_output_that_is_not_finite_or_not_in_order_is_never_sent(
    client, promote, look, question, spoiled, fault
):
    promote(1, spoiled=spoiled)
    look()

    fault(client.get("/v1/forecast?station=seattle"), 503, "MODEL_OUTPUT_INVALID")
    fault(client.post("/v1/forecast", json=question), 503, "MODEL_OUTPUT_INVALID")


def test_a_new_champion_or_a_new_day_replaces_the_kept_answer(ask, promote, look, home, station_of):
    first = ask().json()
    promote(4, offset=1.0)
    look()
    second = ask().json()
    write_station(home, station_of(last=date(2016, 1, 1)))
    look()
    third = ask().json()

    assert [answer["model"]["version"] for answer in (first, second, third)] == [3, 4, 4]
    assert second["daily"][TARGET][0] == pytest.approx(first["daily"][TARGET][0] + 1)
    assert third["origin"] == "2016-01-01"


def test_a_station_with_too_few_usable_days_is_refused_with_both_numbers(
    ask, look, home, station_of, fault
):
    write_station(home, station_of(days=90, gaps=range(31)))
    look()
    answer = ask()

    fault(answer, 422, "HISTORY_TOO_SHORT")
    assert answer.json()["detail"].endswith("expected 60; found 59")


def test_a_station_whose_last_sixty_days_hold_nothing_is_refused(
    ask, look, home, station_of, fault
):
    write_station(home, station_of(days=130, gaps=range(70, 130)))
    look()

    fault(ask(), 422, "NO_USABLE_HISTORY")


def test_post_equals_get_on_the_same_last_days(client, post, question, model_card):
    newest = {name: column[-model_card.history :] for name, column in question["history"].items()}

    usual = client.get("/v1/forecast?station=seattle").json()

    assert post(question).json() == usual
    assert post({**question, "history": newest}).json() == usual


def test_post_without_days_answers_the_whole_horizon(post, question):
    del question["forecast_days"]

    assert len(post(question).json()["daily"]["time"]) == 7


def test_post_takes_null_for_a_gap(post, question):
    question["history"][TARGET][-1] = None
    question["history"][RAIN] = [None] * 90

    assert post(question).json()["daily"][TARGET][0] == pytest.approx(10.9)
