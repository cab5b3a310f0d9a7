"""The real Prefect server serves a cron deployment: a Scheduled run appears, one completes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from forecasting.stores.intervals import keep_from
from pipelines.catalogue import find_parts
from pipelines.commands.schedule import port_free
from pipelines.operations.ticks import retraining_of
from tests.postgres import free_port
from tests.system.conftest import unmeasured

#: Three retrainings' worth of servers and processes, each a minute or more on a busy machine.
pytestmark = [pytest.mark.system, pytest.mark.grown, pytest.mark.timeout(900)]


def ask(address, path, content):
    request = urllib.request.Request(
        f"{address}{path}",
        data=json.dumps(content).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.loads(response.read())


@contextmanager
def scheduled(home, *words, port=None):
    port = port or free_port()
    command = [sys.executable, "-m", "gatecast", "--home", str(home), "schedule"]
    command += ["seattle", "schoolmistress", "--language-cron", "0 3 * * 0"]
    log = (home.parent / "schedule.log").open("wb")
    process = subprocess.Popen(
        [*command, "--preset", "quick", "--port", str(port), *words],
        stdout=log,
        stderr=log,
        cwd=home.parent,
        env={**unmeasured(), "PREFECT_RUNNER_POLL_FREQUENCY": "2"},
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}/api", process
        process.send_signal(signal.SIGTERM)
        process.wait(120)
    finally:
        log.close()
        with suppress(ProcessLookupError):
            # Whatever is left of the session that this test started.
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(what, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = what()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.5)
    pytest.fail(f"not seen within {seconds} s")


def deployed(address, count):
    """Return the deployments by name once there are so many."""
    found = ask(address, "/deployments/filter", {})
    return {each["name"]: each for each in found} if len(found) == count else None


def scheduled_runs(address, deployment):
    """Return a deployment's runs that wait for their time."""
    asked = {
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "deployments": {"id": {"any_": [deployment["id"]]}},
    }
    return ask(address, "/flow_runs/filter", asked)


def asked_for(address, deployment):
    """Return a deployment's runs that no schedule has made."""
    asked = {
        "deployments": {"id": {"any_": [deployment["id"]]}},
    }
    return [run for run in ask(address, "/flow_runs/filter", asked) if not run["auto_scheduled"]]


@contextmanager
def receiver():
    """Listen on loopback; gives the address and the list of what came."""
    heard = []

    class Heard(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Heard) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hook", heard
        finally:
            server.shutdown()


#: What a verb tells from a process that ends at once.
TELL = """
from pipelines.telling import tell
tell("rolled-back", "climate-seattle", {"version": 1, "who": "o\\"la"})
tell("champion-stale", "climate-seattle", {"found": "99 days"})
tell("refused", "climate-seattle", {"version": None, "sentence": "Refused: 10 % worse."})
tell("promoted", "climate-seattle", {"version": 2, "sentence": "Promoted."})
"""


def hear_of_what_goes_wrong(address, folder):
    """Subscribe twice, let each thing happen once, and hear of each exactly once."""
    environment = {
        **unmeasured(),
        "PREFECT_API_URL": address,
        "GATECAST_HOME": str(folder / "home"),
    }
    with receiver() as (url, heard):
        words = [sys.executable, "-m", "gatecast", "notify", "--json"]
        for _ in range(2):
            made = subprocess.run(
                [*words, "--url", url], env=environment, capture_output=True, check=True
            )
        assert len(json.loads(made.stdout)["made"]) == 4
        subprocess.run([sys.executable, "-c", TELL], env=environment, check=True)
        crash_a_run(address)
        wait_for(lambda: len(heard) >= 4, seconds=240)
        assert sorted(each["notice"] for each in heard) == [
            "failure", "refusal", "rollback", "stale",
        ]  # fmt: skip
        told = {each["notice"]: each for each in heard}
        assert told["rollback"]["resource"] == "gatecast.model.climate-seattle"
        assert told["rollback"]["payload"] == {"version": 1, "who": 'o"la'}
        assert told["refusal"]["event"] == "gatecast.refused"
        assert told["failure"]["event"] == "prefect.flow-run.Crashed"
        removed = subprocess.run(
            [*words, "--off"], env=environment, capture_output=True, check=True
        )
        assert len(json.loads(removed.stdout)["removed"]) == 4


