"""A champion that fails on the station's own days gives way to the version that it replaced."""

from dataclasses import replace

import pytest

from forecasting.stores.published import GRAPH, publish, version_folder
from forecasting.stores.stations import write_station
from serving.champions import PATIENCE

QUESTION = "/v1/forecast?station=seattle"


@pytest.fixture
def ask(client):
    def ask_once():
        answer = client.get(QUESTION)
        body = answer.json()
        return answer.status_code, body["model"] if "model" in body else body["code"]

    return ask_once


@pytest.fixture
def failing(promote, look):
    """Version 1 is good; version 2, live after it, gives no finite forecast of warm days."""
    promote(1)
    look()
    promote(2, spoiled="nan")
    look()


@pytest.mark.usefixtures("failing")
def test_after_three_invalid_forecasts_the_earlier_version_answers_and_is_named_so(
    ask, look, client, caplog
):
    for _ in range(PATIENCE):
        assert ask() == (503, "MODEL_OUTPUT_INVALID")
    look()
    status, model = ask()

    assert (status, model["version"], model["alias"]) == (200, 1, "fallback")
    told = client.get("/readyz").json()
    assert told["fallbacks"] == 1
    assert told["models"]["climate-seattle"]["alias"] == "fallback"
    assert "version 1 answers again" in caplog.text


@pytest.mark.usefixtures("failing")
def test_the_fallback_answers_until_another_pointer_comes(ask, look, promote):
    for _ in range(PATIENCE):
        ask()
    look()
    assert ask()[1]["version"] == 1

    promote(3)
    look()
    status, model = ask()

    assert (status, model["version"], model["alias"]) == (200, 3, "champion")


@pytest.mark.usefixtures("failing")
def test_a_clients_own_history_never_brings_the_earlier_version_back(client, ask, look, record):
    body = {
        "station": "seattle",
        "history": {"time": record.recent.time, **record.recent.values},
    }
    for _ in range(PATIENCE + 1):
        answer = client.post("/v1/forecast", json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "MODEL_OUTPUT_INVALID")
    look()

    assert ask() == (503, "MODEL_OUTPUT_INVALID")


def test_a_version_that_was_rolled_back_from_never_stands_in(promote, look, home, ask):
    first = promote(1, spoiled="nan")
    promote(2)
    look()
    publish(home, version_folder(home, first), version=1, alias="champion", run_id="run-1")
    look()

    for _ in range(PATIENCE + 2):
        assert ask() == (503, "MODEL_OUTPUT_INVALID")
        look()


def test_a_champion_without_an_earlier_version_stays_and_says_so(promote, look, ask):
    promote(1, spoiled="nan")
    look()

    for _ in range(PATIENCE + 2):
        assert ask() == (503, "MODEL_OUTPUT_INVALID")
        look()


@pytest.mark.usefixtures("failing")
def test_a_fallback_that_fails_as_well_is_an_error_and_no_circle(ask, client, look, promote):
    promote(3, spoiled="unordered")
    look()
    for _ in range(3 * PATIENCE):
        assert ask() == (503, "MODEL_OUTPUT_INVALID")
        look()

    assert client.get("/readyz").json()["fallbacks"] == 1


@pytest.mark.usefixtures("failing")
def test_invalid_forecasts_count_only_in_a_row(client, ask, home, look, station_of):
    warm = station_of()
    frozen = warm.recent.values | {"temperature_2m_mean": (-5.0,) * 90}
    cold = replace(warm, recent=replace(warm.recent, values=frozen))
    for _ in range(PATIENCE):
        write_station(home, warm)
        look()
        assert ask() == (503, "MODEL_OUTPUT_INVALID")
        write_station(home, cold)
        look()
        assert ask()[0] == 200

    assert client.get("/readyz").json()["fallbacks"] == 0


def test_an_earlier_version_that_was_spoilt_meanwhile_does_not_stand_in(
    promote, look, home, ask, caplog
):
    earlier = promote(1)
    look()
    promote(2, spoiled="nan")
    look()
    (version_folder(home, earlier) / GRAPH).write_bytes(b"not a graph")
    for _ in range(PATIENCE + 1):
        assert ask() == (503, "MODEL_OUTPUT_INVALID")
        look()

    assert ask() == (503, "MODEL_OUTPUT_INVALID")
    assert "cannot stand in" in caplog.text
