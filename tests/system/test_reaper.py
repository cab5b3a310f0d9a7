"""The reaper with a real Prefect server: the killed are closed, and who returns is fenced."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling, Completed, Pending, Running

from forecasting.stores.liveness import Process, claimed
from pipelines.operations import reaping_flows
from pipelines.operations.reaping_flows import (
    CARRIED,
    RETRY,
    TENDED,
    UNCLAIMED,
    Reaped,
    reap_flows,
)
from tests.system.conftest import unmeasured

#: A process that opens a flow run of ours as the engine does, stands behind it where it is told
#: to, and is there until it is killed.
WORKER = """
import sys, time
from contextlib import nullcontext
from pathlib import Path
from prefect import flow
from prefect.runtime import flow_run
from forecasting.stores.liveness import claimed

@flow(name="climate-retraining")
def work(home: str, claims: bool):
    with claimed(Path(home), flow_run.id) if claims else nullcontext():
        print(flow_run.id, flush=True)
        time.sleep(120)

work(sys.argv[1], sys.argv[2] == "claims")
"""


@pytest.fixture
def server(shared_prefect):
    address = {PREFECT_API_URL: shared_prefect["PREFECT_API_URL"]}
    with temporary_settings(address), get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def worker(shared_prefect, tmp_path):
    """Start a process whose flow run waits to be killed; returns it and the run's id."""
    begun = []

    def start(claims):
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), claims],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**unmeasured(), **shared_prefect, "PREFECT_HOME": str(tmp_path / "prefect")},
        )  # fmt: skip
        begun.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in begun:
        process.kill()
        process.wait()
        process.stdout.close()


def reap(home, **options):
    reaped = Reaped()
    reap_flows(home, reaped, **options)
    return reaped


def state(client, run):
    return client.read_flow_run(run).state.type.value


def test_a_killed_flow_is_closed_as_crashed_at_the_next_look_and_a_living_one_is_not(
    server, worker, tmp_path
):
    killed, lost = worker("claims")
    _, alive = worker("claims")
    assert lost not in reap(tmp_path).flow_runs
    killed.kill()
    killed.wait()
    assert reap(tmp_path, dry_run=True).flow_runs == [lost]
    assert state(server, lost) == "RUNNING"
    assert reap(tmp_path).flow_runs == [lost]
    assert (state(server, lost), state(server, alive)) == ("CRASHED", "RUNNING")
    assert reap(tmp_path).flow_runs == []


def test_a_flow_killed_before_its_first_word_is_closed_within_two_heartbeats_and_a_minute(
    server, worker, tmp_path
):
    killed, lost = worker("silent")
    killed.kill()
    killed.wait()
    now = datetime.now(UTC)
    assert lost not in reap(tmp_path, now=now).flow_runs  # it may be about to speak
    later = now + UNCLAIMED + timedelta(seconds=1)
    assert lost in reap(tmp_path, now=later).flow_runs
    assert timedelta(minutes=2) > UNCLAIMED
    assert state(server, lost) == "CRASHED"


def test_a_run_whose_process_is_still_starting_is_given_its_time(server, tmp_path):
    run = server.create_flow_run(deployed, state=Pending())
    environment = {**unmeasured(), CARRIED: str(run.id)}
    starting = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, env=environment)
    later = datetime.now(UTC) + UNCLAIMED + timedelta(seconds=30)
    try:
        assert str(run.id) not in reap(tmp_path, now=later).flow_runs
    finally:
        starting.communicate()
    assert str(run.id) in reap(tmp_path, now=later).flow_runs
    assert state(server, run.id) == "CRASHED"


@flow(name="climate-retraining")
def deployed():
    """Stand for the flow, where a deployment is wanted."""


@flow(name="reaper")
def tended():
    """Stand for the reaper's own flow."""


@task
def step():
    """Stand for a step of a flow."""


def test_a_dead_run_of_a_deployment_is_run_once_more_and_no_more_than_once(server, tmp_path):
    deployment = deployed.to_deployment("retrain-somewhere").apply()
    first = server.create_flow_run_from_deployment(deployment)
    server.set_flow_run_state(first.id, Running(), force=True)
    later = datetime.now(UTC) + UNCLAIMED + timedelta(seconds=1)
    reaped = reap(tmp_path, now=later)
    assert str(first.id) in reaped.flow_runs
    [second] = reaped.retried
    assert server.read_flow_run(second).idempotency_key == f"{RETRY}{first.id}"
    server.set_flow_run_state(second, Running(), force=True)
    again = reap(tmp_path, now=later + timedelta(minutes=2))
    assert second in again.flow_runs
    assert again.retried == []


def test_a_run_whose_process_died_while_a_person_cancelled_it_is_not_run_again(server, tmp_path):
    deployment = deployed.to_deployment("retrain-cancelled").apply()
    run = server.create_flow_run_from_deployment(deployment)
    for begun in (Running(), Cancelling()):  # of one that waits, the server needs nobody's word
        server.set_flow_run_state(run.id, begun, force=True)
    left = server.create_task_run(step, run.id, "0", state=Running())
    reaped = reap(tmp_path, now=datetime.now(UTC) + UNCLAIMED + timedelta(seconds=1))
    assert str(run.id) in reaped.flow_runs
    assert state(server, run.id) == "CANCELLED"
    assert server.read_task_run(left.id).state.type.value == "CANCELLED"
    asked = server.read_flow_runs(
        flow_run_filter=FlowRunFilter(deployment_id={"any_": [deployment]})
    )
    assert [each.id for each in asked] == [run.id]


