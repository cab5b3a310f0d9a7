import os
import subprocess
import sys

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from pipelines import server
from pipelines.commands.language import train
from pipelines.commands.notify import notify
from pipelines.commands.retrain import retrain
from pipelines.commands.schedule import schedule
from pipelines.commands.upkeep import reap
from pipelines.provenance import ROOT
from pipelines.server import SchedulerUnavailable, scheduler_errors

#: Begins a server in a process of its own, and does nothing else.
STARTER = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid()), "--port", "4200"])
time.sleep(60)
"""

#: Stands for Prefect's part of it, which takes many seconds to import.
SERVER = """
import sys, time
from types import SimpleNamespace
from pipelines import server
def serve():
    print(*sys.argv, flush=True)
    time.sleep(60)
sys.modules["prefect.cli"] = SimpleNamespace(app=serve)
server.main(sys.argv[1:])
"""


@pytest.mark.usefixtures("unmeasured_children")
def test_a_server_ends_with_the_process_that_started_it_even_if_that_one_is_killed():
    command = [sys.executable, "-c", STARTER, SERVER]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as starter:
        assert starter.stdout.readline() == b"prefect server start --port 4200\n"
        starter.kill()

        # The server holds the other end of the pipe for as long as it lives.
        assert starter.communicate(timeout=20) == (b"", None)


@pytest.mark.usefixtures("unmeasured_children")
def test_a_server_whose_starter_was_gone_before_it_looked_ends_too():
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True,
                          capture_output=True)  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SERVER, gone.stdout.strip()], cwd=ROOT, timeout=20, check=False,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1


def test_prefect_is_told_the_words_behind_the_id(monkeypatch):
    told = []
    monkeypatch.setattr(server, "end_with_parent", told.append)
    monkeypatch.setattr("prefect.cli.app", lambda: told.append(sys.argv))
    monkeypatch.setattr(sys, "argv", ["as it was"])
    server.main([str(os.getppid()), "--host", "127.0.0.1"])
    assert told == [os.getppid(), ["prefect", "server", "start", "--host", "127.0.0.1"]]


@pytest.fixture
def away(own_environment, settings):  # noqa: ARG001 - a home has to be there
    """A Prefect server that the environment names, and that nobody has started."""
    own_environment["PREFECT_API_URL"] = address = "http://127.0.0.1:1/api"
    with temporary_settings({PREFECT_API_URL: address}):
        yield address


@pytest.mark.parametrize(
    "verb",
    [
        pytest.param(lambda: reap(json=True), id="reap"),
        pytest.param(lambda: notify(url="http://127.0.0.1:1/hook"), id="notify"),
        pytest.param(lambda: notify(off=True), id="notify off"),
        pytest.param(lambda: retrain("seattle", preset="quick"), id="retrain"),
        pytest.param(lambda: train("schoolmistress", preset="quick"), id="language train"),
        pytest.param(lambda: schedule("seattle"), id="schedule"),
    ],
)
def test_a_server_that_is_named_and_away_is_told_by_its_code(away, verb):
    with pytest.raises(SchedulerUnavailable, match=f"an answer from {away}; found Connect"):
        verb()


def test_a_server_that_refuses_is_told_with_its_status_and_without_a_password(own_environment):
    own_environment["PREFECT_API_URL"] = "https://ola:secret@prefect.example/api"
    request = httpx.Request("GET", "https://ola:secret@prefect.example/api/flows")
    with pytest.raises(SchedulerUnavailable) as refusal, scheduler_errors():
        httpx.Response(401, request=request).raise_for_status()
    assert refusal.value.to_json() == {
        "code": "SCHEDULER_UNAVAILABLE",
        "message": "the Prefect server cannot be asked",
        "expected": "an answer from https://prefect.example/api",
        "found": "status 401",
    }


def test_what_else_goes_wrong_is_not_the_servers():
    with pytest.raises(RuntimeError, match="of our own"), scheduler_errors():
        raise RuntimeError("of our own")
