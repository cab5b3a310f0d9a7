"""Grown up by settings alone: scheduled in a pool, trained on a Dask, asked of two replicas."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter

import pytest
from mlflow import MlflowClient

from tests.system.conftest import unmeasured
from tests.system.grown.conftest import ended, published
from tests.system.grown.parts import until
from tests.system.grown.stations import NAMES

pytestmark = [pytest.mark.grown, pytest.mark.timeout(1800)]

CELLS = {"lstm", "gru"}


@pytest.fixture(scope="module")
def client(retrained):
    return MlflowClient(tracking_uri=retrained.parts.address("mlflow:5000"))


def keys(retrained, *words):
    command = [sys.executable, "-m", "gatecast", "keys", *words, "--json"]
    return json.loads(retrained.parts.run("worker", command))


def answer(address, station, key):
    request = urllib.request.Request(
        f"{address}/v1/forecast?station={station}", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as got:
            return got.status, got.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def test_the_schedule_of_each_station_was_taken_from_the_pool_once(retrained):
    done = ended(retrained)

    assert len(done) == len(NAMES)
    assert {run["work_pool_name"] for run in done} == {"gatecast"}
    assert all(run["auto_scheduled"] for run in done)


def test_a_training_whose_worker_was_killed_ran_again_and_counted_once(retrained, client):
    for name in NAMES:
        experiment = client.get_experiment_by_name(f"climate-{name}")
        runs = client.search_runs([experiment.experiment_id])
        children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]

        assert len(runs) - len(children) == 1
        assert len(children) == len(CELLS)
        assert {run.info.status for run in runs} == {"FINISHED"}
    fits = [
        run["name"]
        for run in retrained.prefect("task_runs/filter", limit=200)
        if run["name"].startswith("fit-") and run["state_type"] == "COMPLETED"
    ]
    assert Counter(fits) == {f"fit-{cell}": len(NAMES) for cell in CELLS}


def test_nothing_that_the_killed_worker_began_goes_on(retrained):
    until(lambda: not any(each.is_running() for each in retrained.orphans), lambda: "a trainer")


def test_the_weights_are_those_that_processes_on_one_machine_train(retrained, tmp_path):
    command = [sys.executable, "-m", "gatecast", "--home", str(tmp_path), "retrain"]
    done = subprocess.run(
        [*command, str(retrained.stations["oslo"]), "--preset", "quick", "--json"],
        cwd=tmp_path, env=unmeasured(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]

    for name in ("weights.safetensors", "model.onnx"):
        here = published(tmp_path, "oslo") / name
        assert here.read_bytes() == (retrained.published("oslo") / name).read_bytes()


def test_artifacts_are_in_the_store_and_descriptions_within_what_postgresql_takes(
    retrained, client
):
    for name in NAMES:
        (version,) = client.search_model_versions(f"name = 'climate-{name}'")
        assert len(version.description) <= 5000
        assert client.get_registered_model(f"climate-{name}").aliases == {"champion": "1"}
        run = client.get_run(version.run_id)
        assert run.info.artifact_uri.startswith("mlflow-artifacts:")
    assert not (retrained.parts.home / "mlflow").exists()


def test_the_locks_were_the_database_s(retrained):
    locks = {path.name for path in (retrained.parts.home / "locks").glob("*.lock")}

    assert not [name for name in locks if name.startswith(("retrain-", "promote-", "promotions"))]


def test_two_replicas_say_the_same_of_each_station_by_a_key_that_was_made_once(retrained, replicas):
    made = keys(retrained, "create", "weather desk")
    for address in replicas:
        until(lambda at=address: answer(at, "oslo", made["key"])[0] == 200, lambda: "the key")

    for name in NAMES:
        (first, second) = (answer(address, name, made["key"]) for address in replicas)
        assert first == second
        assert json.loads(first[1])["model"]["version"] == 1

    keys(retrained, "revoke", made["id"])
    for address in replicas:
        until(lambda at=address: answer(at, "oslo", made["key"])[0] == 401, lambda: "revoked")
    assert [answer(address, "oslo", "")[0] for address in replicas] == [401, 401]
