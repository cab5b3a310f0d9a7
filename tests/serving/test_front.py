"""What stands before every route: ids, safe headers, trusted hosts, a line in the log."""

import io
import json

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.key_stores import FileKeys
from serving.keys import create_key
from serving.logs import JsonLines


@pytest.fixture
def logged(settings):
    """A client of an app that logs, and a function that ends it and returns the log's lines."""
    stream = io.StringIO()
    app = create_app(settings, JsonLines(stream))

    @app.get("/fail")
    def fail():
        raise ZeroDivisionError

    client = TestClient(app, raise_server_exceptions=False)
    client.__enter__()

    def end():
        client.__exit__(None, None, None)
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    return client, end


def test_every_answer_carries_an_id_of_its_own(client):
    answers = [client.get(path) for path in ("/healthz", "/healthz", "/nowhere", "/docs")]

    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 4


def test_a_plain_id_of_the_client_is_kept(client):
    answer = client.get("/healthz", headers={"X-Request-Id": "retrain-2015.12_31"})

    assert answer.headers.get_list("x-request-id") == ["retrain-2015.12_31"]


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, '"}', "é".encode()])
def test_an_id_that_is_not_fit_for_a_log_is_replaced(client, given):
    answer = client.get("/healthz", headers={"X-Request-Id": given})

    assert len(answer.headers["x-request-id"]) == 16


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/v1/stations", "/openapi.json", "/docs"])
def test_every_answer_has_the_headers_that_keep_a_browser_from_harm(client, path):
    headers = client.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "cache-control" in headers
    assert "access-control-allow-origin" not in headers


def test_no_other_origin_is_let_in(client):
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}

    answer = client.options("/v1/forecast", headers=asked)

    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_host_that_this_service_is_not_is_refused(client):
    answer = client.get("/v1/stations", headers={"Host": "attacker.example"})

    assert (answer.status_code, answer.json()["code"]) == (421, "HOST_REFUSED")
    assert "attacker" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize("host", ["testserver", "TESTSERVER:8000"])
def test_a_trusted_host_is_known_with_any_port_and_in_any_case(client, host):
    assert client.get("/v1/stations", headers={"Host": host}).status_code == 200


def test_a_request_is_one_line_of_json_without_its_question_or_its_body(logged):
    client, end = logged

    client.get("/v1/forecast?station=secret-place", headers={"X-Request-Id": "known"})
    client.post("/v1/forecast", content=b'{"station": "secret-body"}')
    lines = [line for line in end() if line["event"] == "request"]

    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/v1/forecast", 404),
        ("POST", "/v1/forecast", 422),
    ]
    assert lines[0]["request_id"] == "known"
    assert {line["route"] for line in lines} == {"/v1/forecast"}
    assert "secret" not in json.dumps(lines)


def test_health_checks_are_not_logged(logged):
    client, end = logged

    client.get("/healthz")

    assert [line for line in end() if line["event"] == "request"] == []


def test_a_path_cannot_forge_a_second_line(logged):
    client, end = logged

    client.get("/nowhere%0A%7B%22event%22%3A%22forged%22%7D")

    (line,) = end()
    assert line["path"] == '/nowhere\n{"event":"forged"}'


def test_a_key_that_was_put_into_the_path_or_the_id_is_not_logged(logged, home):
    client, end = logged
    whole, _ = create_key(FileKeys(home), "ann", ("forecast",))

    client.get(f"/nowhere/{whole}", headers={"X-Request-Id": whole})

    # The secret itself may hold the sign that stands before it.
    assert whole.split("_", 2)[2] not in json.dumps(end())


def test_an_unknown_error_is_a_problem_with_safe_headers_and_is_counted(logged):
    client, end = logged

    answer = client.get("/fail")
    counted = client.get("/metrics").text

    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert 'gatecast_requests_total{method="GET",route="/fail",status="500"} 1.0' in counted
    assert [line["status"] for line in end() if line["event"] == "request"] == [500]