def insist(address, path, content):
    """Ask until a busy server has time for it."""
    return wait_for(lambda: ask(address, path, content), seconds=60)


def crash_a_run(address):
    """Close a run of ours as the reaper does."""
    flow = insist(address, "/flows/", {"name": "climate-retraining"})
    run = insist(address, "/flow_runs/", {"flow_id": flow["id"], "name": "crashed"})
    crashed = {"state": {"type": "CRASHED", "name": "Crashed"}, "force": True}
    insist(address, f"/flow_runs/{run['id']}/set_state", crashed)


def finished(flow):
    """Ask for a flow's runs that came to a good end."""
    return {
        "flows": {"name": {"any_": [flow]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    }


def look_at_deployments(address):
    """See four deployments with scheduled runs on the right clocks; returns the station's."""
    made = wait_for(lambda: deployed(address, 4), seconds=120)
    assert set(made) == {"retrain-seattle", "language-schoolmistress", "reaper", "pruner"}
    for each in made.values():
        runs = wait_for(lambda each=each: scheduled_runs(address, each), seconds=60)
        assert {run["state_type"] for run in runs} <= {"SCHEDULED"}
    [tick] = made["language-schoolmistress"]["schedules"]
    assert tick["schedule"] == {"cron": "0 3 * * 0", "timezone": "UTC", "day_or": True}
    deployment = made["retrain-seattle"]
    assert deployment["schedules"][0]["schedule"] == {
        "cron": "0 6 * * *",
        "timezone": "America/Los_Angeles",
        "day_or": True,
    }
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    return deployment


def trainings():
    """Ask for the flow runs that trained, whatever came of them."""
    return {"flows": {"name": {"any_": ["climate-retraining"]}}}


def test_a_served_cron_gives_scheduled_runs_and_what_was_missed_is_run_once(tmp_path):
    parts = find_parts("seattle")
    long_ago = retraining_of(parts, datetime(2020, 1, 1, tzinfo=UTC))
    keep_from(tmp_path / "home", long_ago, long_ago.tick)  # years of ticks have been missed
    with scheduled(tmp_path / "home", "--cron", "0 6 * * *") as (address, process):
        deployment = look_at_deployments(address)
        hear_of_what_goes_wrong(address, tmp_path)

        def ended(run):
            found = ask(address, "/flow_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
            state = found[0]["state_type"]
            return state if state in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None

        [owed] = wait_for(lambda: asked_for(address, deployment), seconds=60)
        assert owed["idempotency_key"].startswith("retraining/seattle/")
        assert wait_for(lambda: ended(owed), seconds=180) == "COMPLETED"
        again = insist(address, f"/deployments/{deployment['id']}/create_flow_run", {})
        assert wait_for(lambda: ended(again), seconds=120) == "COMPLETED"
        runs = ask(address, "/flow_runs/filter", trainings())
        assert [run["state_type"] for run in runs if run["name"] != "crashed"] == ["COMPLETED"]
        tasks = ask(address, "/task_runs/filter", {"sort": "EXPECTED_START_TIME_ASC"})
        names = {task["name"].split("-")[0] for task in tasks}
        assert names == {
                "climate", "land", "admit", "split", "fit", "judge", "refit", "publish", "promote",
            }  # fmt: skip
        artifacts = ask(address, "/artifacts/filter", {})
        assert {artifact["key"] for artifact in artifacts} == {
            "data-seattle",
            "leaderboard-seattle",
            "decision-seattle",
        }
        wait_for(lambda: ask(address, "/flow_runs/filter", finished("reaper")), seconds=150)
    assert process.returncode is not None
    assert port_free(int(address.split(":")[2].split("/")[0]))


def test_a_schedule_that_was_killed_leaves_its_port_to_the_next_one(tmp_path):
    home, port = tmp_path / "home", free_port()
    with scheduled(home, port=port) as (address, killed):
        wait_for(lambda: deployed(address, 4), seconds=180)
        killed.kill()
        wait_for(lambda: port_free(port), seconds=20)
        with scheduled(home, port=port) as (_, again):
            wait_for(lambda: deployed(address, 4), seconds=180)
            assert again.poll() is None
    assert killed.returncode == -signal.SIGKILL
