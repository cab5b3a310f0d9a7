"""Both generators of load, on a small server of the test's own."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.serving.generator import (
    BROKEN,
    Answer,
    Packaged,
    answers_of,
    by_status,
    measured_of,
)
from benchmarks.serving.load import Load, LoadFailed, has_wrk, percentile, sound
from benchmarks.serving.wrk import Wrk


class Echo(BaseHTTPRequestHandler):
    """Remembers what it is asked; `/full` is refused, `/torn` ends in the middle."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.asked.append((self.command, self.path, self.rfile.read(length).decode()))
        self.send_response(503 if self.path == "/full" else 200)
        self.send_header("Content-Length", "9" if self.path == "/torn" else "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.close_connection = self.path == "/torn"

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.asked, server.daemon_threads = [], True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def load_of(server):
    def build(path="/", **options):
        options = {"connections": 2, "seconds": 0.1, **options}
        return Load(port=server.server_address[1], path=path, **options)

    return build


GENERATORS = [
    pytest.param(Packaged(), id="packaged"),
    pytest.param(
        Wrk(), id="wrk", marks=pytest.mark.skipif(not has_wrk(), reason="wrk is not installed")
    ),
]


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_generator_posts_every_body_in_its_turn_and_counts_what_is_answered(
    generator, server, load_of
):
    bodies = tuple(json.dumps({"number": number, "text": "Zoë %d"}) for number in range(5))

    measured = generator.run(load_of("/told?a=1", bodies=bodies))

    assert {each[:2] for each in server.asked} == {("POST", "/told?a=1")}
    assert {body for *_, body in server.asked} == set(bodies)
    assert measured.failed == 0
    # What is on its way at the end is answered and may not be counted.
    assert 0 <= len(server.asked) - measured.requests <= 2
    assert 0 < measured.p50_ms <= measured.p99_ms
    assert measured.per_second > 0


@pytest.mark.parametrize("generator", GENERATORS)
def test_refusals_are_failures_of_a_load_and_not_its_pace(generator, load_of):
    load = load_of("/full")
    measured = generator.run(load)
    assert measured.failed == measured.requests > 0
    assert measured.per_second == 0
    with pytest.raises(LoadFailed, match="every request answered 2xx"):
        sound(measured, load)


def test_a_load_without_bodies_reads(server, load_of):
    answers, seconds = answers_of(load_of("/read", connections=3))
    assert set(server.asked) == {("GET", "/read", "")}
    assert {answer.status for answer in answers} == {200}
    assert len(answers) == len(server.asked)
    assert all(0 < answer.seconds < seconds for answer in answers)


def test_an_answer_that_breaks_off_is_a_failure(load_of):
    answers, _ = answers_of(load_of("/torn"))
    assert {answer.status for answer in answers} == {BROKEN}
    assert measured_of(answers, 1.0).failed == len(answers) > 0


def test_nobody_there_is_a_failure(server, load_of):
    load = load_of()
    server.server_close()
    answers, _ = answers_of(load)
    assert {answer.status for answer in answers} == {BROKEN}


def test_times_are_told_for_each_status():
    told = by_status([Answer(200, 0.001), Answer(503, 0.002), Answer(503, 0.004)])
    assert told["200"]["requests"] == 1
    assert told["503"] == {
        "requests": 2,
        "p50_ms": 2.0,
        "p90_ms": 4.0,
        "p99_ms": 4.0,
        "longest_ms": 4.0,
    }


@pytest.mark.parametrize("count", [1, 2, 7, 100, 101, 4999])
def test_a_percentile_is_the_least_value_that_the_share_does_not_exceed(count):
    values = [float(value) for value in range(count)]
    found = percentile(values, 0.99)
    assert sum(value <= found for value in values) >= 0.99 * count
    assert sum(value < found for value in values) < 0.99 * count
