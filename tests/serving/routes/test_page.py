"""The pages as HTTP answers: what is on them, what they forbid themselves, how they refuse."""

import json
import re
from dataclasses import replace

import pytest

from forecasting.stores.decisions import DecisionEntry, append_decision
from forecasting.stores.published import pointer_path
from forecasting.stores.stations import write_station
from serving.web.checks import MOST_FINDINGS
from serving.web.rendering import Pages

HTML = {"accept": "text/html"}


@pytest.fixture
def show(client, promote, look):
    """Ask for a page of a home whose Seattle has a champion."""
    promote(3)
    look()

    def get(path, **options):
        return client.get(path, headers=HTML, **options)

    return get


def numbers(page):
    return [float(each) for each in re.findall(r'<data value="([^"]+)">', page)]


def test_the_first_page_shows_the_first_station_that_has_a_forecast(client, home, station_of, show):
    write_station(home, station_of("bergen"))
    client.app.state.parts.records.refresh()

    page = show("/").text

    assert "<title>seattle: mean temperature" in page
    assert '<option value="bergen">bergen (no model yet)</option>' in page


def test_the_numbers_of_the_page_are_those_of_the_api(client, show):
    said = client.get("/v1/forecast?station=seattle").json()["daily"]
    ends = [said[f"temperature_2m_mean_{end}"] for end in ("p10", "p90", "p2_5", "p97_5")]

    found = numbers(show("/stations/seattle").text)

    expected = zip(said["temperature_2m_mean"], *ends, strict=True)
    assert found == [number for row in expected for number in row]


def test_a_page_may_load_and_run_nothing_but_our_own_files(show):
    answer = show("/stations/seattle")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<style|\bstyle=|\bon\w+=\"|javascript:", answer.text)
    assert re.findall(r"<script(?! defer src=\"/assets/)[^>]*>", answer.text) == [
        '<script type="application/json" id="fan-specification">'
    ]
    assert re.findall(r'(?:src|href)="(?!/|#|data:)([^"]*)', answer.text) == []


def test_a_picked_station_is_led_to_its_own_page(show):
    answer = show("/?station=seattle", follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, "/stations/seattle")


@pytest.mark.parametrize(
    "path", ["/stations/nowhere", "/stations/nowhere/data", "/?station=nowhere", "/assets/x.js"]
)
def test_what_is_not_there_is_a_page_with_the_requests_id(show, path):
    answer = show(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-request-id"] in answer.text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "path", ["/stations/%3Cb%3E", "/stations/..%2f..%2fetc", "/?station=%3Cb%3E"]
)
def test_a_name_that_nobody_has_is_not_echoed(show, path):
    answer = show(path)

    assert answer.status_code == 404
    assert "<b>" not in answer.text
    assert "&lt;b&gt;" not in answer.text


@pytest.mark.parametrize("query", ["target=nothing", "target=", "target=" + "x" * 65])
def test_a_target_that_the_station_lacks_is_refused_on_a_page(show, query):
    answer = show(f"/stations/seattle?{query}")

    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")


def test_a_home_without_stations_says_how_one_appears(client, home, look):
    (home / "stations" / "seattle.json").unlink()
    look()

    answer = client.get("/")

    assert answer.status_code == 200
    assert "gatecast retrain" in answer.text


def test_a_champion_whose_days_are_not_enough_shows_the_days_and_says_why(
    client, home, station_of, show
):
    write_station(home, station_of(days=30))
    client.app.state.parts.records.refresh()

    page = show("/stations/seattle").text

    assert "There is no forecast from its model: too few" in page
    assert "climate-seattle" in page


def test_a_home_of_an_older_form_says_not_recorded_and_fails_nowhere(show):
    page = show("/stations/seattle").text

    assert "Not recorded: this version was promoted before" in page
    assert "Nothing is recorded of its model." in page
    assert "Not recorded: the verdict" in show("/stations/seattle/data").text


def test_what_a_decision_says_is_text_and_never_markup(home, show):
    entry = DecisionEntry(
        model="climate-seattle", version=3, run_id="r", promoted=True,
        sentence="<script>alert(1)</script>", who="<i>", time="not a time",
    )  # fmt: skip
    append_decision(home, entry)

    page = show("/stations/seattle").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<i>" not in page


