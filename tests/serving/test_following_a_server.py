"""A real tracking server: its aliases reach the API by looking, and at once by its own webhook."""

import os
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import uvicorn
from safetensors.numpy import save_file

from forecasting.settings import Settings
from forecasting.stores.registry.versions import Registration, connect, register
from serving.app import create_app
from serving.settings import ServingSettings

pytestmark = [
    pytest.mark.system,
    # MLflow says it of its own chat types when its pyfunc package is first imported.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

KEY = "what the tests sign with"

#: What lets MLflow deliver to loopback, and what keeps it to one process and to itself.
SERVER = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # It remembers for a minute that there was no webhook.
    "MLFLOW_WEBHOOK_CACHE_TTL": "1",
}


def wait_for(truth, seconds):
    began = time.monotonic()
    while not truth():
        assert time.monotonic() - began < seconds, "did not happen in time"
        time.sleep(0.05)


def is_up(address):
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture
def tracking(tmp_path, free_port):
    """The address of a real server of its own."""
    address = f"http://127.0.0.1:{free_port}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(free_port)),
        *("--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}"),
        *("--artifacts-destination", str(tmp_path / "artifacts"), "--host", "127.0.0.1"),
    ]
    with subprocess.Popen(
        command,
        env={**os.environ, **SERVER},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            wait_for(lambda: is_up(address), 60)
            yield address
        finally:
            os.killpg(process.pid, 15)
            process.wait(20)


@pytest.fixture
def registry(home, tmp_path, model_card, graph_of, tracking):
    """A client of the server, which has two versions that are no champions."""
    client = connect(Settings(home=home, tracking_uri=tracking))
    run = client.create_run(client.create_experiment("climate")).info.run_id
    graph, weights = tmp_path / "model.onnx", tmp_path / "weights.safetensors"
    save_file({"bias": np.zeros(1, np.float32)}, weights)
    for version in (1, 2):
        graph.write_bytes(graph_of(model_card, offset=float(version)))
        register(
            client,
            graph=graph,
            weights=weights,
            card=replace(model_card, run_id=run),
            registration=Registration(description="for the test", tags={}),
        )
    return client


@contextmanager
def running(settings):
    """Run the app on a real port; yields its address and its parts."""
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started, 20)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", app.state.parts
    finally:
        server.should_exit = True
        thread.join()


def test_an_alias_of_a_server_arrives_by_looking_and_at_once_by_its_webhook(
    registry, home, tracking
):
    settings = ServingSettings(home=home, tracking_uri=tracking, webhook_secret=KEY)
    with running(settings) as (address, parts):

        def version():
            live = parts.champions.standings
            return live[0].version if live else None

        wait_for(lambda: parts.healer.last_reached, 30)
        registry.set_registered_model_alias("climate-seattle", "champion", "1")
        wait_for(lambda: version() == 1, 30)

        # Far from any look of its own: only the delivery can bring the next one.
        parts.healer._pace = replace(parts.healer._pace, look=600.0)
        parts.healer._wake.set()
        registry.create_webhook(
            "gatecast",
            f"{address}/hooks/mlflow",
            ["model_version_alias.created", "model_version_alias.deleted"],
            secret=KEY,
        )
        time.sleep(1)
        registry.set_registered_model_alias("climate-seattle", "champion", "2")
        wait_for(lambda: version() == 2, 30)
