"""Look at a home after a fault as a reviewer, the API and the next training would."""

import hashlib
import json
import sqlite3
from collections import Counter
from contextlib import closing, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from mlflow import MlflowClient

from data_checks.admissions import load_admitted
from forecasting.errors import DataUnchecked, GatecastError
from forecasting.settings import Settings
from forecasting.stores import reconcile
from forecasting.stores.decisions import read_decisions, read_moves
from forecasting.stores.files import sha256
from forecasting.stores.intentions import intended
from forecasting.stores.published import WEIGHTS, Pointer, read_pointer, verify_manifest
from forecasting.stores.published import version_folder as published_folder
from forecasting.stores.registry.versions import connect, fetch, list_versions
from forecasting.stores.stations import list_stations, read_station
from pipelines.soundness import smoke_test
from serving.champions import Champions
from tests.faults.home import MODEL

#: Sentences on what is wrong.
Complaints = list[str]


def look(home: Path) -> dict[str, Any]:
    """Return what is wrong in a home, who is champion with which weights, and what is served."""
    settings = Settings(home=home)
    complaints = [*broken_store(settings), *broken_data(settings.root), *broken_logs(settings.root)]
    client = connect(settings)
    versions, wrong = whole_versions(client)
    complaints += wrong
    champions = [v for v in list_versions(client, MODEL) if "champion" in v.aliases]
    if len(champions) != 1:
        complaints.append(f"{len(champions)} versions have the alias champion")
    number = champions[0].version if champions else None
    pointer, wrong = served(settings.root)
    complaints += wrong
    return {
        "complaints": complaints,
        "champion": number,
        "weights": versions.get(number or 0),
        "logged": logged(settings.root),
        "undecided": undecided(settings.root),
        "published": None if pointer is None else pointer.version,
        "served": None if pointer is None else versions.get(pointer.version),
        "versions": len(versions),
    }


def follow(home: Path) -> None:
    """Do what the API's child does when the registry has changed: heal what was cut off."""
    del home  # the environment names it
    with redirect_stdout(StringIO()) as said:
        code = reconcile.main()
    if code != 0:
        raise RuntimeError(said.getvalue())


def broken_store(settings: Settings) -> Complaints:
    """Ask SQLite whether the store is whole."""
    if settings.tracking_uri:
        return []
    with closing(sqlite3.connect(settings.root / "mlflow" / "mlflow.db")) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    return [] if found == ["ok"] else [f"the store: {found[:3]}"]


def whole_versions(client: MlflowClient) -> tuple[dict[int, str], Complaints]:
    """Fetch every registered version, verify it and ask it; returns their weights' sums."""
    weights: dict[int, str] = {}
    complaints = []
    for version in list_versions(client, MODEL):
        with TemporaryDirectory() as scratch:
            try:
                files = fetch(client, MODEL, version.version, Path(scratch))
                smoke_test(files)
                weights[version.version] = sha256(files / WEIGHTS)
            except GatecastError as error:
                complaints.append(f"{version.name} is registered: {error.code}: {error}")
    return weights, complaints


def served(root: Path) -> tuple[Pointer | None, Complaints]:
    """Load what is published with the API's own loader, and let it forecast."""
    try:
        pointer = read_pointer(root, MODEL)
        verify_manifest(published_folder(root, pointer), pointer.manifest_sha256)
    except (GatecastError, ValueError, TypeError, OSError) as error:
        return None, [f"what is published: {type(error).__name__}: {error}"]
    champions = Champions(root)
    champions.refresh()
    try:
        live = champions.of(MODEL)
    except GatecastError as error:
        return pointer, [f"nothing is served: {error.code} {dict(champions.failing)}"]
    shape = (live.card.history, len(live.card.variables))
    quantiles = live.quantiles(np.full(shape, 10.0, np.float32), 0)
    wrong = [] if np.isfinite(quantiles).all() else ["a forecast is not finite"]
    if live.pointer.version != pointer.version:
        wrong.append(f"{live.pointer.version} is served and {pointer.version} published")
    return pointer, wrong