def test_a_further_target_has_its_own_page(client, home, station_of, model_card, promote, look):
    record = station_of()
    targets = ("temperature_2m_mean", "precipitation_sum")
    write_station(home, replace(record, card=replace(record.card, targets=targets)))
    rain = replace(
        model_card,
        model="climate-seattle--precipitation_sum",
        target="precipitation_sum",
        unit="mm",
    )
    promote(1, card=rain)
    look()

    page = client.get("/stations/seattle?target=precipitation_sum").text

    assert "<title>seattle: precipitation" in page
    assert 'aria-current="page">precipitation</a>' in page


def test_a_forecast_that_cannot_be_trusted_is_told_without_failing(client, promote, look):
    promote(1, spoiled="nan")
    look()

    answer = client.get("/stations/seattle")

    assert answer.status_code == 200
    assert "MODEL_OUTPUT_INVALID" in answer.text


@pytest.mark.parametrize(
    ("uri", "link"),
    [
        ("http://user:secret@mlflow.example:5000/", "http://mlflow.example:5000/#/runs/run-3"),
        ("https://[::1]:5000", "https://[::1]:5000/#/runs/run-3"),
    ],
)
def test_the_run_is_linked_where_mlflow_has_pages_and_never_with_a_password(
    client, promote, look, uri, link
):
    promote(3)
    look()
    settings = client.app.state.parts.settings.model_copy(update={"tracking_uri": uri})
    client.app.state.pages = Pages(settings)

    page = client.get("/stations/seattle").text

    assert f'href="{link}"' in page
    assert "secret" not in page


def test_files_are_kept_for_ever_under_a_name_that_changes_with_them(show):
    page = show("/").text
    for name in re.findall(r'"/(assets/page-[0-9a-f]{12}\.(?:js|css))"', page):
        answer = show(f"/{name}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        again = show(f"/{name}")
        assert again.headers["etag"] == answer.headers["etag"]
    assert len(re.findall("/assets/page-", page)) == 2


def test_a_file_that_the_client_has_is_not_sent_again(client, show):
    [name] = re.findall(r'"(/assets/page-[0-9a-f]{12}\.css)"', show("/").text)
    etag = show(name).headers["etag"]

    answer = client.get(name, headers={"if-none-match": etag})

    assert (answer.status_code, answer.content) == (304, b"")


def test_pages_stand_in_no_api_description(client):
    assert not [
        path
        for path in client.get("/openapi.json").json()["paths"]
        if "station" in path and not path.startswith("/v1/")
    ]


def test_a_damaged_verdict_on_the_data_is_told_as_not_recorded(home, record, show):
    folder = home / "admitted" / record.recent.data_sha256
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text("[1, 2")

    assert "Not recorded: the verdict" in show("/stations/seattle/data").text


def test_a_champion_that_is_withdrawn_leaves_the_page_with_what_was_observed(home, show, look):
    pointer_path(home, "climate-seattle").unlink()
    look()

    page = show("/stations/seattle").text

    assert "No model has been promoted for it yet." in page
    assert numbers(page) == []


def test_a_full_forecasts_desk_is_a_page_that_says_when_to_come_back(client, show):
    desk = client.app.state.parts.forecasts
    places = range(client.app.state.parts.settings.forecast_places)
    for _ in places:
        desk.enter()
    answer = show("/stations/seattle")
    for _ in places:
        desk.leave()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"].startswith("text/html")
    assert show("/stations/seattle").status_code == 200


def test_no_header_is_said_twice(show):
    for path in ("/", "/stations/nowhere"):
        names = [name.lower() for name, _ in show(path).headers.multi_items()]
        assert len(names) == len(set(names))


def test_of_many_findings_the_first_are_listed_and_all_are_counted(home, record, show):
    folder = home / "admitted" / record.recent.data_sha256
    folder.mkdir(parents=True)
    found = {"code": "JUMP", "date": "2015-12-01", "found": "9", "expected": "1", "variable": "x"}
    verdict = {"accepted": 5, "reasons": [found] * (MOST_FINDINGS + 7)}
    (folder / "verdict.json").write_text(json.dumps(verdict))

    page = show("/stations/seattle/data").text

    assert page.count("<code>JUMP</code>") == MOST_FINDINGS
    assert f"The first {MOST_FINDINGS} of {MOST_FINDINGS + 7} are shown" in page
