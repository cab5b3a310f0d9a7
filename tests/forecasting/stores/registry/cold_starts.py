"""Open a store that does not exist yet from forked processes, some of them killed; print the end.

Run as a script, so that MLflow is loaded once: `cold_starts.py HOME PROCESSES DELAY …`. Each
DELAY is a trial in a home of its own: one process opens the store alone and is killed with
SIGKILL so many seconds after its migration has begun ("none" kills nobody); then PROCESSES
processes open it at once, and each writes an experiment. Prints a list with one object a trial.
"""

import json
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path

from forecasting.settings import load_settings
from forecasting.stores.registry.store import quiet_environment

quiet_environment()

from mlflow.store.tracking import sqlalchemy_store  # noqa: E402, F401 - loaded once, then forked

from forecasting.stores.registry.versions import connect  # noqa: E402


def forked(work):
    """Run the work in a child; returns its process id."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the child must not return into the parent
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    return child


def kill_in_migration(settings, delay):
    """Start the first migration in a child and kill it in the middle; says whether it was there."""
    folder = settings.root / "mlflow"
    child = forked(lambda: connect(settings))
    deadline = time.monotonic() + 60
    while not any(folder.glob("m*.db")) and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return not (folder / "mlflow.db").exists()


def write(settings, name):
    """Open the store and write one experiment into it."""
    connect(settings).create_experiment(name, artifact_location=settings.root.as_uri())


def trial(home, processes, delay):
    settings = load_settings(home=home, tracking_uri="")
    killed = delay != "none" and kill_in_migration(settings, float(delay))
    children = [forked(lambda name=str(each): write(settings, name)) for each in range(processes)]
    ended = [os.waitpid(child, 0)[1] for child in children]
    database = settings.root / "mlflow" / "mlflow.db"
    with sqlite3.connect(database) as connection:
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
        written = [row[0] for row in connection.execute("SELECT name FROM experiments")]
        revisions = connection.execute("SELECT count(*) FROM alembic_version").fetchone()[0]
    connection.close()
    return {
        "killed_in_migration": killed,
        "ended": ended,
        "integrity": sound,
        "experiments": sorted(written),
        "revisions": revisions,
        "left_over": sorted(path.name for path in database.parent.glob("migrating-*")),
    }


def main(home, processes, *delays):
    folders = [Path(home) / str(number) for number in range(len(delays))]
    found = [
        trial(folder, int(processes), delay) for folder, delay in zip(folders, delays, strict=True)
    ]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
