"""What Prometheus is told, and that the dashboard and the alerts ask for what there is."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from forecasting.stores.files import write_json

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations"
NAME = re.compile(r"\bgatecast_[a-z_]+")


@pytest.fixture
def told(client):
    """Return the samples now: {(name, labels): value}."""

    def read():
        client.app.state.parts.watcher._looks[-1]()  # carries on what has been counted
        families = text_string_to_metric_families(client.get("/metrics").text)
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in families
            for sample in family.samples
        }

    return read


def test_requests_are_counted_by_route_method_and_status(client, promote, look, told):
    promote(1)
    look()
    before = told()

    client.get("/v1/forecast?station=seattle")
    client.get("/v1/forecast?station=seattle")
    client.get("/v1/forecast?station=nowhere")
    after = told()

    def added(*key):
        return after[key] - before.get(key, 0)

    assert added("gatecast_requests_total", "/v1/forecast", "200", "GET") == 2
    assert added("gatecast_requests_total", "/v1/forecast", "404", "GET") == 1
    assert added("gatecast_request_seconds_count", "/v1/forecast") == 3


def test_a_path_that_no_route_has_makes_no_label_of_its_own(client, told):
    for number in range(5):
        client.get(f"/nowhere/{number}")

    unknown = [key for key in told() if key[0] == "gatecast_requests_total" and "404" in key]
    assert unknown == [("gatecast_requests_total", "404", "GET", "none")]


def test_versions_ages_and_ranges_are_those_of_the_live_champions(client, promote, look, told):
    promote(7)
    look()
    answer = client.get("/v1/forecast?station=seattle").json()
    columns = [values for name, values in answer["daily"].items() if name != "time"]

    values = told()

    now = datetime.now(UTC)
    assert values["gatecast_model_version", "climate-seattle"] == 7
    for key, day in (
        (("gatecast_model_age_seconds", "climate-seattle"), datetime(2015, 9, 30, tzinfo=UTC)),
        (("gatecast_data_age_seconds", "seattle"), datetime(2015, 12, 31, tzinfo=UTC)),
    ):
        assert values[key] == pytest.approx((now - day).total_seconds(), abs=60)
    lowest = values["gatecast_forecast_lowest", "climate-seattle"]
    highest = values["gatecast_forecast_highest", "climate-seattle"]
    assert lowest == pytest.approx(min(map(min, columns)), abs=1e-4)
    assert highest == pytest.approx(max(map(max, columns)), abs=1e-4)


def test_swaps_and_failed_swaps_are_counted(promote, look, told, home):
    promote(1)
    look()
    once = told()
    pointer = home / "published" / "climate-seattle" / "champion.json"
    content = json.loads(pointer.read_text())
    write_json(pointer, {**content, "version": 2, "manifest_sha256": "0" * 64})
    look()
    after = told()

    assert once["gatecast_swaps_total", "climate"] == 1
    assert once["gatecast_swap_failures_total", "climate"] == 0
    assert after["gatecast_swap_failures_total", "climate"] == 1


def test_refusals_at_the_desk_and_its_depth_are_told(client, promote, look, told):
    promote(1)
    look()
    desk = client.app.state.parts.forecasts
    places = 64
    for _ in range(places):
        desk.enter()

    answers = [client.post("/v1/forecast", content=b"{}") for _ in range(3)]
    health = client.get("/healthz")
    values = told()

    assert [answer.json()["code"] for answer in answers] == ["OVERLOADED"] * 3
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    assert health.status_code == 200
    assert values["gatecast_admission_refused_total", "forecast"] == 3
    assert values["gatecast_queue_depth", "forecast"] == places


def exposed(client):
    """Return the name of every sample that the service has."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    names = set()
    for family in families:
        names |= {family.name, *(sample.name for sample in family.samples)}
        if family.type == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
        if family.type == "counter":
            names.add(f"{family.name}_total")
    return names


@pytest.mark.parametrize("name", ["dashboard.json", "alerts.yaml"])
def test_the_dashboard_and_the_alerts_ask_for_metrics_that_there_are(client, name):
    asked = set(NAME.findall((OPERATIONS / name).read_text()))

    assert asked
    assert asked - exposed(client) == set()


def test_every_metric_of_our_own_is_on_the_dashboard(client):
    shown = (OPERATIONS / "dashboard.json").read_text()
    families = text_string_to_metric_families(client.get("/metrics").text)

    missing = [family.name for family in families if family.name not in shown]
    assert missing == []
