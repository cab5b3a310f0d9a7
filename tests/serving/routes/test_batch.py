"""Many forecasts in one POST: in order, each an answer or a problem, none failing the others."""

import json
from dataclasses import replace

import pytest

from forecasting.stores.stations import write_station
from serving import runtime
from serving.runtime import Forecaster
from serving.schemas import BatchAnswer
from serving.trying import MOST_OF_A_QUICK_ONE, UNTRIED

TARGET = "temperature_2m_mean"
RAIN = "precipitation_sum"


@pytest.fixture
def send(client, promoted):  # noqa: ARG001 - the model is live
    def post(*items):
        return client.post("/v1/forecast/batch", content=json.dumps({"items": items}))

    return post


@pytest.fixture
def calls(monkeypatch):
    """How many histories each call of a graph had."""
    sizes, run = [], Forecaster._run

    def counted(self, history, origin):
        sizes.append(len(history))
        return run(self, history, origin)

    monkeypatch.setattr(Forecaster, "_run", counted)
    return sizes


def warmer(question, by):
    history = question["history"]
    return question | {"history": history | {TARGET: [each + by for each in history[TARGET]]}}


def test_items_are_answered_in_order_as_each_would_be_alone(send, client, post, question):
    own = {"station": "seattle", "level": [80], "past_days": 2, "temperature_unit": "fahrenheit"}
    items = [question, own, warmer(question, 3.0), {**question, "forecast_days": 2}]

    answers = send(*items).json()

    alone = [post(item).json() for item in (items[0], items[2], items[3])]
    words = "level=80&past_days=2&temperature_unit=fahrenheit"
    alone.insert(1, client.get(f"/v1/forecast?station=seattle&{words}").json())
    assert answers == {"answers": alone}
    BatchAnswer.model_validate(answers, strict=True)


def test_items_for_one_graph_go_through_it_together_as_many_as_may_be(send, calls, question):
    send(*(warmer(question, float(by)) for by in range(4)), {"station": "seattle"})

    assert calls == [MOST_OF_A_QUICK_ONE, 1]


def test_a_graph_that_answers_several_by_other_bits_is_asked_one_by_one(
    send, calls, question, promote, monkeypatch, look
):
    monkeypatch.setattr(runtime, "pace_of", lambda *_: UNTRIED)
    promote(2, offset=1.0)
    look()
    calls.clear()

    send(*(warmer(question, float(by)) for by in range(3)))

    assert calls == [1] * 3


def test_an_item_that_fails_has_its_problem_and_leaves_the_others_alone(send, question):
    cold = question | {"history": question["history"] | {TARGET: [-50.0] * 90}}
    items = [{"station": "nowhere"}, question, cold, 7, {"station": "seattle", "secret": 1}]

    answer = send(*items)

    assert answer.status_code == 200
    told = answer.json()["answers"]
    assert [each.get("code") for each in told] == [
        "STATION_UNKNOWN", None, "VALUE_OUT_OF_BOUNDS", "REQUEST_INVALID", "REQUEST_INVALID",
    ]  # fmt: skip
    assert [told[place]["errors"][0]["path"] for place in (2, 3, 4)] == [
        f"$.history.{TARGET}[0]", "$", "$.secret",
    ]  # fmt: skip
    assert {each["request_id"] for each in told if "code" in each} == {
        answer.headers["x-request-id"]
    }


def test_a_history_that_spoils_its_forecast_fails_alone(client, promote, look, question, calls):
    promote(1, spoiled="nan")
    look()
    calls.clear()
    # The graph spoils whatever ends above zero.
    items = [warmer(question, -30.0), question, warmer(question, -20.0)]

    answers = client.post("/v1/forecast/batch", json={"items": items}).json()["answers"]

    assert [each.get("code") for each in answers] == [None, "MODEL_OUTPUT_INVALID", None]
    # Together first; then each alone, to see whose it is.
    assert calls == [3, 1, 1, 1]


def test_stations_with_models_of_their_own_are_asked_side_by_side(
    send, home, station_of, promote, model_card, look
):
    write_station(home, station_of("oslo"))
    promote(5, card=replace(model_card, model="climate-oslo", station="oslo"), offset=2.0)
    look()

    first, second = send({"station": "seattle"}, {"station": "oslo"}).json()["answers"]

    assert (first["model"]["version"], second["model"]["version"]) == (3, 5)
    assert second["daily"][TARGET][0] == pytest.approx(first["daily"][TARGET][0] + 2)


def test_an_item_asks_for_a_climatology_by_itself(send, home, station_of, look):
    write_station(home, station_of("oslo"))
    look()

    refused, unkept = send({"station": "oslo"}, {"station": "oslo", "fallback": True}).json()[
        "answers"
    ]

    assert (refused["code"], unkept["code"]) == ("NO_CHAMPION", "NO_CLIMATOLOGY")


def test_past_days_beside_a_history_are_refused(send, question):
    (told,) = send(question | {"past_days": 3}).json()["answers"]

    assert told["errors"][0]["path"] == "$.past_days"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{}", 422, "REQUEST_INVALID"),
        ("[]", 422, "REQUEST_INVALID"),
        ('{"items": []}', 422, "REQUEST_INVALID"),
        ('{"items": {}}', 422, "REQUEST_INVALID"),
        ('{"items": [1], "secret": 1}', 422, "REQUEST_INVALID"),
        (json.dumps({"items": [{}] * 101}), 422, "REQUEST_INVALID"),
        ('{"items": [NaN]}', 400, "JSON_INVALID"),
        ('{"items": [' + "[" * 1500 + "]" * 1500 + "]}", 400, "JSON_INVALID"),
        ('{"items": [' + "[" * 1_000_000, 400, "JSON_INVALID"),
        ("", 400, "JSON_INVALID"),
    ],
)
def test_what_is_no_batch_is_refused_whole(client, fault, body, status, code):
    fault(client.post("/v1/forecast/batch", content=body), status, code)


def test_a_hundred_whole_histories_fit(send, question):
    short = {name: column[-60:] for name, column in question["history"].items()}

    answers = send(*[question | {"history": short}] * 100).json()["answers"]

    assert len(answers) == 100
    assert all("daily" in each for each in answers)


def test_only_the_stations_own_days_speak_against_a_model(client, promote, look, question):
    promote(1)
    look()
    promote(2, spoiled="nan")
    look()
    parts = client.app.state.parts

    def versions(item):
        for _ in range(3):
            client.post("/v1/forecast/batch", json={"items": [item]})
        look()
        return parts.champions.of("climate-seattle").pointer.version

    assert versions(question) == 2
    assert versions({"station": "seattle"}) == 1
