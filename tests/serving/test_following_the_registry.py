"""An alias set in the registry alone, as a reviewer does in MLflow's page, reaches the API."""

import time
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient
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


@pytest.fixture
def registered(home, tmp_path, model_card, graph_of):
    """A store with one version that is no champion; returns its client and the number."""
    client = connect(Settings(home=home))
    run = client.create_run(client.create_experiment("climate")).info.run_id
    graph, weights = tmp_path / "model.onnx", tmp_path / "weights.safetensors"
    graph.write_bytes(graph_of(model_card))
    save_file({"bias": np.zeros(1, np.float32)}, weights)
    version = register(
        client,
        graph=graph,
        weights=weights,
        card=replace(model_card, run_id=run),
        registration=Registration(description="for the test", tags={}),
    )
    return client, version


def test_an_alias_set_in_the_registry_is_served_without_restart(home, registered, monkeypatch):
    registry, version = registered
    # The child reads the same environment as a person's shell; the app sets its own two names.
    monkeypatch.setenv("GATECAST_HOME", str(home / "elsewhere"))
    settings = ServingSettings(home=home, poll_seconds=0.05, hosts=("testserver",))

    with TestClient(create_app(settings)) as client:
        assert client.get("/v1/models/seattle").json()["code"] == "NO_CHAMPION"
        registry.set_registered_model_alias("climate-seattle", "champion", str(version))
        deadline = time.monotonic() + 90
        while client.get("/v1/models/seattle").status_code != 200:
            assert time.monotonic() < deadline, "the alias was not picked up"
            time.sleep(0.1)

        assert client.get("/v1/models/seattle").json()["version"] == version
        assert client.get("/v1/forecast?station=seattle").status_code == 200
