"""The real `gatecast serve`: it ends without losing a request (S5); its workers share a port."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
ASKED = "/v1/forecast?station=seattle"


class Served:
    """`gatecast serve` on a home with a champion."""

    def __init__(self, home, port, *flags, **environment):
        self.port = port
        self.log = home.parent / "log.jsonl"
        told = {f"GATECAST_{name.upper()}": str(value) for name, value in environment.items()}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gatecast", "serve", "--port", str(port), *flags],
                env={
                    **os.environ,
                    "GATECAST_HOME": str(home),
                    "GATECAST_HEAL": "false",
                    "PYTHONPATH": str(ROOT),
                    **told,
                },
                stderr=log,
            )
        self.wait_until(lambda: self.ask("/readyz")[0] == 200)
        self.wait_until(lambda: self.ask(ASKED)[0] == 200)

    def ask(self, path, connection=None):
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        own.request("GET", path)
        answer = own.getresponse()
        body = answer.read()
        if connection is None:
            own.close()
        return answer.status, body, answer.headers

    def wait_until(self, truth):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if truth():
                    return
            except OSError:
                pass
            time.sleep(0.02)
        pytest.fail("did not happen in time")

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30)


@pytest.fixture
def serve(home, promote, free_port):
    promote(1)
    running = []

    def start(*flags, **environment):
        running.append(Served(home, free_port, *flags, **environment))
        return running[-1]

    yield start
    for each in running:
        each.end()


class Load:
    """Clients behind a proxy: each asks again and again, and a new connection is opened only
    while readiness, looked at every 50 ms, is 200.
    """

    def __init__(self, served, clients=4):
        self._served, self._ready, self._stop = served, True, threading.Event()
        self.statuses, self.failures = [], []
        self._threads = [threading.Thread(target=self._watch)]
        self._threads += [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def end(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _watch(self):
        while self._ready and not self._stop.wait(0.05):
            self._ready = self._served.ask("/readyz")[0] == 200

    def _ask(self):
        connection = None
        while not self._stop.is_set() and (connection or self._ready):
            connection = connection or http.client.HTTPConnection("127.0.0.1", self._served.port)
            try:
                status, _, headers = self._served.ask(ASKED, connection)
            except OSError as error:
                self.failures.append(repr(error))
                return
            self.statuses.append(status)
            if headers.get("connection") == "close":
                connection.close()
                connection = None


def test_sigterm_under_load_turns_readiness_and_fails_no_request(serve):
    served = serve(drain_seconds=1)
    load = Load(served)
    served.wait_until(lambda: len(load.statuses) > 50)

    served.process.send_signal(signal.SIGTERM)
    served.wait_until(lambda: served.ask("/readyz")[0] == 503)
    after = json.loads(served.ask("/readyz")[1])
    alive, forecast = served.ask("/healthz"), served.ask(ASKED)
    code = served.process.wait(30)
    load.end()

    assert after["status"] == "draining"
    # Whoever still asks is answered, and told to ask elsewhere next time.
    assert (alive[0], forecast[0], forecast[2]["connection"]) == (200, 200, "close")
    assert load.failures == []
    assert set(load.statuses) == {200}
    assert code in (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def test_a_second_signal_ends_at_once(serve):
    served = serve(drain_seconds=120)
    served.process.send_signal(signal.SIGTERM)
    served.wait_until(lambda: served.ask("/readyz")[0] == 503)

    served.process.send_signal(signal.SIGTERM)

    served.process.wait(20)


def test_workers_share_the_port_and_their_counts_and_one_that_dies_is_replaced(serve):
    served = serve("--workers", "2", drain_seconds=0)
    for _ in range(40):
        assert served.ask(ASKED)[0] == 200

    def workers():
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
        pids = [int(pid) for pid in children.read_text().split()]
        command = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in pids}
        return {pid for pid in pids if "spawn_main" in command[pid]}

    counted = served.ask("/metrics")[1].decode()
    line = next(
        line
        for line in counted.splitlines()
        if line.startswith("gatecast_requests_total") and 'route="/v1/forecast"' in line
    )
    before = workers()
    assert len(before) == 2
    assert float(line.rpartition(" ")[2]) >= 40

    os.kill(min(before), signal.SIGKILL)
    served.wait_until(lambda: len(workers()) == 2 and workers() != before)
    served.wait_until(lambda: served.ask(ASKED)[0] == 200)


def test_the_log_is_json_and_says_when_the_process_ended(serve):
    served = serve(drain_seconds=0)
    served.ask("/v1/stations")
    served.end()

    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    assert any(line["event"] == "request" and line["path"] == "/v1/stations" for line in lines)
    assert any("Finished server process" in line.get("message", "") for line in lines)


def test_a_worker_ends_with_the_process_that_started_it_even_if_that_one_is_killed():
    command = [sys.executable, "-m", "tests.serving.orphan"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as starter:
        assert starter.stdout.readline() == b"waiting\n"
        starter.kill()

        # The worker holds the other end of the pipe for as long as it lives.
        assert starter.communicate(timeout=20) == (b"", None)
