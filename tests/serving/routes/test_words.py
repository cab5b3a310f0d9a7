"""Open-Meteo's and Nixtla's words: past days, units, clocks, intervals, CSV, several stations."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting.stores.stations import VariableCard, write_station
from serving.schemas import ForecastAnswer

TARGET = "temperature_2m_mean"


def test_past_days_show_what_was_observed_before_the_forecast(ask, home, station_of, look):
    write_station(home, station_of(gaps={88}))
    look()

    answer = ask(past_days=3, forecast_days=2).json()

    daily = answer["daily"]
    assert daily["time"] == [f"2015-12-{day}" for day in (29, 30, 31)] + [
        "2016-01-01",
        "2016-01-02",
    ]
    assert daily[TARGET] == [10.7, None, 10.9, 11.0, 11.1]
    assert daily[f"{TARGET}_p10"] == [None, None, None, 9.0, 8.7]
    assert answer["origin"] == "2015-12-31"
    ForecastAnswer.model_validate(answer, strict=True, extra="forbid")


def test_past_days_that_are_no_longer_kept_are_null(ask):
    daily = ask(past_days=92).json()["daily"]

    assert len(daily["time"]) == 92 + 7
    assert daily[TARGET][:2] == [None, None]
    assert daily[TARGET][2] == 2.0


@pytest.mark.parametrize("days", ["-1", "93", "1.5", "x"])
def test_past_days_beyond_the_limits_are_refused(ask, fault, days):
    assert fault(ask(past_days=days), 422, "REQUEST_INVALID") == "past_days"


def test_fahrenheit_converts_observed_and_forecast_values_and_their_units(ask):
    usual = ask(past_days=1).json()
    answer = ask(past_days=1, temperature_unit="fahrenheit").json()

    assert set(answer["daily_units"].values()) == {"iso8601", "°F"}
    for name, column in usual["daily"].items():
        if name != "time":
            expected = [None if each is None else each * 1.8 + 32 for each in column]
            assert answer["daily"][name] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("temperature_unit", "kelvin"),
        ("wind_speed_unit", "m/s"),
        ("precipitation_unit", "cm"),
        ("format", "xlsx"),
        ("fallback", "perhaps"),
    ],
)
def test_a_word_that_is_not_known_is_refused(ask, fault, word, value):
    assert fault(ask(**{word: value}), 422, "REQUEST_INVALID") == word


def test_only_the_intervals_asked_for_stand_beside_the_median(ask, post, question):
    asked = ask(level="80").json()
    posted = post(question | {"level": [80]}).json()

    assert list(asked["daily"]) == ["time", TARGET, f"{TARGET}_p10", f"{TARGET}_p90"]
    assert list(asked["daily_units"]) == list(asked["daily"])
    assert posted == asked


def test_intervals_may_be_repeated_in_the_query(ask):
    assert ask(level=["80", "95"]).json() == ask(level="[80,95]").json() == ask().json()


def test_an_interval_that_the_model_lacks_is_refused_with_those_it_has(ask, post, question, fault):
    for answer in (ask(level="50,80"), post(question | {"level": [50]})):
        assert fault(answer, 422, "REQUEST_INVALID") == "level"
        assert "80, 95 %" in answer.json()["detail"]


@pytest.mark.parametrize("level", [80, ["80"], [0], [100], [], [None], [True]])
def test_post_refuses_intervals_that_are_no_list_of_percentages(post, question, fault, level):
    assert fault(post(question | {"level": level}), 422, "REQUEST_INVALID").startswith("$.level")


def test_a_station_of_days_keeps_its_own_clock(ask, post, question, fault):
    usual = ask().json()

    assert ask(timezone="auto").json() == usual
    assert ask(timezone="America/Los_Angeles").json() == usual
    assert fault(ask(timezone="UTC"), 422, "REQUEST_INVALID") == "timezone"
    assert fault(post(question | {"timezone": "UTC"}), 422, "REQUEST_INVALID") == "timezone"


def test_hours_of_a_station_are_said_on_another_clock(
    client, home, station_of, promote, model_card, look
):
    last = datetime(2015, 12, 31, 22, tzinfo=UTC)
    record = station_of("harbour")
    time = tuple(f"{last - timedelta(hours=back):%Y-%m-%dT%H:%M}" for back in range(89, -1, -1))
    card = replace(record.card, step_seconds=3600, timezone="UTC", horizon=30)
    write_station(home, replace(record, card=card, recent=replace(record.recent, time=time)))
    card = replace(model_card, model="climate-harbour", station="harbour", step_seconds=3600)
    promote(card=replace(card, horizon=30))
    look()

    query = "station=harbour&forecast_hours=2&timezone=Asia/Kolkata"
    answer = client.get(f"/v1/forecast?{query}").json()
    shown = client.get(f"/v1/forecast?{query}&past_days=1").json()

    assert answer["timezone"] == "Asia/Kolkata"
    assert answer["origin"] == shown["origin"] == "2016-01-01T03:30"
    assert answer["hourly"]["time"] == ["2016-01-01T04:30", "2016-01-01T05:30"]
    assert len(shown["hourly"]["time"]) == 26
    assert shown["hourly"]["time"][23] == shown["origin"]


def read_csv(answer):
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_csv_holds_what_json_holds(ask, post, question):
    usual = ask(past_days=1, forecast_days=2).json()
    rows = read_csv(ask(past_days=1, forecast_days=2, format="csv"))

    assert list(rows[0])[:2] == ["time", f"{TARGET} (°C)"]
    assert [row["time"] for row in rows] == usual["daily"]["time"]
    for name, column in usual["daily"].items():
        if name != "time":
            cells = [row[f"{name} (°C)"] for row in rows]
            assert [float(cell) if cell else None for cell in cells] == column
    assert {row["model"] for row in rows} == {"climate-seattle/3"}
    assert {(row["origin"], row["trained_through"]) for row in rows} == {
        ("2015-12-31", "2015-09-30")
    }
    posted = read_csv(post(question | {"forecast_days": 2, "format": "csv"}))
    assert posted == read_csv(ask(forecast_days=2, format="csv"))


@pytest.fixture
def oslo(home, station_of, promote, model_card, look):
    """A second station with a champion."""
    write_station(home, station_of("oslo"))
    promote(1, card=replace(model_card, model="climate-oslo", station="oslo"))
    look()


@pytest.mark.usefixtures("oslo")
def test_several_stations_are_answered_as_a_list(client, ask):
    usual = ask(forecast_days=1)

    both = ask(station="seattle,oslo", forecast_days=1).json()
    rows = read_csv(ask(station="seattle,oslo", forecast_days=1, format="csv"))

    assert both[0] == usual.json()
    assert [each["station"] for each in both] == ["seattle", "oslo"]
    assert [row["station"] for row in rows] == ["seattle", "oslo"]
    assert client.get("/v1/forecast?station=seattle,nowhere").status_code == 404


def test_more_stations_than_one_answer_lists_are_refused(client, fault):
    answer = client.get("/v1/forecast", params={"station": ",".join(["seattle"] * 26)})

    assert fault(answer, 422, "REQUEST_INVALID") == "station"


def test_an_answer_has_a_tag_and_is_not_sent_again(ask, client, promote, look):
    first = ask()
    tag = first.headers["etag"]
    again = client.get("/v1/forecast?station=seattle", headers={"If-None-Match": tag})
    assert first.headers["cache-control"] == "private, no-cache"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert ask(forecast_days=3).headers["etag"] != tag

    promote(4)
    look()
    swapped = client.get("/v1/forecast?station=seattle", headers={"If-None-Match": tag})

    assert swapped.status_code == 200
    assert swapped.headers["etag"] != tag


@pytest.mark.parametrize("path", ["/v1/stations", "/v1/models/seattle"])
def test_descriptions_have_tags_too(ask, client, path):
    ask()
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    unit=st.sampled_from(["celsius", "fahrenheit"]),
    level=st.sampled_from([None, [80], [95], [80, 95]]),
    days=st.integers(1, 7),
    older=st.lists(st.none() | st.floats(-40, 50), max_size=20),
)
def test_answers_are_ordered_and_older_days_change_nothing(
    post, question, unit, level, days, older
):
    words = {"temperature_unit": unit, "level": level, "forecast_days": days}
    newest = {name: column[-60:] for name, column in question["history"].items()}
    first = datetime.fromisoformat(newest["time"][0])
    before = [first - timedelta(days=back) for back in range(len(older), 0, -1)]
    longer = {
        "time": [f"{day:%Y-%m-%d}" for day in before] + newest["time"],
        TARGET: older + newest[TARGET],
        "precipitation_sum": [None] * len(older) + newest["precipitation_sum"],
    }

    answer = post({"station": "seattle", "history": newest, **words}).json()

    assert post({"station": "seattle", "history": longer, **words}).json() == answer
    names = sorted(answer["daily"].keys() - {"time"}, key=share)
    for row in zip(*(answer["daily"][name] for name in names), strict=True):
        assert list(row) == sorted(row)
    assert set(answer["daily_units"].values()) == {
        "iso8601", {"celsius": "°C", "fahrenheit": "°F"}[unit]
    }  # fmt: skip


def share(name):
    _, found, percent = name.rpartition("_p")
    return float(percent.replace("_", ".")) if found else 50.0


def test_wind_and_rain_have_units_of_their_own(ask, home, record, promote, look, model_card):
    wind, rain = "wind_speed_10m_mean", "precipitation_sum"
    variables = (
        VariableCard(name=TARGET, unit="°C", lower=-40, upper=50),
        VariableCard(name=rain, unit="mm", lower=0, upper=500),
        VariableCard(name=wind, unit="m/s", lower=0, upper=60),
    )
    values = {**record.recent.values, wind: (10.0,) * 90}
    card = replace(record.card, variables=variables, targets=(TARGET, rain, wind))
    write_station(home, replace(record, card=card, recent=replace(record.recent, values=values)))
    for target, unit in ((rain, "mm"), (wind, "m/s")):
        of_target = replace(
            model_card, model=f"climate-seattle--{target}", target=target, unit=unit,
            variables=(target, TARGET),
        )  # fmt: skip
        promote(1, card=of_target)
    look()

    answer = ask(
        daily=f"{wind},{rain}", wind_speed_unit="kmh", precipitation_unit="inch", forecast_days=1
    ).json()

    assert (answer["daily_units"][wind], answer["daily_units"][f"{rain}_p10"]) == ("km/h", "inch")
    assert answer["daily"][wind][0] == pytest.approx(10.1 * 3.6)
