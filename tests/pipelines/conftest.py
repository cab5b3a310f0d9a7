"""One migrated store that every home gets a copy of, and homes with more and more in them."""

import json
import os
import shutil
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from data_checks.admissions import save_admission
from forecasting.climate.recipe import RECIPES
from forecasting.climate.series import ClimateSeries
from forecasting.settings import Settings
from forecasting.stores.published import CARD, GRAPH
from forecasting.stores.registry.store import ensure_store
from forecasting.stores.registry.versions import Registration, connect, register, resolve
from forecasting.stores.stations import write_station
from pipelines import fitting, judging, promotion, recording, tracking
from pipelines.admitting import station_record
from pipelines.catalogue import find_dataset
from pipelines.workspace import Plan, open_workspace
from tests import judged
from tests.pipelines import oslo


@pytest.fixture(scope="session")
def make():
    """Every builder of Oslo and of what the gate takes, by its word."""
    of_oslo = ("series", "graph", "card", "admission", "plan")
    of_the_gate = ("scores", "sound", "comparison", "duel", "evidence")
    return SimpleNamespace(
        **{name: getattr(oslo, f"make_{name}") for name in of_oslo},
        **{name: getattr(judged, f"make_{name}") for name in of_the_gate},
    )


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """A home with nothing but a migrated MLflow store."""
    home = tmp_path_factory.mktemp("store")
    ensure_store(Settings(home=home))
    return home


@pytest.fixture
def own_environment():
    """Give every variable its value back at the end: verbs set what Prefect and MLflow read."""
    before = dict(os.environ)
    yield os.environ
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def settings(tmp_path, own_environment, store):
    """A home of the test's own, with an empty store that need not be migrated again."""
    home = tmp_path / "home"
    shutil.copytree(store, home)
    own_environment["GATECAST_HOME"] = str(home)
    return Settings(home=home)


@dataclass(frozen=True, kw_only=True)
class Work:
    """A home that holds the admitted series of Oslo, and the folder of a plan on it."""

    settings: Settings
    series: ClimateSeries
    plan: Plan
    folder: Path

    def put(self, cell, graph):
        """Put a graph where the candidate of a cell would be; returns the candidate's folder."""
        path = self.folder / cell
        path.mkdir(parents=True, exist_ok=True)
        (path / GRAPH).write_bytes(graph)
        save_file({"bias": np.zeros(1, np.float32)}, path / "weights.safetensors")
        return path


@pytest.fixture
def declared(tmp_path):
    """The file that declares Oslo, with its CSV beside it; returns the TOML's path."""
    series = oslo.make_series()
    rows = [
        f"{series.label(row).date()},{values[0]},{values[1]}"
        for row, values in enumerate(series.values)
    ]
    (tmp_path / "oslo.csv").write_text("\n".join(["date,temp,wind", *rows]) + "\n")
    (tmp_path / "oslo.toml").write_text(oslo.DATASET)
    return tmp_path / "oslo.toml"


def make_work(settings):
    """Admit Oslo's series into a home and open a plan on it."""
    series = oslo.make_series()
    report = settings.root / "reports" / "oslo.html"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("<h1>oslo</h1>")
    save_admission(settings.root, oslo.make_admission(series, report))
    plan = oslo.make_plan(series)
    return Work(
        settings=settings,
        series=series,
        plan=plan,
        folder=open_workspace(settings.root, plan),
    )


@pytest.fixture
def known(work, declared):
    """A home whose station is remembered as well, as after an admission."""
    admission = oslo.make_admission(work.series, work.settings.root / "reports" / "oslo.html")
    dataset = find_dataset(str(declared))
    write_station(work.settings.root, station_record(dataset, work.series, admission))
    return work


