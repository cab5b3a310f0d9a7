"""Make one home that every trial begins from: a station, its data, and a champion to be beaten."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from safetensors.numpy import save_file

from forecasting.settings import Settings
from forecasting.stores.registry.aliases import Move, promote
from forecasting.stores.registry.versions import Registration, connect, register
from pipelines import tracking
from pipelines.soundness import smoke_test
from tests.pipelines import oslo

MODEL = "climate-oslo"
CHAMPION = 1

#: The declaration of the pipelines' tests, with a training on all rows after the gate.
DATASET = oslo.DATASET.replace("horizon = 1\n", "horizon = 1\nrefit = true\n")


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a trial begins from: a home that is copied, and the dataset beside it."""

    folder: Path

    @property
    def dataset(self) -> str:
        """The declaration's path, as the flow takes it."""
        return str(self.folder / "oslo.toml")

    @property
    def home(self) -> Path:
        """Where every trial has its home: the store's addresses are absolute."""
        return self.folder / "home"

    @property
    def untouched(self) -> Path:
        """The home as it was."""
        return self.folder / "untouched"

    def renew(self) -> None:
        """Lay the home out as it was."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.untouched, self.home)


def prepare(folder: Path) -> Start:
    """Write the station's files and make a home with a weak champion."""
    series = oslo.make_series()
    rows = [
        f"{series.label(row).date()},{values[0]},{values[1]}"
        for row, values in enumerate(series.values)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "oslo.csv").write_text("\n".join(["date,temp,wind", *rows]) + "\n")
    (folder / "oslo.toml").write_text(DATASET)
    start = Start(folder=folder)
    enthrone(Settings(home=start.home), folder)
    shutil.copytree(start.home, start.untouched)
    return start


def write_first(folder: Path, *, wrong_by: float) -> tuple[Path, Path]:
    """Write a hand-made graph, wrong by so many °C, and its weights; returns both paths."""
    graph, weights = folder / "first.onnx", folder / "first.safetensors"
    graph.write_bytes(bearing_gaps(oslo.make_graph(wrong_by=wrong_by)))
    save_file({"bias": np.zeros(1, np.float32)}, weights)
    return graph, weights


def bearing_gaps(graph: bytes) -> bytes:
    """Let a hand-made graph read a gap as 0: the API asks for a forecast from gaps alone."""
    model = onnx.load_from_string(graph)
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == "history":
                node.input[place] = "known"
    first = [
        helper.make_node("IsNaN", ["history"], ["gaps"]),
        helper.make_node("Where", ["gaps", "zero", "history"], ["known"]),
    ]
    nodes = [*first, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())


def enthrone(settings: Settings, scratch: Path, *, wrong_by: float = 2.5) -> int:
    """Register a hand-made graph and make it champion; returns its version."""
    client = connect(settings)
    experiment = tracking.experiment_of(client, settings, MODEL)
    run = client.create_run(experiment).info.run_id
    graph, weights = write_first(scratch, wrong_by=wrong_by)
    version = register(
        client,
        graph=graph,
        weights=weights,
        card=replace(oslo.make_card(), run_id=run),
        registration=Registration(description="# The first champion", tags={}),
    )
    tracking.end_run(client, run)
    move = Move(model=MODEL, version=version, judged_against=None, who="start", why="the first")
    promote(client, settings, move, smoke_test)
    return version
