"""Lay out homes to serve from: a copy of what is published, versions to swap, bodies to post."""

import json
import shutil
import subprocess  # our own interpreter, our own command line
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import nn

from benchmarks.serving.load import ROOT
from benchmarks.training import RetrainingFailed
from forecasting.climate.export import write_graph
from forecasting.climate.members import blend_of, members_of, write_members
from forecasting.recurrent import trainable
from forecasting.stores.files import write_json
from forecasting.stores.published import (
    CARD,
    GRAPH,
    WEIGHTS,
    ModelCard,
    publish,
    read_card,
    read_pointer,
    version_folder,
    write_manifest,
)
from forecasting.stores.stations import StationRecord, read_station, write_station

STATION: Final = "seattle"

#: How many different histories are posted in turn.
BODIES: Final = 64

#: How far the posted temperatures stray from the observed ones, in their unit.
STRAY: Final = 0.5


@dataclass(frozen=True)
class Home:
    """A folder with one station's champion and nothing of a registry."""

    root: Path

    @property
    def record(self) -> StationRecord:
        """The station."""
        return read_station(self.root, STATION)

    @property
    def files(self) -> Path:
        """The champion's files."""
        record = self.record
        pointer = read_pointer(self.root, record.card.model(record.card.target))
        return version_folder(self.root, pointer)

    @property
    def card(self) -> ModelCard:
        """The champion's card."""
        return read_card(self.files)

    @property
    def environment(self) -> dict[str, str]:
        """What a server of this home is told."""
        return {"GATECAST_HOME": str(self.root)}

    def publish(self, files: Path, version: int) -> None:
        """Promote files as a version."""
        publish(self.root, files, version=version, alias="champion", run_id=f"run-{version}")


def train(root: Path) -> Home:
    """Train a champion with the default preset in a fresh home; about 75 seconds.

    Raises:
        RetrainingFailed: it ended with an error.
    """
    command = [sys.executable, "-m", "gatecast", "--home", str(root), "retrain", STATION, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        tail = done.stderr.strip()[-500:]
        raise RetrainingFailed("gatecast retrain failed", expected="exit 0", found=tail)
    return Home(root)


def copied(source: Home, root: Path, files: Path | None = None) -> Home:
    """Lay out a home of a champion's files, by default the source's own, as version 1.

    The source stays as it is, and no registry says later that another version is champion.
    """
    write_station(root, source.record)
    home = Home(root)
    home.publish(files or stripped(source.files, root / "files"), version=1)
    return home


def stripped(files: Path, folder: Path) -> Path:
    """Copy what the API reads of a version, and the weights, with a manifest of their own."""
    folder.mkdir(parents=True)
    for name in (GRAPH, CARD, WEIGHTS):
        if (files / name).exists():
            shutil.copy(files / name, folder / name)
    write_manifest(folder)
    return folder


def single(files: Path, folder: Path) -> Path | None:
    """Export a version of the first member and the same simple rivals; None without weights."""
    if not (files / WEIGHTS).exists():
        return None
    folder.mkdir(parents=True)
    blend, card = blend_of(files), read_card(files)
    blend.members = nn.ModuleList([blend.members[0]])
    write_members(blend, folder / WEIGHTS)
    write_graph(blend, blend.spec.window, len(card.variables), folder / GRAPH)
    alone = replace(card, members=1, parameters=trainable(blend))
    write_json(folder / CARD, asdict(alone))
    write_manifest(folder)
    return folder


def layers(files: Path) -> dict[str, int]:
    """Return how many members have which recurrent layers; nothing without weights."""
    if not (files / WEIGHTS).exists():
        return {}
    specs = [member.spec for member in members_of(files)]
    return dict(Counter(f"{spec.cell} {' '.join(map(str, spec.widths))}" for spec in specs))


def described(files: Path) -> dict[str, Any]:
    """Say what a version is."""
    card = read_card(files)
    return {
        "members": card.members,
        "layers": layers(files),
        "parameters": card.parameters,
        "answers": f"{card.horizon} days, {len(card.levels)} quantiles",
    }


def histories(record: StationRecord, card: ModelCard) -> list[dict[str, Any]]:
    """Return the station's last days, each time with other temperatures."""
    draw = np.random.default_rng(0)
    recent, steps = record.recent, card.history
    columns = {name: list(recent.values[name][-steps:]) for name in card.variables}
    return [
        {
            "time": list(recent.time[-steps:]),
            **columns,
            card.target: [
                None if value is None else round(value + float(stray), 1)
                for value, stray in zip(
                    columns[card.target], draw.uniform(-STRAY, STRAY, steps), strict=True
                )
            ],
        }
        for _ in range(BODIES)
    ]


def posted(home: Home) -> tuple[str, ...]:
    """Return bodies for our `POST /v1/forecast`."""
    each = histories(home.record, home.card)
    return tuple(json.dumps({"station": STATION, "history": history}) for history in each)


def invoked(home: Home) -> tuple[str, ...]:
    """Return the same windows of the target alone for MLflow's `POST /invocations`."""
    card = home.card
    return tuple(
        json.dumps({"inputs": [[[value or 0.0] for value in history[card.target]]]})
        for history in histories(home.record, card)
    )
