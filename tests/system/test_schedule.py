"""The real Prefect server serves a cron deployment: a Scheduled run appears, one completes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from forecasting.stores.intervals import keep_from
from pipelines.catalogue import find_parts
from pipelines.commands.schedule import port_free
from pipelines.operations.ticks import retraining_of
from tests.system.conftest import unmeasured

pytestmark = pytest.mark.system


def ask(address, path, content):
    request = urllib.request.Request(
        f"{address}{path}",
        data=json.dumps(content).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.loads(response.read())


@contextmanager
def scheduled(home, *words):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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


def finished(flow):
    """Ask for a flow's runs that came to a good end."""
    return {
        "flows": {"name": {"any_": [flow]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    }


def trainings():
    """Ask for the flow runs that trained, whatever came of them."""
    return {"flows": {"name": {"any_": ["climate-retraining"]}}}


def test_a_served_cron_gives_scheduled_runs_and_what_was_missed_is_run_once(tmp_path):
    parts = find_parts("seattle")
    long_ago = retraining_of(parts, datetime(2020, 1, 1, tzinfo=UTC))
    keep_from(tmp_path / "home", long_ago, long_ago.tick)  # years of ticks have been missed
    with scheduled(tmp_path / "home", "--cron", "0 6 * * *") as (address, process):
        made = wait_for(lambda: deployed(address, 4), seconds=120)
        assert set(made) == {"retrain-seattle", "language-schoolmistress", "reaper", "pruner"}
        for each in made.values():
            runs = wait_for(lambda each=each: scheduled_runs(address, each), seconds=60)
            assert all(run["state_type"] == "SCHEDULED" for run in runs)
        [tick] = made["language-schoolmistress"]["schedules"]
        assert tick["schedule"] == {"cron": "0 3 * * 0", "timezone": "UTC", "day_or": True}
        deployment = made["retrain-seattle"]
        assert deployment["schedules"][0]["schedule"] == {
            "cron": "0 6 * * *",
            "timezone": "America/Los_Angeles",
            "day_or": True,
        }
        assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"

        def ended(run):
            found = ask(address, "/flow_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
            state = found[0]["state_type"]
            return state if state in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None

        [owed] = wait_for(lambda: asked_for(address, deployment), seconds=60)
        assert owed["idempotency_key"].startswith("retraining/seattle/")
        assert wait_for(lambda: ended(owed), seconds=180) == "COMPLETED"
        again = ask(address, f"/deployments/{deployment['id']}/create_flow_run", {})
        assert wait_for(lambda: ended(again), seconds=120) == "COMPLETED"
        assert len(ask(address, "/flow_runs/filter", trainings())) == 1
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
