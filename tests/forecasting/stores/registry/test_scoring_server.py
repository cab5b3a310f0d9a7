"""`mlflow models serve` and our API answer the same numbers from the same registered version."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import urllib3
from fastapi.testclient import TestClient

from forecasting.stores.graphs import SILENCE
from forecasting.stores.stations import (
    RecentDays,
    StationCard,
    StationRecord,
    VariableCard,
    write_station,
)
from serving.app import create_app
from serving.settings import ServingSettings

pytestmark = pytest.mark.system

FIRST = date(2013, 1, 1)


@pytest.fixture
def record(card_of):
    """Oslo with thirty days, of which one has no temperature."""
    card = card_of()
    rng = np.random.default_rng(4)
    columns = {name: rng.uniform(1, 9, 30).round(1).tolist() for name in card.variables}
    columns[card.target][-4] = None
    return StationRecord(
        card=StationCard(
            name=card.station, latitude=59.9, longitude=10.7, timezone="Europe/Oslo",
            target=card.target, step_seconds=86_400, history=10, horizon=3,
            variables=tuple(
                VariableCard(name=name, unit="1", lower=-60, upper=60) for name in card.variables
            ),
            licence="CC0", attribution="us",
        ),
        recent=RecentDays(
            data_sha256="e" * 64,
            time=tuple((FIRST + timedelta(days=day)).isoformat() for day in range(30)),
            values={name: tuple(column) for name, column in columns.items()},
            quarantined={},
        ),
    )  # fmt: skip


@pytest.fixture
def scoring_server(registry):
    """MLflow's own server of the champion, with pickle off; yields its address."""
    registry.promote(registry.add())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ, **SILENCE,
        # It starts uvicorn by its name.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "MLFLOW_TRACKING_URI": registry.settings.tracking,
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "mlflow", "models", "serve", "-m",
         "models:/climate-oslo@champion", "--env-manager", "local", "--host", "127.0.0.1",
         "--port", str(port), "--workers", "1"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(urllib3.exceptions.HTTPError):
                if urllib3.request("GET", f"{address}/ping", retries=False).status == 200:
                    break
            time.sleep(0.1)
        else:
            pytest.fail("MLflow's server did not come")
        yield address
    finally:
        # It starts a child of its own: the whole session that this test has begun ends.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(20)


def test_mlflows_own_server_and_ours_say_the_same(registry, scoring_server, record, card_of):
    card = card_of()
    values = [record.recent.values[name][-10:] for name in card.variables]
    origin = (FIRST + timedelta(days=29) - date(1970, 1, 1)) // timedelta(seconds=1)
    asked = {"history": [list(map(list, zip(*values, strict=True)))], "origin": [origin]}

    theirs = urllib3.request("POST", f"{scoring_server}/invocations", json={"inputs": asked})

    assert theirs.status == 200, theirs.data
    quantiles = np.array(json.loads(theirs.data)["predictions"]["quantiles"])
    write_station(registry.settings.root, record)
    settings = ServingSettings(home=registry.settings.root, heal=False, hosts=("testserver",))
    with TestClient(create_app(settings)) as client:
        assert client.app.state.parts.watcher.wait(10)
        ours = client.get("/v1/forecast?station=oslo").json()
        history = {"time": record.recent.time, **record.recent.values}
        posted = client.post("/v1/forecast", json={"station": "oslo", "history": history}).json()
    columns = sorted(
        (column for name, column in ours["daily"].items() if name != "time"),
        key=lambda column: column[0],
    )
    assert posted == ours
    assert ours["model"]["version"] == 1
    assert quantiles.shape == (1, 3, 9)
    np.testing.assert_allclose(np.array(columns).T, quantiles[0], atol=1e-4)
