import os
import shutil
import sqlite3
import subprocess
import sys

import pytest
from filelock import FileLock

from forecasting.errors import PickleEnabled, TrackingUnavailable
from forecasting.settings import load_settings
from forecasting.stores.registry import store
from forecasting.stores.registry.store import PICKLE_SWITCH, ensure_store, forbid_pickle
from forecasting.stores.registry.versions import connect

#: Says, after the store was opened, whether MLflow would report home.
TELEMETRY = """
import forecasting.stores.registry.versions as versions
import mlflow.telemetry.client as telemetry
from forecasting.settings import load_settings
assert telemetry._MLFLOW_TELEMETRY_CLIENT is not None, "nothing to switch off"
versions.connect(load_settings(tracking_uri=""))
assert telemetry._MLFLOW_TELEMETRY_CLIENT is None
"""


@pytest.fixture
def cold(tmp_path):
    """Settings of a home in which nothing lies yet."""
    return load_settings(home=tmp_path / "cold", tracking_uri="")


def test_pickle_is_switched_off_where_nobody_has_said_anything(monkeypatch):
    monkeypatch.delenv(PICKLE_SWITCH, raising=False)

    forbid_pickle()

    assert os.environ[PICKLE_SWITCH] == "false"


@pytest.mark.parametrize("value", ["false", "False", "0", " false "])
def test_pickle_that_somebody_switched_off_stays_off(monkeypatch, value):
    monkeypatch.setenv(PICKLE_SWITCH, value)

    forbid_pickle()

    assert os.environ[PICKLE_SWITCH] == value


@pytest.mark.parametrize("value", ["true", "TRUE", "1", "yes", ""])
def test_a_start_with_pickle_switched_on_is_refused(monkeypatch, settings, value):
    monkeypatch.setenv(PICKLE_SWITCH, value)

    with pytest.raises(PickleEnabled, match=f"expected false; found {value}"):
        connect(settings)


def test_a_store_that_is_there_is_opened_as_it_is(settings):
    database = settings.root / "mlflow" / "mlflow.db"
    before = database.stat().st_ino

    assert ensure_store(settings) == f"sqlite:///{database}"
    assert database.stat().st_ino == before


def test_a_tracking_server_is_taken_at_its_word(tmp_path):
    settings = load_settings(home=tmp_path / "cold", tracking_uri="http://127.0.0.1:5000")

    assert ensure_store(settings) == "http://127.0.0.1:5000"
    assert not (tmp_path / "cold").exists()


def half_made(_, database):
    """A store whose migration was cut off: some tables are there, some are not."""
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("CREATE TABLE runs (run_uuid TEXT)")
    connection.close()


def empty(_, database):
    database.touch()


def truncated(migrated, database):
    database.write_bytes(migrated.read_bytes()[:20_000])


def other_bytes(_, database):
    database.write_bytes(b"<html>not a database</html>" * 100)


@pytest.mark.parametrize("damage", [half_made, empty, truncated, other_bytes])
def test_a_database_that_is_not_whole_is_refused_and_left_alone(cold, migrated, damage):
    database = cold.root / "mlflow" / "mlflow.db"
    database.parent.mkdir(parents=True)
    damage(migrated, database)
    before = database.read_bytes()

    with pytest.raises(TrackingUnavailable, match=r"mlflow\.db"):
        connect(cold)

    assert database.read_bytes() == before


def test_a_half_made_database_is_refused_with_both_numbers(cold, migrated):
    (cold.root / "mlflow").mkdir(parents=True)
    half_made(migrated, cold.root / "mlflow" / "mlflow.db")

    with pytest.raises(TrackingUnavailable, match="expected its tables; found 2 of 3 looked for"):
        connect(cold)


def test_a_migration_that_another_process_does_not_finish_is_waited_for_and_then_refused(
    cold, migrated, monkeypatch
):
    monkeypatch.setattr(store, "MIGRATION_WAIT", 0.05)
    folder = cold.root / "mlflow"
    folder.mkdir(parents=True)

    with (
        FileLock(folder / "migration.lock"),
        pytest.raises(TrackingUnavailable, match=r"did not finish.*expected within 0 s"),
    ):
        ensure_store(cold)

    shutil.copyfile(migrated, folder / "mlflow.db")
    ensure_store(cold)


def test_a_migration_that_fails_leaves_no_database(cold, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(store.os, "fsync", full)

    with pytest.raises(TrackingUnavailable, match="first migration failed; found OSError"):
        ensure_store(cold)

    assert not (cold.root / "mlflow" / "mlflow.db").exists()


@pytest.mark.usefixtures("settings")
def test_nothing_is_reported_home_even_where_mlflow_was_imported_first():
    told = {"CI", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "PYTEST_CURRENT_TEST"}
    quiet = {name: value for name, value in os.environ.items() if name not in told}

    done = subprocess.run(
        [sys.executable, "-c", TELEMETRY],
        env=quiet, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