def test_a_run_that_somebody_tried_again_in_prefect_is_its_new_processs(server, worker, tmp_path):
    _, run = worker("claims")
    # The record of the process that died at the first try: the first and the last by its name.
    dead = {"host": Process.own().host, "boot": "", "pid": 1, "started": "0", "flow_run": run}
    for name in ("0-0", "9-9"):
        (tmp_path / "alive" / f"{name}-{run}.json").write_text(json.dumps(dead))
    assert run not in reap(tmp_path).flow_runs
    assert state(server, run) == "RUNNING"


def test_runs_and_tasks_behind_the_first_page_are_closed_as_well(server, tmp_path, monkeypatch):
    monkeypatch.setattr(reaping_flows, "PAGE", 1)
    runs = [server.create_flow_run(deployed, state=Running()) for _ in range(2)]
    tasks = [
        server.create_task_run(step, runs[0].id, str(place), state=Running()) for place in range(2)
    ]
    reaped = reap(tmp_path, now=datetime.now(UTC) + UNCLAIMED + timedelta(minutes=1))
    assert {str(run.id) for run in runs} <= set(reaped.flow_runs)
    assert {str(task.id) for task in tasks} <= set(reaped.task_runs)


def test_a_reaper_that_was_killed_is_closed_by_a_later_one_and_not_asked_for_again(
    server, tmp_path
):
    deployment = tended.to_deployment("reaper").apply()
    run = server.create_flow_run_from_deployment(deployment)
    server.set_flow_run_state(run.id, Running(), force=True)
    now = datetime.now(UTC)
    assert str(run.id) not in reap(tmp_path, now=now + UNCLAIMED * 2).flow_runs
    reaped = reap(tmp_path, now=now + TENDED + timedelta(minutes=1))
    assert str(run.id) in reaped.flow_runs
    assert state(server, run.id) == "CRASHED"
    assert reaped.retried == []


def test_a_run_that_ended_meanwhile_is_not_touched(server, tmp_path):
    run = server.create_flow_run(deployed, state=Completed())
    with claimed(tmp_path, str(run.id)):
        pass
    later = datetime.now(UTC) + timedelta(hours=1)
    assert str(run.id) not in reap(tmp_path, now=later).flow_runs
    assert state(server, run.id) == "COMPLETED"


def start_training(home, shared_prefect):
    command = [sys.executable, "-m", "gatecast", "--home", str(home), "retrain", "seattle"]
    return subprocess.Popen(
        [*command, "--preset", "quick", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=home.parent, start_new_session=True, env={**unmeasured(), **shared_prefect},
    )  # fmt: skip


def wait_until(what, process, seconds=600):
    deadline = time.monotonic() + seconds
    while not what():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.grown
@pytest.mark.timeout(1200)
def test_a_real_retraining_that_is_killed_is_closed_everywhere_and_the_next_one_finishes(
    server, shared_prefect, tmp_path
):
    home = tmp_path / "home"
    first = start_training(home, shared_prefect)
    try:
        wait_until(lambda: list(home.glob("runs/*/*/member-*/*.safetensors")), first)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    environment = {**unmeasured(), **shared_prefect}
    words = [sys.executable, "-m", "gatecast", "--home", str(home), "reap", "--json"]
    said = [
        json.loads(subprocess.run(words, capture_output=True, check=True, env=environment).stdout)
        for _ in range(2)
    ]
    [lost] = said[0]["flow_runs"]
    assert state(server, lost) == "CRASHED"
    assert len(said[0]["tracking_runs"]) == 1
    assert said[1]["flow_runs"] == said[1]["tracking_runs"] == []
    second = start_training(home, shared_prefect)
    out, err = second.communicate(timeout=600)
    assert second.returncode == 0, err
    assert json.loads(out)["model"] == "climate-seattle"


@pytest.mark.grown
@pytest.mark.timeout(1800)
def test_a_worker_believed_dead_that_comes_back_cannot_publish(shared_prefect, tmp_path):
    home = tmp_path / "home"
    stopped = start_training(home, shared_prefect)
    try:
        wait_until(lambda: list(home.glob("runs/*/*/member-*/*.safetensors")), stopped)
        os.killpg(stopped.pid, signal.SIGSTOP)
        # The lock that it holds is lost, as on a share whose server has forgotten it.
        (home / "locks" / "retrain-seattle.lock").unlink()
        # The other one is given more seeds than the first, so that neither stands in the other's
        # folder.
        words = [sys.executable, "-m", "gatecast", "--home", str(home), "retrain", "seattle"]
        done = subprocess.run(
            [*words, "--preset", "quick", "--seed", "5", "--json"],
            capture_output=True, text=True, env={**unmeasured(), **shared_prefect}, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        os.killpg(stopped.pid, signal.SIGCONT)
        out, err = stopped.communicate(timeout=600)
    finally:
        if stopped.poll() is None:
            os.killpg(stopped.pid, signal.SIGKILL)
            stopped.communicate()
    assert stopped.returncode == 1, err
    assert json.loads(out)["error"]["code"] == "FENCED"
    moves = (home / "promotions.jsonl").read_text().splitlines()
    assert len(moves) == json.loads(done.stdout)["promoted"]
