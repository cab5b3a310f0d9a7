"""Open the MLflow store: pickle off, migrated once under a lock, one client."""

import os
import sqlite3
from functools import cache
from pathlib import Path

from filelock import FileLock

from forecasting.errors import PickleEnabled, TrackingUnavailable
from forecasting.settings import Settings
from forecasting.stores.files import sync_folder
from forecasting.stores.graphs import SILENCE
from forecasting.stores.locks import held_lock
from forecasting.stores.postgres import is_postgres

PICKLE_SWITCH = "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"

#: What MLflow, and ONNX Runtime under it, read from the environment, set before it is imported.
QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    **SILENCE,
}

#: Longest wait for another process's first migration, in seconds.
MIGRATION_WAIT = 120.0


def forbid_pickle() -> None:
    """Switch MLflow's pickle loading off where nobody has said anything.

    Raises:
        PickleEnabled: somebody has switched it on.
    """
    value = os.environ.setdefault(PICKLE_SWITCH, "false")
    if value.strip().lower() not in {"false", "0"}:
        raise PickleEnabled(
            f"{PICKLE_SWITCH} lets a crafted model run code", expected="false", found=value
        )


def quiet_environment() -> None:
    """Set what MLflow reads from the environment; must run before MLflow is imported."""
    forbid_pickle()
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def artifact_root(settings: Settings) -> Path:
    """Return the local folder of MLflow's artifacts."""
    return settings.root / "mlflow" / "artifacts"


def ensure_store(settings: Settings) -> str:
    """Return the tracking address, with an embedded store migrated exactly once.

    Four processes that open an empty SQLite store at once destroy it, and so does a kill in
    the first migration. So the tables are made in a temporary file, under a lock, and the
    finished file is renamed into place; the others wait.

    Raises:
        PickleEnabled: pickle loading was switched on.
        TrackingUnavailable: the lock was not had in time, the migration failed, or the file
            is no MLflow store.
    """
    quiet_environment()
    if settings.tracking_uri:
        if is_postgres(settings.tracking_uri):
            _migrate_database(settings.tracking_uri, settings.root, artifact_root(settings))
        return settings.tracking_uri
    folder = settings.root / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "mlflow.db"
    if not database.exists():
        try:
            with FileLock(folder / "migration.lock", timeout=MIGRATION_WAIT):
                if not database.exists():
                    _migrate(database, artifact_root(settings))
        except TimeoutError as error:
            raise TrackingUnavailable(
                "another process did not finish the store's first migration",
                expected=f"within {MIGRATION_WAIT:.0f} s",
            ) from error
    _check_tables(database)
    return settings.tracking


@cache
def _migrate_database(address: str, root: Path, artifacts: Path) -> None:
    """Let one process at a time make, or look at, the tables of a PostgreSQL: once a process.

    Four that do so at once on an empty database leave one with a store, and three with errors.
    """
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - 3 s
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - with it

    busy = "another process makes the store's tables"
    with held_lock(root, "migration", address=address, wait=MIGRATION_WAIT, busy=busy):
        try:
            _open_store(address, artifacts)
        except (SQLAlchemyError, MlflowException) as error:
            raise TrackingUnavailable(
                "the store's tables could not be made", found=type(error).__name__
            ) from error


def _open_store(address: str, artifacts: Path) -> None:
    """Let MLflow make or migrate its tables at an address."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415 - 3 s

    store = SqlAlchemyStore(address, artifacts.as_uri())  # type: ignore[no-untyped-call]
    store.engine.dispose()


def _migrate(database: Path, artifacts: Path) -> None:
    """Make all tables in a temporary file, fold its journal in, rename it into place."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - 3 s
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - with it

    for left_over in database.parent.glob("migrating-*"):
        left_over.unlink(missing_ok=True)
    temporary = database.with_name(f"migrating-{os.getpid()}.db")
    try:
        _make_tables(temporary, artifacts)
        temporary.replace(database)
    except (OSError, sqlite3.Error, SQLAlchemyError, MlflowException) as error:
        raise TrackingUnavailable(
            "the store's first migration failed", found=type(error).__name__
        ) from error
    sync_folder(database.parent)


def _make_tables(temporary: Path, artifacts: Path) -> None:
    """Let MLflow make its tables, and flush them to the disk."""
    _open_store(f"sqlite:///{temporary}", artifacts)
    with sqlite3.connect(temporary) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    handle = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_tables(database: Path) -> None:
    """Refuse a file that is not a whole store, before MLflow would start to repair it."""
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        try:
            row = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE type = 'table' "
                "AND name IN ('alembic_version', 'runs', 'registered_model_aliases')"
            ).fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise TrackingUnavailable(
            f"{database.name} cannot be read", expected="an MLflow store", found=str(error)
        ) from error
    if row[0] != 3:
        raise TrackingUnavailable(
            f"{database.name} is not a whole MLflow store",
            expected="its tables",
            found=f"{row[0]} of 3 looked for",
        )
