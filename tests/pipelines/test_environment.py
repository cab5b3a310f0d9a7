import asyncio
import os
from datetime import timedelta
from importlib import import_module
from uuid import uuid4

import pytest
from prefect.settings import Settings as PrefectSettings

from forecasting.errors import PickleEnabled
from forecasting.settings import Settings
from pipelines.environment import VACUUM, prepare

NAMES = (
    "GATECAST_HOME", "PREFECT_HOME", "PREFECT_SERVER_ANALYTICS_ENABLED", "DO_NOT_TRACK",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "PREFECT_LOGGING_LEVEL",
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE",
    *VACUUM,
    "PREFECT_CLI_PROMPT", "MPLBACKEND", "MPLCONFIGDIR", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION",
)  # fmt: skip


@pytest.fixture(autouse=True)
def unset(own_environment):
    """Begin without any of these names."""
    for name in NAMES:
        own_environment.pop(name, None)


def test_prefect_lives_under_our_home_and_nothing_is_sent_anywhere(tmp_path):
    prepare(Settings(home=tmp_path / "home"))
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "home" / "prefect")
    assert (tmp_path / "home" / "prefect").is_dir()
    assert os.environ["GATECAST_HOME"] == str(tmp_path / "home")
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["DO_NOT_TRACK"] == "true"
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert int(os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"]) > 20


def test_who_holds_a_deployments_one_place_is_known_to_the_next_server(tmp_path):
    prepare(Settings(home=tmp_path / "home"))
    kept = import_module(os.environ["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"])
    storage = kept.ConcurrencyLeaseStorage()
    leased = asyncio.run(storage.create_lease([uuid4()], timedelta(minutes=5)))
    found = asyncio.run(kept.ConcurrencyLeaseStorage().read_lease(leased.id))
    assert found.id == leased.id


def test_prefect_removes_runs_that_are_older_than_two_weeks(tmp_path):
    prepare(Settings(home=tmp_path / "home"))
    vacuum = PrefectSettings().server.services.db_vacuum
    assert vacuum.enabled_vacuum_types >= {"events", "flow_runs"}
    assert vacuum.retention_period == timedelta(days=14)


def test_what_the_operator_has_set_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", "/srv/prefect")
    prepare(Settings(home=tmp_path / "home"))
    assert os.environ["PREFECT_HOME"] == "/srv/prefect"


def test_nothing_starts_where_pickle_was_switched_on(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "True")
    with pytest.raises(PickleEnabled):
        prepare(Settings(home=tmp_path / "home"))
    assert not (tmp_path / "home").exists()