def broken_data(root: Path) -> Complaints:
    """Read stations, raw files and admitted series: whole and bound to their sums, or refused."""
    complaints = []
    for name in list_stations(root):
        try:
            read_station(root, name)
        except (ValueError, TypeError, KeyError, GatecastError) as error:
            complaints.append(f"station {name}: {error}")
    complaints += [
        f"{raw.name} holds other bytes"
        for raw in (root / "raw").glob("*.csv")
        if sha256(raw) != raw.stem
    ]
    admitted = (broken_admission(root, folder) for folder in (root / "admitted").glob("*"))
    return complaints + [each for each in admitted if each]


def broken_admission(root: Path, folder: Path) -> str | None:
    """Say what is wrong with an admitted series: without its verdict it has to be refused (D9)."""
    try:
        series = load_admitted(root, folder.name)
    except DataUnchecked:
        with_verdict = (folder / "verdict.json").exists()
        return f"the verdict of {folder.name} is not its data's" if with_verdict else None
    return None if series.sha256 == folder.name else f"{folder.name} holds other data"


def acknowledged(root: Path) -> dict[str, Any]:
    """Return what a home has promised to keep: log lines, raw files, series with a verdict."""
    logs = [root / "promotions.jsonl", *(root / "decisions").glob("*.jsonl")]
    return {
        "logs": {str(log.relative_to(root)): log.read_bytes() for log in logs if log.exists()},
        "files": sorted(
            str(path.relative_to(root))
            for pattern in ("raw/*.csv", "admitted/*/verdict.json", "stations/*")
            for path in root.glob(pattern)
        ),
    }


def forgotten(root: Path, kept: dict[str, Any]) -> Complaints:
    """Say what a home no longer has of what it had promised to keep."""
    complaints = [
        f"lines of {name} are gone"
        for name, content in kept["logs"].items()
        if not (root / name).exists() or not (root / name).read_bytes().startswith(content)
    ]
    return complaints + [f"{name} is gone" for name in kept["files"] if not (root / name).exists()]


def logged(root: Path) -> int | None:
    """Return the version to which the promotion log last says that the champion moved."""
    path = root / "promotions.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    moves = [json.loads(line) for line in lines if line.endswith(b"}")]
    return next((move["after"] for move in reversed(moves) if move["model"] == MODEL), None)


def undecided(root: Path) -> Complaints:
    """Say which moves of the champion's alias have no line, or several, in the log of decisions.

    None is left to be found by its alias alone: the log would not know who moved it, and why.
    """
    said = Counter(
        (entry.version, entry.sentence) for entry in read_decisions(root, MODEL) if entry.promoted
    )
    moves = Counter((move.after, move.why) for move in read_moves(root, MODEL))
    complaints = [
        f"the move to version {version} stands {times} times in one log, {said[version, why]} in "
        f"that of decisions: {why[:60]}"
        for (version, why), times in moves.items()
        if said[version, why] != times
    ]
    if intended(root, MODEL) is not None:
        complaints.append("an intended decision is neither completed nor dropped")
    return complaints


def broken_logs(root: Path) -> Complaints:
    """Follow the chain of the promotion log, and read each line of the decisions' log."""
    complaints, earlier = [], None
    path = root / "promotions.jsonl"
    for line in path.read_bytes().splitlines() if path.exists() else []:
        # A line in which a process was stopped has no end; the next one still names its sum.
        if line.endswith(b"}") and json.loads(line)["earlier"] != earlier:
            complaints.append("the promotion log's chain is broken")
        earlier = hashlib.sha256(line).hexdigest()
    for log in (root / "decisions").glob("*.jsonl"):
        for line in log.read_bytes().splitlines():
            if line.endswith(b"}"):
                json.loads(line)
    return complaints
