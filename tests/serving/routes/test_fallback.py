"""Where no model can answer: both numbers, or a climatology that says what it is and why."""

import time
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from forecasting.stores.climatologies import ClimatologyTable
from forecasting.stores.stations import write_station
from serving.freshness import age_days, last_ended, station_now
from serving.schemas import ForecastAnswer

TARGET = "temperature_2m_mean"
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)


@pytest.fixture
def usual():
    """10 °C all the year, with wider intervals each month."""
    spread = [(-3.0 - month, -1.0 - month, 0.0, 1.0 + month, 3.0 + month) for month in range(12)]
    return ClimatologyTable(
        levels=LEVELS,
        course=(10.0,) * 366,
        offsets=tuple(spread),
        step_seconds=86_400,
        through="2015-12-31",
    )


@pytest.fixture
def admit(home, station_of, look, usual):
    """Write Seattle's record anew, with what is usual there."""

    def write(*, max_age_days=None, climatology=usual, **options):
        record = station_of(**options)
        record = replace(
            record,
            card=replace(record.card, max_age_days=max_age_days),
            climatologies={} if climatology is None else {TARGET: climatology},
        )
        write_station(home, record)
        look()
        return record

    return write


@pytest.fixture
def get(client):
    def ask(**query):
        return client.get("/v1/forecast", params={"station": "seattle", **query})

    return ask


def check_usual(answer, reason):
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["model"] is None
    assert (told["fallback"]["kind"], told["fallback"]["reason"]) == ("climatology", reason)
    assert told["fallback"]["trained_through"] == "2015-12-31"
    ForecastAnswer.model_validate(told, strict=True, extra="forbid")
    daily = told["daily"]
    names = [f"{TARGET}_p2_5", f"{TARGET}_p10", TARGET, f"{TARGET}_p90", f"{TARGET}_p97_5"]
    for row in zip(*(daily[name] for name in names), strict=True):
        assert all(low <= high for low, high in pairwise(row))
    assert (date.fromisoformat(daily["time"][0]) - date.fromisoformat(told["origin"])).days == 1
    return told


def test_a_station_without_a_champion_says_what_is_usual_when_asked(admit, get, fault):
    admit()

    fault(get(), 503, "NO_CHAMPION")
    told = check_usual(get(fallback="true"), "NO_CHAMPION")

    assert told["origin"] == told["fallback"]["last_observed"] == "2015-12-31"
    assert len(told["daily"]["time"]) == 7
    assert told["daily"][TARGET] == [10.0] * 7
    assert told["daily"][f"{TARGET}_p90"] == [11.0] * 7


def test_a_champion_answers_itself_even_when_a_climatology_would_do(admit, get, promoted):
    admit()

    assert get(fallback="true").json() == get().json()
    assert get().json()["model"]["version"] == promoted.version


def test_a_champion_that_comes_takes_over_from_the_climatology(admit, get, promote, look):
    admit()
    check_usual(get(fallback="true"), "NO_CHAMPION")
    promote(3)
    look()

    assert get(fallback="true").json()["model"]["version"] == 3


@pytest.mark.usefixtures("promoted")
def test_observations_that_are_too_old_are_refused_with_both_numbers(admit, get, fault):
    record = admit(max_age_days=3)
    age = age_days(record, TARGET, time.time())

    answer = get()

    fault(answer, 409, "DATA_TOO_OLD")
    allowed, found = answer.json()["detail"].split("; ")[1:]
    assert allowed == "expected at most 3 days"
    assert float(found.removeprefix("found ").removesuffix(" days")) == pytest.approx(age, abs=0.11)


@pytest.mark.usefixtures("promoted")
def test_a_climatology_for_old_observations_begins_after_the_last_day_that_is_over(
    admit, get, client
):
    record = admit(max_age_days=3)
    now = client.app.state.parts.answers.clock()

    told = check_usual(get(fallback="true"), "DATA_TOO_OLD")
    shown = get(fallback="true", past_days=2).json()

    ended = date(1970, 1, 1) + timedelta(seconds=last_ended(record, now))
    assert told["origin"] == ended.isoformat()
    assert told["fallback"]["last_observed"] == "2015-12-31"
    assert shown["daily"][TARGET][:2] == [None, None]
    assert shown["daily"]["time"][2:] == told["daily"]["time"]
    assert station_now(record, now) - last_ended(record, now) < 2 * 86_400


