"""Every error leaves as a problem with a code and an id; the unknown ones without their cause."""

import pytest
from fastapi.testclient import TestClient

from forecasting.errors import (
    GatecastError,
    ManifestMismatch,
    ModelOutputInvalid,
    NoChampion,
    StationUnknown,
)
from serving.app import create_app
from serving.problems import status_of
from serving.refusals import BodyTooLarge, BodyUnreadable, HistoryTooShort


@pytest.fixture
def failing(settings):
    """A client of an app whose route `/fail` raises what the test puts into `error`."""
    app = create_app(settings)
    raised = {}

    @app.get("/fail")
    def fail():
        raise raised["error"]

    return TestClient(app, raise_server_exceptions=False), raised


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (HistoryTooShort("short"), 422),
        (BodyUnreadable("strange"), 400),
        (BodyTooLarge("large"), 413),
        (StationUnknown("unknown"), 404),
        (NoChampion("none"), 503),
        (ModelOutputInvalid("odd"), 503),
        (ManifestMismatch("changed"), 500),
        (GatecastError("other"), 500),
        (ZeroDivisionError(), 500),
    ],
)
def test_the_status_is_that_of_the_nearest_listed_base(error, status):
    assert status_of(error) == status


def test_a_refusal_says_its_code_and_sentence(failing):
    client, raised = failing
    raised["error"] = NoChampion("the station has no champion", expected="a promoted version")

    answer = client.get("/fail")

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:gatecast:problem:no-champion",
        "title": "No champion",
        "status": 503,
        "detail": "the station has no champion; expected a promoted version",
        "code": "NO_CHAMPION",
        "request_id": answer.headers["x-request-id"],
        "errors": [],
    }


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("secret"), ManifestMismatch("secret", found="secret")]
)
def test_an_unknown_error_says_only_its_id_and_the_log_has_the_cause(failing, error, caplog):
    client, raised = failing
    raised["error"] = error

    answer = client.get("/fail", headers={"X-Request-Id": "mine-1"})

    assert answer.status_code == 500
    assert answer.json()["code"] == "INTERNAL"
    assert answer.json()["request_id"] == "mine-1"
    assert answer.headers.get_list("x-request-id") == ["mine-1"]
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "mine-1" in caplog.text
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("DELETE", "/v1/forecast", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/v1/stations", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_what_no_route_takes_is_a_problem_too(client, method, path, status, code):
    answer = client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert ("allow" in answer.headers) == (status == 405)
