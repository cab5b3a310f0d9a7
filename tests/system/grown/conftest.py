"""Everything grown up, once: three stations' scheduled retraining, a Dask worker killed in it."""

import json
import os
import shutil
import signal
import sys
import tempfile
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from yaml import safe_dump, safe_load

from tests.postgres import BINARIES, MISSING, cluster, free_port
from tests.system.grown.parts import PATIENCE, ROOT, Parts, answers, until
from tests.system.grown.stations import NAMES, write_stations

#: Longest that the scheduled retraining of the three may take, in seconds.
RETRAINING = 900


@pytest.fixture(scope="module")
def parts():
    """The services that our own processes stand on, started from the words of compose.yaml."""
    if BINARIES is None:
        pytest.skip(MISSING)
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server here")
    with cluster() as postgres:
        made = Parts(Path(tempfile.mkdtemp(prefix="gatecast-grown-")), postgres)
        try:
            begin(made, postgres)
            yield made
        finally:
            made.stop()


def begin(parts, postgres):
    """Start what keeps things, then the servers, then who trains."""
    postgres.create("gatecast")
    with postgres.connect("gatecast") as connection:
        for line in (ROOT / "docs/operations/grown/databases.sql").read_text().splitlines():
            if line.startswith("CREATE"):
                connection.execute(line)
    store, redis = parts.ports["store:9000"], parts.ports["redis:6379"]
    moto = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(store)]
    parts.start("store", command=moto)
    parts.start(
        "redis", command=[*parts.command("redis"), "--port", str(redis), "--bind", "127.0.0.1"]
    )
    parts.start("prefect", command=on_port(parts, "prefect", "prefect:4200"))
    for name in ("dask-scheduler", "dask-worker", "dask-worker-2"):
        start_dask(parts, name)
    parts.ready("store", parts.address("store:9000"))
    parts.run("bucket")
    parts.start("mlflow")
    parts.ready("mlflow", f"{parts.address('mlflow:5000')}/health")
    parts.ready("prefect", f"{parts.address('prefect:4200')}/api/health")


def on_port(parts, service, place):
    """Return a command whose port is a word by itself, on this machine's port."""
    words = parts.command(service)
    words[words.index("--port") + 1] = str(parts.ports[place])
    return words


def start_dask(parts, name):
    """Start the scheduler or a worker; a killed worker stays away, as its machine would."""
    if name == "dask-scheduler":
        words = [*parts.command(name), "--host", "127.0.0.1"]
        return parts.start(name, command=[sys.executable, "-m", *words])
    words = [*parts.command("dask-worker"), "--no-nanny", "--host", "127.0.0.1"]
    return parts.start("dask-worker", name, command=[sys.executable, "-m", *words])


@dataclass
class Retrained:
    """The parts after the scheduled retraining, and what was done to a worker meanwhile."""

    parts: Parts
    stations: dict
    killed: int
    orphans: list = field(default_factory=list)

    def published(self, name):
        """Return the champion's folder of a station."""
        return published(self.parts.home, name)

    def prefect(self, path, **content):
        return ask(f"{self.parts.address('prefect:4200')}/api/{path}", content)


def published(home, name):
    """Return the folder of a station's champion in a home; None before there is one."""
    with suppress(FileNotFoundError):
        pointer = home / "published" / f"climate-{name}" / "champion.json"
        return pointer.parent / json.loads(pointer.read_bytes())["folder"]


def ask(address, content, method="POST"):
    request = urllib.request.Request(
        address, json.dumps(content).encode(), {"content-type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


@pytest.fixture(scope="module")
def retrained(parts):
    """Deploy to the work pool, let the schedule come, kill a worker that trains, wait for all."""
    stations = write_stations(parts.folder)
    write_deployments(parts.folder, stations)
    words = [sys.executable, "-m", "prefect", "--no-prompt"]
    parts.run("deployments", [*words, "work-pool", "create", "gatecast", "--type", "process"])
    parts.run("deployments", [*words, "deploy", "--all"])
    health = free_port()
    parts.start("worker", PREFECT_WORKER_WEBSERVER_PORT=str(health))
    parts.ready("worker", f"http://127.0.0.1:{health}/health")
    pause_once_begun(parts)
    found = until(lambda: training(parts), lambda: parts.log("worker"), RETRAINING)
    done = Retrained(parts, stations, killed=found[0], orphans=found[1])
    os.kill(done.killed, signal.SIGKILL)
    until(
        lambda: all(published(parts.home, name) for name in NAMES),
        lambda: parts.log("worker"),
        RETRAINING,
    )
    until(lambda: len(ended(done)) == len(NAMES), lambda: parts.log("worker"))
    return done


def pause_once_begun(parts):
    """Let each deployment's schedule bring one run, and no other after it."""
    api = f"{parts.address('prefect:4200')}/api"

    def begun():
        running = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "COMPLETED"]}}}}
        # The retraining itself is a flow within the scheduled one, of no deployment.
        found = ask(f"{api}/flow_runs/filter", running)
        return {run["deployment_id"] for run in found if run["deployment_id"]}

    until(lambda: len(begun()) == len(NAMES), lambda: parts.log("worker"), RETRAINING)
    for deployment in begun():
        ask(f"{api}/deployments/{deployment}", {"paused": True}, "PATCH")


def ended(done):
    """Return the flow runs of deployments that are completed."""
    wanted = {"state": {"type": {"any_": ["COMPLETED"]}}}
    found = done.prefect("flow_runs/filter", flow_runs=wanted)
    return [run for run in found if run["deployment_id"]]


def training(parts):
    """Return a Dask worker that is training, and the processes that do it; None if none is."""
    worker = psutil.Process(parts.running["dask-worker"].pid)
    trainers = [each for each in worker.children() if "pipelines.fitting" in each.cmdline()]
    kept = list(parts.home.glob("runs/*/*/member-*"))
    return (worker.pid, trainers) if trainers and kept else None


def write_deployments(folder, stations):
    """Write prefect.yaml for the stations: as the product's, each due every minute."""
    content = safe_load((ROOT / "prefect.yaml").read_text())
    shipped = next(each for each in content["deployments"] if each["name"] == "retrain-seattle")
    content["deployments"] = [
        shipped
        | {
            "name": f"retrain-{name}",
            "tags": ["climate", name],
            "parameters": {**shipped["parameters"], "dataset": str(path), "preset": "quick"},
            "schedules": [{"interval": 60, "active": True}],
        }
        for name, path in stations.items()
    ]
    (folder / "prefect.yaml").write_text(safe_dump(content))


@pytest.fixture(scope="module")
def replicas(retrained):
    """The addresses of two replicas that are ready; each needs a key."""
    parts, addresses = retrained.parts, []
    for name in ("api-1", "api-2"):
        port = free_port()
        command = [sys.executable, "-m", "gatecast", "serve", "--port", str(port)]
        # What an address that others can reach has by itself.
        closed = {"GATECAST_ANONYMOUS": "false", "GATECAST_RATE": "600/minute"}
        cache = str(parts.folder / f"cache-{name}")
        parts.start(name, command=command, GATECAST_PORT=str(port), GATECAST_CACHE=cache, **closed)
        addresses.append(f"http://127.0.0.1:{port}")
    for name, address in zip(("api-1", "api-2"), addresses, strict=True):
        until(lambda at=address: answers(f"{at}/readyz"), lambda at=name: parts.log(at), PATIENCE)
    return addresses