@pytest.mark.usefixtures("promoted")
def test_new_observations_end_the_refusal(admit, get):
    admit(max_age_days=3)
    assert get().status_code == 409

    admit(max_age_days=3, last=date.today() - timedelta(days=1))  # noqa: DTZ011 - either zone's

    assert get().status_code == 200


@pytest.mark.usefixtures("promoted")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"days": 59}, "HISTORY_TOO_SHORT"),
        ({"days": 130, "gaps": range(70, 130)}, "NO_USABLE_HISTORY"),
    ],
)
def test_too_few_usable_days_have_a_climatology_when_asked(admit, get, options, reason):
    admit(**options)

    assert get().json()["code"] == reason
    check_usual(get(fallback="true"), reason)


def test_a_spoilt_forecast_has_a_climatology_when_asked(admit, get, promote, look):
    promote(1, spoiled="nan")
    look()
    admit()

    assert get().json()["code"] == "MODEL_OUTPUT_INVALID"
    check_usual(get(fallback="true"), "MODEL_OUTPUT_INVALID")


def test_a_posted_history_can_be_answered_by_a_climatology(admit, client, question, promote, look):
    admit()
    question |= {"fallback": True, "forecast_days": 3}
    question["history"] = {"time": ["2016-06-29", "2016-06-30"], TARGET: [1.0, 2.0]}

    told = check_usual(client.post("/v1/forecast", json=question), "NO_CHAMPION")
    assert told["daily"]["time"] == ["2016-07-01", "2016-07-02", "2016-07-03"]

    promote(1)
    look()
    question["history"]["precipitation_sum"] = [0.0, 0.0]
    check_usual(client.post("/v1/forecast", json=question), "HISTORY_TOO_SHORT")


def test_a_request_that_is_wrong_itself_is_refused_with_or_without_fallback(
    admit, get, client, question, fault
):
    admit()
    question |= {"fallback": True}
    question["history"]["time"][5] = "yesterday"

    assert fault(get(fallback="true", forecast_days=8), 422, "REQUEST_INVALID") == "forecast_days"
    wrong = client.post("/v1/forecast", json=question)
    assert fault(wrong, 422, "REQUEST_INVALID") == "$.history.time[5]"


def test_a_record_without_a_climatology_says_that_it_has_none(admit, get, fault):
    admit(climatology=None)

    answer = get(fallback="true")

    fault(answer, 503, "NO_CLIMATOLOGY")
    assert "NO_CHAMPION" in answer.json()["detail"]


def test_a_climatology_stays_within_what_the_checks_admit(admit, get, usual):
    low = replace(usual, course=(-39.0,) * 366)
    admit(climatology=low)

    assert get(fallback="true").json()["daily"][f"{TARGET}_p2_5"] == [-40.0] * 7


def test_a_climatology_takes_the_words_as_a_forecast_does(admit, get):
    admit()

    told = get(fallback="true", level="80", temperature_unit="fahrenheit", past_days=1).json()
    table = get(fallback="true", format="csv").text.splitlines()

    assert list(told["daily"]) == ["time", TARGET, f"{TARGET}_p10", f"{TARGET}_p90"]
    assert told["daily"][TARGET][-1] == 50.0
    assert "climatology,2015-12-31,NO_CHAMPION" in table[1]


@pytest.mark.usefixtures("promoted")
def test_of_several_targets_each_says_who_answered(home, get, look, record, usual):
    rain = "precipitation_sum"
    dry = replace(usual, course=(0.0,) * 366)
    write_station(
        home,
        replace(
            record,
            card=replace(record.card, targets=(TARGET, rain)),
            climatologies={TARGET: usual, rain: dry},
        ),
    )
    look()

    told = get(fallback="true", daily=f"{TARGET},{rain}").json()

    assert told["models"][TARGET]["version"] == 3
    assert told["models"][rain] is None
    assert list(told["fallbacks"]) == [rain]
    assert told["fallback"]["reason"] == "NO_CHAMPION"
    assert min(told["daily"][f"{rain}_p2_5"]) == 0.0
