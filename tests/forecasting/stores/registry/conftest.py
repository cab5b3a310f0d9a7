"""A migrated store of its own for each test, copied from one that was migrated once."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient

from forecasting.settings import Settings, load_settings
from forecasting.stores.registry.aliases import CHAMPION, Move, alias_of, promote
from forecasting.stores.registry.store import artifact_root, ensure_store
from forecasting.stores.registry.versions import Registration, connect, register


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """The database file of one first migration."""
    settings = load_settings(home=tmp_path_factory.mktemp("migrated"), tracking_uri="")
    ensure_store(settings)
    return settings.root / "mlflow" / "mlflow.db"


@pytest.fixture
def settings(tmp_path, migrated, monkeypatch):
    """Settings of a home whose store is migrated and empty; nothing is written elsewhere."""
    home = tmp_path / "home"
    (home / "mlflow").mkdir(parents=True)
    shutil.copyfile(migrated, home / "mlflow" / "mlflow.db")
    monkeypatch.setenv("GATECAST_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return load_settings(tracking_uri="")


@dataclass(frozen=True)
class Registry:
    """An open store, and the short words that the tests speak to it."""

    settings: Settings
    client: MlflowClient
    run_id: str
    graph: Path
    weights: Path
    card: object

    def add(self, model="climate-oslo", **changes):
        """Register one more version; returns its number."""
        return register(
            self.client,
            graph=self.graph,
            weights=self.weights,
            card=self.card(model=model, run_id=self.run_id, **changes),
            registration=Registration(description="## Why", tags={"cell": "gru"}),
        )

    def promote(self, version, *, model="climate-oslo", judged_against=None, check=None):
        """Promote as one that was judged against the version named."""
        move = Move(
            model=model, version=version, judged_against=judged_against, who="test", why="better"
        )
        return promote(self.client, self.settings, move, check)

    def champion(self, model="climate-oslo"):
        """Return the champion's version, or None."""
        return alias_of(self.client, model, CHAMPION)

    def artifacts(self, version, model="climate-oslo"):
        """Return the folder in which the store keeps a version's files."""
        kept = artifact_root(self.settings)
        entry = self.client.get_model_version(model, str(version))
        (found,) = kept.rglob(f"{entry.source.removeprefix('models:/')}/artifacts")
        return found


@pytest.fixture
def registry(settings, exported, card_of):
    client = connect(settings)
    location = (artifact_root(settings) / "test").as_uri()
    experiment = client.create_experiment("test", artifact_location=location)
    run = client.create_run(experiment).info.run_id
    graph, weights = exported / "model.onnx", exported / "weights.safetensors"
    return Registry(settings, client, run, graph, weights, card_of)


@pytest.fixture
def assert_chained():
    """Check that each whole line of the promotion log carries the digest of the one before."""

    def check(root):
        earlier = None
        for line in (root / "promotions.jsonl").read_bytes().splitlines():
            if line.endswith(b"}"):
                assert json.loads(line)["earlier"] == earlier
            earlier = hashlib.sha256(line).hexdigest()

    return check