@pytest.fixture
def version(known, tmp_path):
    """Register a hand-made graph, without any judgement; returns it as the registry has it."""
    client = connect(known.settings)

    def put(*, wrong_by=0.0, tags=None, **card):
        experiment = tracking.experiment_of(client, known.settings, "climate-oslo")
        card = oslo.make_card(run_id=client.create_run(experiment).info.run_id, **card)
        graph, weights = tmp_path / "graph.onnx", tmp_path / "graph.safetensors"
        graph.write_bytes(oslo.make_graph(wrong_by=wrong_by))
        save_file({"bias": np.zeros(1, np.float32)}, weights)
        number = register(
            client,
            graph=graph,
            weights=weights,
            card=card,
            registration=Registration(description="# Oslo's own", tags=tags or {}),
        )
        return resolve(client, f"{card.model}/{number}")

    return put


@pytest.fixture
def work(settings):
    """A home with an admitted series and an open plan."""
    return make_work(settings)


@pytest.fixture
def write_files(tmp_path):
    """Write a graph and its card as a version's folder holds them; returns the folder."""

    def write(graph, card=None):
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        (folder / GRAPH).write_bytes(graph)
        (folder / CARD).write_text(json.dumps(asdict(card or oslo.make_card())))
        return folder

    return write


@contextmanager
def tiny_quick():
    """Let the preset `quick` name what is trained in a second: two members of a few weights."""
    quick = RECIPES["quick"]
    training = replace(quick.training, epochs=3)
    with pytest.MonkeyPatch.context() as patch:
        tiny = replace(quick, folds=2, widths=(4,), head=4, training=training, pooled_windows=256)
        patch.setitem(RECIPES, "quick", tiny)
        yield tiny


@pytest.fixture
def tiny_recipe():
    with tiny_quick() as recipe:
        yield recipe


@pytest.fixture(scope="session")
def small_run(store, tmp_path_factory):
    """One whole retraining of tiny candidates, step by step as the flow does it, without Prefect.

    Nothing may be changed in its home: many tests read it.
    """
    home = tmp_path_factory.mktemp("small") / "home"
    shutil.copytree(store, home)
    with tiny_quick() as recipe, redirect_stdout(StringIO()):
        work = make_work(Settings(home=home))
        settings, folder = work.settings, work.folder
        with recording.parent_run(settings, "oslo", "quick", seed=1) as run:
            report = home / "reports" / "oslo.html"
            recording.log_admission(settings, run, oslo.make_admission(work.series, report))
            for cell in recipe.cells:
                assert fitting.main([str(settings.root), str(folder), cell]) == 0
            paths = [folder / cell for cell in recipe.cells]
            judgement = judging.judge_candidates(settings, folder, paths, run)
            judging.write_judgement(folder, judgement)
            recording.log_judgement(settings, run, folder, judgement)
            decision = promotion.decide(settings, folder, judgement, None)
            recording.log_decision(settings, run, decision)
        return SimpleNamespace(
            work=work, run=run, judgement=judgement, decision=decision, recipe=recipe
        )


@pytest.fixture(scope="session", autouse=True)
def torch_threads():
    """Candidates set torch to one thread; another suite in this process has its own again."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


COUNTS = {"stacked_origins": 300, "calibrated_origins": 150}


@pytest.fixture
def candidate(work, make):
    """Register a hand-made graph as the flow would; returns its judgement and its version."""

    client = connect(work.settings)

    def register(*, wrong_by=0.0, cell="gru", spoiled=None, blindly=False):
        path = work.put(cell, make.graph(wrong_by=wrong_by, spoiled=spoiled))
        champion, verdict = judging.judge_against_champion(
            work.settings, judging.trial_of(work.settings, work.plan), "climate-oslo", path / GRAPH
        )
        if blindly:
            verdict = replace(verdict, promoted=True)
        experiment = tracking.experiment_of(client, work.settings, "climate-oslo")
        run = client.create_run(experiment).info.run_id
        judgement = judging.Judgement(
            cell=cell,
            verdict=verdict,
            blend={"columns": [], "near": [], "far": []} | COUNTS,
            losses={cell: 0.1},
            leaderboard={cell: verdict.evidence.candidate},
            runs={cell: run},
            parameters=12,
            champion=champion,
        )
        return judgement, promotion.publish_candidate(work.settings, work.folder, judgement, run)

    return register
