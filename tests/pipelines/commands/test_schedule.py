import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipelines.commands import schedule as module
from pipelines.commands.schedule import SchedulerUnavailable, port_free, prefect_server, schedule


@pytest.fixture(autouse=True)
def no_server_at_hand(own_environment):
    own_environment.pop("PREFECT_API_URL", None)


@pytest.fixture
def taken():
    """A port of loopback that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server_that(tmp_path, monkeypatch):
    """Put a shell script in the place of the interpreter that would start Prefect's server."""

    def does(script):
        path = tmp_path / "server"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(module.sys, "executable", str(path))

    return does


@pytest.fixture
def started(monkeypatch):
    """Every process that was started."""
    processes = []

    class Recorded(module.subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(module.subprocess, "Popen", Recorded)
    return processes


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def test_a_port_is_free_until_somebody_listens_on_it(taken, free):
    assert not port_free(taken)
    assert port_free(free)


@pytest.mark.usefixtures("settings")
def test_a_taken_port_is_refused_and_nothing_is_started(taken, started, monkeypatch):
    monkeypatch.setattr(module, "PORT_SECONDS", 0.1)
    with pytest.raises(SchedulerUnavailable, match=f"port {taken} is taken") as refusal:
        schedule("seattle", port=taken)
    assert refusal.value.code == "SCHEDULER_UNAVAILABLE"
    assert "--port" in refusal.value.expected
    assert not started


def test_a_port_that_a_killed_schedules_server_is_about_to_leave_is_waited_for(
    free, server_that, monkeypatch
):
    answers = iter([False, False, True])
    monkeypatch.setattr(module, "port_free", lambda _: next(answers))
    server_that("exit 7")
    with pytest.raises(SchedulerUnavailable, match="exit code 7"), prefect_server(free):
        pytest.fail("there is no server")


def test_the_operators_server_is_used_and_left_running(started, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example:4200/api")
    with prefect_server(4200) as address:
        assert address == "http://prefect.example:4200/api"
    assert os.environ["PREFECT_API_URL"] == address
    assert not started


def test_a_server_that_ends_at_once_is_told_with_its_exit_code(free, server_that):
    server_that("exit 7")
    with pytest.raises(SchedulerUnavailable, match="exit code 7"), prefect_server(free):
        pytest.fail("there is no server")
    assert "PREFECT_API_URL" not in os.environ


def test_a_server_that_never_answers_is_stopped(free, server_that, started, monkeypatch):
    server_that("exec sleep 60")
    monkeypatch.setattr(module, "SERVER_START_SECONDS", 0.2)
    with pytest.raises(SchedulerUnavailable, match="no answer"), prefect_server(free):
        pytest.fail("there is no server")
    assert started[0].returncode == -signal.SIGTERM


def test_a_server_lives_as_long_as_the_work_and_is_killed_if_it_will_not_stop(
    server_that, started, monkeypatch, tmp_path
):
    deaf = tmp_path / "deaf"
    server_that(f"trap '' TERM; touch {deaf}; while :; do sleep 0.1; done")
    monkeypatch.setattr(module, "SERVER_STOP_SECONDS", 0.3)
    with HTTPServer(("127.0.0.1", 0), Healthy) as answering:
        port = answering.server_port
        threading.Thread(target=answering.serve_forever, daemon=True).start()
        monkeypatch.setattr(module, "port_free", lambda _: True)
        with prefect_server(port) as address:
            assert address == os.environ["PREFECT_API_URL"] == f"http://127.0.0.1:{port}/api"
            assert started[0].poll() is None
            assert started[0].args[1:] == [
                "-m", "pipelines.server", str(os.getpid()), "--host", "127.0.0.1",
                "--port", str(port), "--analytics-off",
            ]  # fmt: skip
            while not deaf.exists():
                time.sleep(0.02)
        answering.shutdown()
    assert started[0].returncode == -signal.SIGKILL
    assert "PREFECT_API_URL" not in os.environ
