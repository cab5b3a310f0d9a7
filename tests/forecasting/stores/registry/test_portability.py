"""A version is its own: plain MLflow loads it in a process that has no torch and no Gatecast."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from forecasting.climate.export import GraphForecaster
from forecasting.stores.graphs import SILENCE
from forecasting.stores.registry.aliases import CHAMPION

#: Blocks what a stranger would not have, loads the model, answers the questions, tries float64.
STRANGER = """
import json, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "forecasting"}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
import mlflow, numpy
from mlflow.exceptions import MlflowException
tracking, name, folder = sys.argv[1:]
mlflow.set_tracking_uri(tracking)
model = mlflow.pyfunc.load_model(name)
asked = dict(numpy.load(folder + "/asked.npz"))
answers = model.predict(asked)["quantiles"]
numpy.save(folder + "/answers.npy", answers)
try:
    model.predict({**asked, "history": asked["history"].astype("float64")})
    refused = False
except MlflowException:
    refused = True
example = model.predict(model.input_example)["quantiles"]
loaded = "torch" in sys.modules
print(json.dumps({"refused": refused, "example": list(example.shape), "torch": loaded}))
"""


@pytest.fixture
def asked():
    rng = np.random.default_rng(5)
    history = rng.normal(12, 6, (7, 10, 2)).astype(np.float32)
    history[rng.random(history.shape) < 0.3] = np.nan
    return history, np.arange(7, dtype=np.int64) * 86_400


def test_a_version_loads_without_torch_and_says_the_same(registry, tmp_path, asked):
    registry.promote(registry.add())
    np.savez(tmp_path / "asked.npz", history=asked[0], origin=asked[1])
    environment = {**os.environ, **SILENCE, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STRANGER, registry.settings.tracking,
         f"models:/climate-oslo@{CHAMPION}", tmp_path],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"refused": True, "example": [2, 3, 9], "torch": False}
    expected = GraphForecaster(registry.graph)(*asked)
    assert np.load(tmp_path / "answers.npy").tobytes() == expected.tobytes()
