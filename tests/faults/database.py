"""Kill PostgreSQL while versions are registered: none that was acknowledged may be missing."""

import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forecasting.settings import Settings
from forecasting.stores.registry.versions import (
    Registration,
    connect,
    fetch,
    list_versions,
    register,
    store_errors,
)
from pipelines import tracking
from tests import postgres
from tests.faults.forks import Ended, forked
from tests.faults.home import MODEL, write_first
from tests.faults.trials import Trial
from tests.pipelines import oslo

PART = "PostgreSQL kills"

#: How long the server lives before it is killed, in seconds: some connections, some registrations.
LIVES = (0.05, 2.5)

#: Longest time from the kill to the refusal, in seconds: MLflow tries to connect for 100 s.
BOUNDED = 150.0


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What was acknowledged, one line a version, in a file beside the home."""

    path: Path

    def add(self, version: int) -> None:
        """Note a version that the registry has acknowledged."""
        with self.path.open("a") as file:
            file.write(f"{version}\n")

    def read(self) -> set[int]:
        """Return every version that was acknowledged."""
        return set(map(int, self.path.read_text().split())) if self.path.exists() else set()


def connected(settings: Settings) -> Path:
    """Return the file that says that the first version was registered."""
    return settings.root.parent / "connected"


def register_on(settings: Settings, files: Path, ledger: Ledger) -> None:
    """Register one version after the other until the database goes away."""
    client = connect(settings)
    experiment = tracking.experiment_of(client, settings, MODEL)
    while True:
        run = tracking.start_run(client, experiment, "killed")
        with store_errors():
            version = register(
                client,
                graph=files / "first.onnx",
                weights=files / "first.safetensors",
                card=replace(oslo.make_card(), run_id=run),
                registration=Registration(description="# One of many", tags={}),
            )
        ledger.add(version)
        # MLflow opens the database once more in the first registration.
        if not connected(settings).exists():
            connected(settings).touch()


def looked(settings: Settings, newest: int) -> dict[str, Any]:
    """Return all versions of the registry, and which of the newest cannot be fetched whole."""
    client = connect(settings)
    versions = [version.version for version in list_versions(client, MODEL)]
    broken = []
    for version in versions[:newest]:
        place = settings.root / "looked" / str(version)
        place.mkdir(parents=True, exist_ok=True)
        try:
            fetch(client, MODEL, version, place)
        except Exception as error:  # noqa: BLE001 - told as a complaint
            broken.append(f"version {version}: {type(error).__name__}: {error}")
    return {"versions": versions, "broken": broken}


def kills(folder: Path, times: int, rng: random.Random) -> Iterator[Trial]:
    """Kill a durable server so many times, and look after each start what is still there."""
    folder.mkdir(parents=True, exist_ok=True)
    write_first(folder, wrong_by=2.5)
    ledger = Ledger(path=folder / "acknowledged")
    with postgres.cluster(durable=True) as server:
        server.create("mlflow")
        settings = Settings(
            home=folder / "home", tracking_uri=server.address("mlflow", driver="psycopg")
        )
        first = forked(lambda: looked_at_first(settings), folder / "log")
        if first.answer is None:
            raise RuntimeError(f"PostgreSQL cannot be used: {first}")
        for number in range(times):
            life = rng.uniform(*LIVES)
            yield killed_once(server, settings, ledger, (number, life))


def looked_at_first(settings: Settings) -> int:
    """Let MLflow make its tables, before anything is killed."""
    client = connect(settings)
    tracking.experiment_of(client, settings, MODEL)
    return 1


def killed_once(
    server: postgres.Cluster, settings: Settings, ledger: Ledger, turn: tuple[int, float]
) -> Trial:
    """Kill the server in the middle of registrations; start it again; compare."""
    number, life = turn
    folder, before = settings.root.parent, ledger.read()
    connected(settings).unlink(missing_ok=True)

    over = threading.Event()

    def kill() -> None:
        while not connected(settings).exists() and not over.is_set():
            time.sleep(0.02)
        over.wait(life)
        server.kill()

    killer = threading.Thread(target=kill, daemon=True)
    ended = forked(
        lambda: register_on(settings, folder, ledger),
        folder / "log",
        attend=lambda _: killer.start(),  # not before the fork
    )
    over.set()
    killer.join()
    known = connected(settings)
    took = time.time() - known.stat().st_mtime - life if known.exists() else 0.0
    server.start()
    new = len(ledger.read() - before)
    complaints = refusals(ended, took) + gone(settings, ledger, new)
    return Trial(part=PART, name=f"{number}: after {life:.2f} s, {new} registered",
                 ended=ended.refused or "broke", reached=True, complaints=complaints)  # fmt: skip


def gone(settings: Settings, ledger: Ledger, new: int) -> list[str]:
    """Complain of acknowledged versions that are not there, or not whole."""
    found = forked(lambda: looked(settings, new + 2), settings.root.parent / "log")
    if found.answer is None:
        return [f"the store cannot be read: {found.refused or found.broke}"]
    missing = sorted(ledger.read() - set(found.answer["versions"]))
    return [f"acknowledged and gone: {missing}"] * bool(missing) + found.answer["broken"]


def refusals(ended: Ended, took: float) -> list[str]:
    """Complain of an end that is no TRACKING_UNAVAILABLE, or that was long in coming."""
    complaints = []
    if ended.refused != "TRACKING_UNAVAILABLE":
        complaints.append(f"not TRACKING_UNAVAILABLE: {json.dumps([ended.refused, ended.broke])}")
    if took > BOUNDED:
        complaints.append(f"refused only after {took:.0f} s")
    return complaints
