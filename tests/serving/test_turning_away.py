"""In an overload forecasts are refused at the door (S4), and everybody else still gets in."""

import http.client
import json
import math
import socket
import threading
import time
from contextlib import ExitStack, closing

import pytest
import uvicorn

from serving.desk import Desk
from serving.draining import Draining
from serving.protocol import TimedProtocol
from serving.turning_away import AdmittingProtocol

PLACES = 2
HELD = 2.0
FORECAST = b"POST /v1/forecast HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"


async def app(scope, _receive, send):
    """Answer with the path; to `/hold` after a moment in which nobody else is heard."""
    if scope["path"] == "/hold":
        time.sleep(HELD)
    body = scope["path"].encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


DRAINING = Draining(0)


@pytest.fixture(scope="module")
def served():
    """Where a server listens as `gatecast serve` does, and the desk that it looks at."""
    desk = Desk(PLACES, "forecasts")
    protocol = type("Admitting", (AdmittingProtocol,), {"desk": desk, "draining": DRAINING})
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    config = uvicorn.Config(
        app, http=protocol, lifespan="off", log_config=None, loop="serving.eager_loop:EagerLoop"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname(), desk
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def _full(served):
    """Take every place."""
    with ExitStack() as places:
        for _ in range(PLACES):
            places.enter_context(served[1].taken())
        yield


def read_all(connection):
    """Read until the server ends the connection."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def post(connection, path="/v1/forecast", **headers):
    connection.request("POST", path, b"body", headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


@pytest.fixture
def connection(served):
    with closing(http.client.HTTPConnection(*served[0], timeout=20)) as connection:
        yield connection


@pytest.mark.usefixtures("_full")
@pytest.mark.parametrize("path", ["/v1/forecast", "/v1/forecast/batch", "/v2/models/m/infer"])
def test_a_forecast_too_many_is_a_problem_that_says_when_to_come_back(connection, path):
    status, body, headers = post(connection, path)

    problem = json.loads(body)
    assert (status, problem["status"], problem["code"]) == (503, 503, "OVERLOADED")
    assert headers["content-type"] == "application/problem+json"
    assert headers["retry-after"] == "1"
    assert headers["x-request-id"] == problem["request_id"]
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.usefixtures("_full")
def test_a_refusal_has_the_id_that_its_client_gave(connection):
    _, body, headers = post(connection, **{"X-Request-Id": "mine"})

    assert (headers["x-request-id"], json.loads(body)["request_id"]) == ("mine", "mine")


@pytest.mark.usefixtures("_full")
def test_a_refusal_while_the_server_ends_closes_its_connection(served, monkeypatch):
    monkeypatch.setattr(DRAINING, "begun", True)

    with socket.create_connection(served[0], timeout=20) as connection:
        connection.sendall(FORECAST + b"body")
        answer = read_all(connection)

    assert answer.startswith(b"HTTP/1.1 503")
    assert b"\r\nconnection: close\r\n" in answer


@pytest.mark.usefixtures("_full")
def test_a_refused_connection_goes_on_and_each_refusal_has_its_own_id(served, connection):
    before = served[1].refused
    refused = [post(connection) for _ in range(3)]
    connection.request("GET", "/healthz")
    healthy = connection.getresponse()

    assert [status for status, _, _ in refused] == [503] * 3
    assert len({headers["x-request-id"] for _, _, headers in refused}) == 3
    assert (healthy.status, healthy.read()) == (200, b"/healthz")
    assert served[1].refused - before == 3


@pytest.mark.usefixtures("_full")
@pytest.mark.parametrize("path", ["/v1/text", "/v1/stations"])
def test_what_is_no_forecast_comes_in(connection, path):
    assert post(connection, path)[:2] == (200, path.encode())


@pytest.mark.usefixtures("_full")
def test_a_forecast_that_is_asked_for_by_get_comes_in(connection):
    connection.request("GET", "/v1/forecast?station=seattle")

    assert connection.getresponse().status == 200


def test_when_a_place_is_free_a_forecast_comes_in(connection):
    assert post(connection)[:2] == (200, b"/v1/forecast")


@pytest.mark.parametrize("counted", [True, False])
def test_of_many_that_come_in_one_turn_as_many_come_in_as_have_a_place_while_they_are_counted(
    served, counted, monkeypatch
):
    monkeypatch.setattr(served[1], "_uncounted_until", -math.inf if counted else math.inf)
    with ExitStack() as crowd:
        connections = [
            crowd.enter_context(socket.create_connection(served[0], timeout=20)) for _ in range(21)
        ]
        for each in connections:
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            each.recv(65536)
        holder, *posting = connections
        holder.sendall(b"GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # The server hears of them all when it comes back.
        time.sleep(HELD / 4)
        for each in posting:
            each.sendall(FORECAST + b"body")
        statuses = [each.recv(65536)[9:12] for each in posting]

    # None of these takes a place behind the door.
    let_in = PLACES if counted else 20
    assert (statuses.count(b"200"), statuses.count(b"503")) == (let_in, 20 - let_in)


@pytest.mark.usefixtures("_full")
def test_a_body_that_comes_later_is_no_second_request(served):
    with socket.create_connection(served[0], timeout=20) as connection:
        connection.sendall(FORECAST)
        first = connection.recv(65536)
        connection.sendall(b"body" + FORECAST + b"body")
        second = connection.recv(65536)

    assert first.startswith(b"HTTP/1.1 503")
    assert second.startswith(b"HTTP/1.1 503")
    assert second.count(b"HTTP/1.1") == 1


@pytest.mark.usefixtures("_full")
def test_a_client_that_wants_its_connection_closed_has_it_closed(served):
    with socket.create_connection(served[0], timeout=20) as connection:
        connection.sendall(FORECAST[:-2] + b"Connection: close\r\n\r\nbody")
        answer = read_all(connection)

    assert answer.startswith(b"HTTP/1.1 503")


@pytest.mark.usefixtures("_full")
def test_a_refused_request_whose_body_does_not_come_is_not_answered_twice(served, monkeypatch):
    monkeypatch.setattr(TimedProtocol, "request_seconds", 0.3)

    with socket.create_connection(served[0], timeout=20) as connection:
        connection.sendall(FORECAST)
        answer = read_all(connection)

    assert answer.startswith(b"HTTP/1.1 503")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_crowd_of_connections_is_taken_in(served):
    address, _ = served
    with ExitStack() as crowd:
        connections = [
            crowd.enter_context(socket.create_connection(address, timeout=20)) for _ in range(300)
        ]
        for each in connections:
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answers = [each.recv(65536) for each in connections]

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


def test_a_server_that_has_ended_listens_no_more():
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=AdmittingProtocol, lifespan="off", log_config=None,
        loop="serving.eager_loop:EagerLoop",
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    address = listener.getsockname()
    thread.start()
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")

    server.should_exit = True
    thread.join(20)

    with socket.socket() as probe:
        assert probe.connect_ex(address) != 0
