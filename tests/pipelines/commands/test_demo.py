import signal
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from forecasting.errors import NoChampion
from forecasting.settings import Settings
from forecasting.stores.published import publish, write_manifest
from pipelines.commands import demo as module
from pipelines.commands.demo import (
    ApiUnavailable,
    api,
    ask,
    print_forecast,
    print_places,
    require_champion,
)

DECISION = {"model": "climate-oslo", "run_id": "run-7", "verdict": {"sentence": "Refused: worse."}}
ANSWER = {
    "station": "oslo",
    "daily_units": {"rain": "mm"},
    "daily": {
        "time": ["2016-01-01", "2016-01-02"],
        "rain": [1.25, 2.0],
        "rain_p10": [0.5, 1.0],
        "rain_p90": [2.5, 3.0],
    },
    "model": {"name": "climate-oslo", "version": 3, "trained_through": "2015-01-01"},
}


@pytest.fixture
def server_that(tmp_path, monkeypatch):
    """Put a shell script in the place of the API; returns every process that was started."""
    processes = []

    class Recorded(module.subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            processes.append(self)

    def does(script):
        path = tmp_path / "server"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(module.sys, "executable", str(path))
        monkeypatch.setattr(module.subprocess, "Popen", Recorded)
        return processes

    return does


class Stub(BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path == "/there"
        body = b'{"good": 1}' if found else b'{"code": "NO_CHAMPION"}'
        self.send_response(200 if found else 503)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def stub():
    with HTTPServer(("127.0.0.1", 0), Stub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_forecast_is_asked_over_http_and_a_problem_is_told_with_its_code(stub):
    assert ask(stub, "/there") == {"good": 1}
    with pytest.raises(ApiUnavailable, match="answered with 503") as refusal:
        ask(stub, "/elsewhere")
    assert refusal.value.found == "NO_CHAMPION"


def test_an_api_that_ends_at_once_is_told_with_its_exit_code(tmp_path, server_that):
    server_that("exit 9")
    with pytest.raises(ApiUnavailable, match="exit code 9"), api(Settings(home=tmp_path)):
        pytest.fail("there is no server")


def test_an_api_that_never_answers_is_stopped(tmp_path, server_that, monkeypatch):
    processes = server_that("exec sleep 60")
    monkeypatch.setattr(module, "START_SECONDS", 0.3)
    with (
        pytest.raises(ApiUnavailable, match="did not become ready"),
        api(Settings(home=tmp_path)),
    ):
        pytest.fail("there is no answer")
    assert processes[0].returncode == -signal.SIGTERM


def test_an_api_is_stopped_when_the_demo_has_its_answer(tmp_path, server_that, monkeypatch):
    processes = server_that("exec sleep 60")
    monkeypatch.setattr(module, "ask", lambda *_: {})
    with api(Settings(home=tmp_path)) as port:
        assert processes[0].poll() is None
        assert str(port) in processes[0].args
        assert processes[0].args[processes[0].args.index("--home") + 1] == str(tmp_path)
    assert processes[0].returncode == -signal.SIGTERM


def test_without_a_champion_the_gates_reason_is_told_at_once(tmp_path, make, write_files):
    settings = Settings(home=tmp_path)
    with pytest.raises(NoChampion, match="climate-oslo has no champion to ask") as refusal:
        require_champion(settings, DECISION)
    assert refusal.value.found == "Refused: worse."
    files = write_files(make.graph())
    write_manifest(files)
    publish(tmp_path, files, version=1, alias="champion", run_id="run-1")
    require_champion(settings, DECISION)


def test_the_table_has_date_median_interval_and_unit_and_the_skill_below(capsys):
    champion = {"mean_mae": "0.5000", "skill": "0.125", "best_rival": "damped_anomaly_persistence"}
    print_forecast(ANSWER, champion)
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert ["2016-01-01", "1.2", "0.5", "to", "2.5", "mm"] in rows
    assert ["2016-01-02", "2.0", "1.0", "to", "3.0", "mm"] in rows
    assert "climate-oslo version 3, trained through 2015-01-01" in out
    assert "skill +12.5 % against damped anomaly persistence, the best simple rival" in out


def test_the_places_are_said_so_that_they_can_be_typed(tmp_path, capsys, monkeypatch):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "seattle-1.html").write_text("")
    print_places(Settings(home=tmp_path), DECISION)
    out = capsys.readouterr().out
    assert f"gatecast --home {tmp_path} serve" in out
    assert f"--backend-store-uri sqlite:///{tmp_path}/mlflow/mlflow.db" in out
    assert f"report:    {tmp_path}/reports/seattle-1.html" in out
    monkeypatch.chdir(tmp_path)
    print_places(Settings(), DECISION)
    out = capsys.readouterr().out
    assert "gatecast serve" in out
    assert "report:    none" in out
